/**
 * Checks the dependency directions: `node electron/dev/check-boundaries.mjs`. Biome says the simple ones in the
 * editor; this says all of them, for TypeScript and C++.
 */
import { readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addonFolder, closedPackages, hostFolder, testPackages, zoneOf } from './boundary-rules.mjs';
import { listFiles } from './content-digest.mjs';
import { fromRoot, root } from './paths.mjs';
import { runMain } from './say.mjs';
import { scanIncludes, scanScript } from './source-scan.mjs';

/** @typedef {{ file: string, line: number, message: string }} Violation */

const scriptPattern = /\.([cm]?[jt]s|[jt]sx)$/;
const cppPattern = /\.(h|hpp|cc|cpp|cu|cuh)$/;
const builtins = new Set(builtinModules);

/**
 * @param {ReadonlyMap<string, string>} files content by path relative to the root, forward slashes
 * @returns {Violation[]}
 */
export function checkBoundaries(files) {
  /** @type {Violation[]} */
  const violations = [];
  /** @type {Violation[]} */
  const routers = [];
  for (const [file, code] of files) {
    if (cppPattern.test(file)) violations.push(...checkCpp(file, code));
    else if (scriptPattern.test(file)) violations.push(...checkScript(file, code, routers));
  }
  if (new Set(routers.map((violation) => violation.file)).size > 1) violations.push(...routers);
  return violations;
}

/**
 * @param {string} file
 * @param {string} code
 * @param {Violation[]} routers receives each import of ipcMain
 * @returns {Violation[]}
 */
function checkScript(file, code, routers) {
  const zone = zoneOf(file);
  if (!zone)
    return [{ file, line: 1, message: 'lies in no folder of the architecture (boundary-rules.mjs)' }];
  const scan = scanScript(file, code);
  if (scan.error) return [{ file, line: 1, message: `cannot be read: ${scan.error}` }];
  /** @type {Violation[]} */
  const violations = [];
  for (const { from, names, line } of scan.imports) {
    const message = problemOf(file, zone, from);
    if (message) violations.push({ file, line, message });
    if (from === 'electron' && names.includes('ipcMain')) {
      routers.push({ file, line, message: 'ipcMain is imported in more than one file: only the router may' });
    }
  }
  if (file.startsWith('renderer/') && !file.startsWith(`${hostFolder}/`)) {
    const message = `touches window.qat: only ${hostFolder} may`;
    violations.push(...scan.bridgeLines.map((line) => ({ file, line, message })));
  }
  return violations;
}

/**
 * @param {string} file
 * @param {import('./boundary-rules.mjs').Zone} zone
 * @param {string} from
 * @returns {string | undefined} what is wrong with the import
 */
function problemOf(file, zone, from) {
  const isTest = /(\.test|\/test-support)\.\w+$/.test(file) || file.startsWith('native/test/');
  if (from.startsWith('.')) {
    const target = posix.join(posix.dirname(file), from.replace(/\?.*$/, ''));
    const other = zoneOf(target);
    if (!other || other === zone || zone.zones.includes(other.folder)) return undefined;
    return `${zone.folder} must not import ${other.folder} (${from})`;
  }
  if (from.startsWith('/')) return `imports by an absolute path (${from})`;
  if (from.startsWith('node:') || builtins.has(from)) {
    return zone.node || isTest ? undefined : `${zone.folder} must not import Node’s ${from}`;
  }
  const name = from.split('/', from.startsWith('@') ? 2 : 1).join('/');
  if (zone.packages === 'any' ? !closedPackages.includes(name) : zone.packages.includes(name))
    return undefined;
  if (isTest && testPackages.includes(name)) return undefined;
  return `${zone.folder} must not import the package ${name}`;
}

/**
 * @param {string} file
 * @param {string} code
 * @returns {Violation[]}
 */
function checkCpp(file, code) {
  if (file.startsWith(`${addonFolder}/`)) return [];
  return scanIncludes(code).flatMap(({ from, line, quoted }) => {
    if (/(^|\/)(napi|napi-inl|node_api|js_native_api)(_types)?\.h$/.test(from)) {
      return [{ file, line, message: `includes ${from}: only ${addonFolder} may` }];
    }
    if (/(^|\/)addon\//.test(from))
      return [{ file, line, message: `includes ${from}: nothing lies above the addon` }];
    if (file.startsWith('native/include/') && quoted && !from.startsWith('qat/')) {
      return [{ file, line, message: `a public header must not include ${from}` }];
    }
    return [];
  });
}

/** @returns {Map<string, string>} the sources that are checked */
export function readSources() {
  const paths = ['electron', 'renderer', 'native', 'e2e'].flatMap((folder) => listFiles(fromRoot(folder)));
  /** @type {Map<string, string>} */
  const files = new Map();
  for (const path of paths) {
    const name = relative(root, path).split(sep).join('/');
    if (name.startsWith('native/build')) continue;
    if (scriptPattern.test(name) || cppPattern.test(name)) files.set(name, readFileSync(path, 'utf8'));
  }
  return files;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    const files = readSources();
    const violations = checkBoundaries(files);
    for (const { file, line, message } of violations) process.stdout.write(`${file}:${line}: ${message}\n`);
    process.stdout.write(`boundaries: ${files.size} files, ${violations.length} violations\n`);
    return violations.length === 0 ? 0 : 1;
  });
}
