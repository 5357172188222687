/** What the operating system must provide: shared libraries for Electron, Xvfb, a font, a C++ toolchain. */
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { installPackages, isDebianLike } from './debian-packages.mjs';
import { isRunnable, runCommand } from './run-command.mjs';
import { SetupError } from './say.mjs';

/** Debian's packages for the libraries that Electron links to. */
const packageOfLibrary = new Map(
  Object.entries({
    'libX11.so.6': 'libx11-6',
    'libX11-xcb.so.1': 'libx11-xcb1',
    'libXcomposite.so.1': 'libxcomposite1',
    'libXdamage.so.1': 'libxdamage1',
    'libXext.so.6': 'libxext6',
    'libXfixes.so.3': 'libxfixes3',
    'libXrandr.so.2': 'libxrandr2',
    'libasound.so.2': 'libasound2',
    'libatk-1.0.so.0': 'libatk1.0-0',
    'libatk-bridge-2.0.so.0': 'libatk-bridge2.0-0',
    'libatspi.so.0': 'libatspi2.0-0',
    'libcairo.so.2': 'libcairo2',
    'libcups.so.2': 'libcups2',
    'libdbus-1.so.3': 'libdbus-1-3',
    'libdrm.so.2': 'libdrm2',
    'libexpat.so.1': 'libexpat1',
    'libgbm.so.1': 'libgbm1',
    'libgdk-3.so.0': 'libgtk-3-0',
    'libgdk_pixbuf-2.0.so.0': 'libgdk-pixbuf-2.0-0',
    'libgio-2.0.so.0': 'libglib2.0-0',
    'libglib-2.0.so.0': 'libglib2.0-0',
    'libgobject-2.0.so.0': 'libglib2.0-0',
    'libgtk-3.so.0': 'libgtk-3-0',
    'libnspr4.so': 'libnspr4',
    'libnss3.so': 'libnss3',
    'libnssutil3.so': 'libnss3',
    'libpango-1.0.so.0': 'libpango-1.0-0',
    'libpangocairo-1.0.so.0': 'libpangocairo-1.0-0',
    'libsmime3.so': 'libnss3',
    'libudev.so.1': 'libudev1',
    'libxcb.so.1': 'libxcb1',
    'libxkbcommon.so.0': 'libxkbcommon0',
  }),
);

/**
 * @param {string} lddOutput
 * @returns {string[]} the libraries that were not found, each once
 */
export function parseMissingLibraries(lddOutput) {
  return [...new Set([...lddOutput.matchAll(/^\s*(\S+) => not found/gm)].map((match) => match[1] ?? ''))];
}

/**
 * @param {readonly string[]} libraries
 * @returns {{ packages: string[], unknown: string[] }}
 */
export function packagesFor(libraries) {
  const packages = new Set();
  const unknown = [];
  for (const library of libraries) {
    const name = packageOfLibrary.get(library);
    if (name) packages.add(name);
    else unknown.push(library);
  }
  return { packages: [...packages].sort(), unknown };
}

/**
 * @param {string} executable
 * @returns {Promise<string[]>}
 */
export async function missingLibraries(executable) {
  if (process.platform !== 'linux') return [];
  return parseMissingLibraries((await runCommand('ldd', [executable])).stdout);
}

/**
 * Makes Electron able to start: its libraries, a font, and a display without a screen if one is wanted. What is
 * missing is installed in one go where we may install.
 * @param {string} executable Electron's
 * @param {{ xvfb: boolean }} wanted
 */
export async function ensureElectronSystem(executable, { xvfb }) {
  const needed = [...(xvfb && !hasXvfb() ? ['xvfb'] : []), ...fontPackages()];
  let missing = await missingLibraries(executable);
  // A library that was missing may itself need others: look again after each installation.
  for (let round = 0; round < 3 && (missing.length > 0 || (round === 0 && needed.length > 0)); ++round) {
    const { packages, unknown } = packagesFor(missing);
    if (unknown.length > 0) {
      throw new SetupError(
        `Electron needs libraries that this system lacks: ${unknown.join(', ')}`,
        'Install them with your system’s package manager.',
      );
    }
    await installPackages(round === 0 ? [...packages, ...needed] : packages, 'Electron');
    missing = await missingLibraries(executable);
  }
  if (missing.length > 0) {
    throw new SetupError(`Electron’s libraries are still missing: ${missing.join(', ')}`, 'npm run doctor');
  }
  if (xvfb && !hasXvfb())
    throw new SetupError('Xvfb is still missing after its installation', 'npm run doctor');
}

/** @returns {boolean} */
export function hasXvfb() {
  return (process.env.PATH ?? '').split(':').some((dir) => existsSync(join(dir, 'Xvfb')));
}

/** @returns {boolean} whether there is any scalable font for text that the bundled fonts lack */
export function hasFonts() {
  if (process.platform !== 'linux') return true;
  const dirs = [
    '/usr/share/fonts',
    '/usr/local/share/fonts',
    join(homedir(), '.local/share/fonts'),
    join(homedir(), '.fonts'),
  ];
  return dirs.some((dir) => {
    try {
      return readdirSync(dir, { recursive: true }).some((name) => /\.(ttf|otf|ttc)$/i.test(String(name)));
    } catch {
      return false;
    }
  });
}

/** @returns {string[]} the packages of a font, if there is none */
function fontPackages() {
  // Chromium draws without a font, only unreadably: not a reason to stop where we may not install.
  return hasFonts() || !isDebianLike() ? [] : ['fontconfig', 'fonts-dejavu-core'];
}

/** @returns {Promise<{ compiler: string | undefined, cmake: boolean }>} */
export async function findToolchain() {
  const compilers = process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++'];
  let compiler;
  for (const name of compilers) {
    if (await isRunnable(name)) {
      compiler = name;
      break;
    }
  }
  // On Windows CMake finds Visual Studio by itself; it is in nobody's PATH.
  if (process.platform === 'win32') compiler ??= 'Visual Studio';
  return { compiler, cmake: await isRunnable('cmake') };
}

export async function ensureToolchain() {
  const { compiler, cmake } = await findToolchain();
  const packages = [...(compiler ? [] : ['g++', 'make']), ...(cmake ? [] : ['cmake', 'make'])];
  if (packages.length === 0) return;
  if (process.platform === 'linux') {
    await installPackages(packages, 'building the native engine');
    return;
  }
  throw new SetupError(
    `Building the native engine needs ${[compiler ? '' : 'a C++17 compiler', cmake ? '' : 'CMake'].filter(Boolean).join(' and ')}`,
    process.platform === 'darwin'
      ? 'xcode-select --install && brew install cmake'
      : 'winget install Kitware.CMake Microsoft.VisualStudio.2022.BuildTools',
  );
}
