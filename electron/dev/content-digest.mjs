/** Tells whether sources changed, by their content: a checkout or a copy that only touches times does not count. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { root } from './paths.mjs';

/**
 * @param {readonly string[]} paths files and folders under the root; those that do not exist count as empty
 * @param {{ accept?: (path: string) => boolean, extra?: readonly string[] }} [options] `accept` sees paths
 *   relative to the root with forward slashes; `extra` is whatever else the result depends on
 * @returns {string} 64 hex digits
 */
export function contentDigest(paths, options = {}) {
  const { accept = () => true, extra = [] } = options;
  const hash = createHash('sha256');
  for (const text of extra) hash.update(`${text.length}:${text};`);
  const files = paths
    .flatMap(listFiles)
    .map((path) => ({ path, name: relative(root, path).split(sep).join('/') }));
  files.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const { path, name } of files) {
    if (!accept(name)) continue;
    const content = readFileSync(path);
    hash.update(`${name}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/**
 * @param {string} path
 * @returns {string[]} the file, or every file below the folder
 */
export function listFiles(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return [];
  if (!stat.isDirectory()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() || entry.isFile())
    .filter((entry) => entry.name !== 'node_modules')
    .flatMap((entry) => listFiles(join(path, entry.name)));
}

/**
 * @param {string} path
 * @returns {Record<string, string>} what an earlier build recorded, empty when there was none
 */
export function readStamp(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return {};
  }
}

/**
 * @param {string} path
 * @param {Record<string, string>} stamp
 */
export function writeStamp(path, stamp) {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(stamp, null, 2)}\n`);
  renameSync(temporary, path);
}
