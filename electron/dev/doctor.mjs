/** `npm run doctor`: what this machine has, what it lacks, and how to get it. Changes nothing. */
import { existsSync, readFileSync } from 'node:fs';
import { addonPath, nativeTestPrograms } from './build-native.mjs';
import { isDebianLike } from './debian-packages.mjs';
import { installedOfficial, pinnedVersion } from './electron-official.mjs';
import {
  installedRegistryRuntime,
  isRegistryRuntimeSupported,
  registryRuntime,
} from './electron-registry.mjs';
import { electronPackage } from './paths.mjs';
import { runMain } from './say.mjs';
import { findToolchain, hasFonts, hasXvfb, missingLibraries, packagesFor } from './system.mjs';
import { hasDisplay } from './xvfb.mjs';

/** @typedef {{ name: string, ok: boolean, detail: string, remedy?: string }} Finding */

/** @returns {Finding} */
function node() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const ok = major > 20 || (major === 20 && minor >= 19);
  return { name: 'Node', ok, detail: process.versions.node, remedy: 'Install Node 20.19 or newer.' };
}

/** @returns {Finding} */
function packages() {
  const ok = existsSync(electronPackage);
  return { name: 'npm packages', ok, detail: ok ? 'installed' : 'missing', remedy: 'npm ci' };
}

/** @returns {Promise<Finding[]>} */
async function toolchain() {
  const { compiler, cmake } = await findToolchain();
  const byUs = isDebianLike()
    ? 'npm start installs it with apt; or: sudo apt-get install -y g++ cmake'
    : undefined;
  const remedy = byUs ?? 'Install a C++17 compiler and CMake ≥ 3.18.';
  return [
    { name: 'C++ compiler', ok: compiler !== undefined, detail: compiler ?? 'missing', remedy },
    { name: 'CMake', ok: cmake, detail: cmake ? 'found' : 'missing', remedy },
  ];
}

/** @returns {Finding} */
function engine() {
  const ok = existsSync(addonPath);
  const tests = nativeTestPrograms().length;
  const detail = ok ? `built${tests ? `, with ${tests} test program(s)` : ''}` : 'not built';
  return { name: 'native engine', ok, detail, remedy: 'npm run build:native (npm start does it)' };
}

/** @returns {Promise<Finding[]>} */
async function electron() {
  if (!existsSync(electronPackage)) return [];
  const override = process.env.ELECTRON_OVERRIDE_DIST_PATH;
  const official = installedOfficial();
  const fromRegistry = installedRegistryRuntime();
  const name = 'Electron';
  if (override)
    return [{ name, ok: existsSync(override), detail: `ELECTRON_OVERRIDE_DIST_PATH=${override}` }];
  const executable = official ?? fromRegistry;
  const fallback = isRegistryRuntimeSupported()
    ? `, or ${registryRuntime.electron} from the package registry`
    : '';
  const remedy = `npm start fetches it: ${pinnedVersion()}${fallback}`;
  if (!executable) return [{ name, ok: false, detail: 'not fetched yet', remedy }];
  const missing = await missingLibraries(executable);
  const install = `npm start installs them; or: sudo apt-get install -y ${packagesFor(missing).packages.join(' ')}`;
  return [
    {
      name,
      ok: true,
      detail: official ? pinnedVersion() : `${registryRuntime.electron} from the package registry`,
    },
    {
      name: 'its libraries',
      ok: missing.length === 0,
      detail: missing.join(', ') || 'complete',
      remedy: install,
    },
  ];
}

/** @returns {Finding[]} */
function display() {
  if (process.platform !== 'linux') return [];
  const shown = hasDisplay();
  const detail = shown
    ? (process.env.DISPLAY ?? process.env.WAYLAND_DISPLAY ?? '')
    : 'none: npm start runs the tour';
  return [
    { name: 'display', ok: true, detail },
    {
      name: 'Xvfb',
      ok: hasXvfb(),
      detail: hasXvfb() ? 'found' : 'missing',
      remedy: 'npm test installs it; or: sudo apt-get install -y xvfb',
    },
    {
      name: 'fonts',
      ok: hasFonts(),
      detail: hasFonts() ? 'found' : 'none',
      remedy: 'sudo apt-get install -y fonts-dejavu-core',
    },
    ...sandbox(),
  ];
}

/** Ubuntu 23.10 and newer forbid the user namespaces of which Chromium makes its sandbox. @returns {Finding[]} */
function sandbox() {
  if (process.getuid?.() === 0) return [];
  const path = '/proc/sys/kernel/apparmor_restrict_unprivileged_userns';
  const restricted = existsSync(path) && readFileSync(path, 'utf8').trim() === '1';
  const remedy = 'sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (until the next boot)';
  return [
    { name: 'sandbox', ok: !restricted, detail: restricted ? 'restricted by AppArmor' : 'possible', remedy },
  ];
}

await runMain(async () => {
  const findings = [
    node(),
    packages(),
    ...(await toolchain()),
    engine(),
    ...(await electron()),
    ...display(),
  ];
  for (const { name, ok, detail, remedy } of findings) {
    process.stdout.write(`${ok ? 'ok     ' : 'MISSING'} ${name.padEnd(14)} ${detail}\n`);
    if (!ok && remedy) process.stdout.write(`        ${''.padEnd(14)} → ${remedy}\n`);
  }
  return findings.every((finding) => finding.ok) ? 0 : 1;
});
