/** Where the development scripts find and leave things. */
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** @param {...string} parts */
export const fromRoot = (...parts) => join(root, ...parts);

/**
 * The folder for what is expensive to fetch and the same for every checkout.
 * XDG_CACHE_HOME counts only when it is absolute, as the XDG specification asks.
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {string}
 */
export function cacheDir(env = process.env) {
  const xdg = env.XDG_CACHE_HOME;
  if (xdg && isAbsolute(xdg)) return join(xdg, 'qat-workbench');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'qat-workbench');
  if (process.platform === 'win32' && env.LOCALAPPDATA)
    return join(env.LOCALAPPDATA, 'qat-workbench', 'Cache');
  return join(homedir(), '.cache', 'qat-workbench');
}

/** The pinned Electron's package folder. */
export const electronPackage = fromRoot('node_modules', 'electron');
