/** Builds the native engine with CMake: `node electron/dev/build-native.mjs [--tests]`. */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { contentDigest, readStamp, writeStamp } from './content-digest.mjs';
import { withFileLock } from './file-lock.mjs';
import { fromRoot } from './paths.mjs';
import { describeEnd, isRunnable, runCommand } from './run-command.mjs';
import { runMain, SetupError, say, secondsSince } from './say.mjs';
import { ensureToolchain } from './system.mjs';

export const buildDir = fromRoot('native', 'build');
export const addonPath = join(buildDir, 'qat_native.node');
const stampPath = join(buildDir, 'qat-stamp.json');
const buildMs = 30 * 60_000;

/**
 * @typedef {{ tests?: boolean }} NativeBuildOptions also build the C++ test programs
 */

/**
 * Builds what is out of date; returns at once when nothing is.
 * @param {NativeBuildOptions} [options]
 */
export async function buildNative({ tests = false } = {}) {
  const key = tests ? 'tests' : 'addon';
  const digest = sourcesDigest(tests);
  const addonDigest = sourcesDigest(false);
  if (isCurrent(key, digest, tests)) return;
  await ensureToolchain();
  await withFileLock(
    `${buildDir}.lock`,
    async () => {
      if (isCurrent(key, digest, tests)) return;
      const startMs = performance.now();
      say(`building the native engine${tests ? ' and its tests' : ''} (the first time takes minutes)`);
      dropForeignBuild();
      await cmake(await configureArguments(), 'configure');
      const target = tests ? [] : ['--target', 'qat_native'];
      const jobs = String(availableParallelism());
      await cmake(['--build', buildDir, '--config', 'Release', '--parallel', jobs, ...target], 'build');
      if (!existsSync(addonPath)) {
        throw new SetupError(
          `The build ended without ${addonPath}`,
          'Remove native/build and run npm run build:native.',
        );
      }
      // The tests' build makes the addon too.
      writeStamp(stampPath, { ...readStamp(stampPath), addon: addonDigest, [key]: digest });
      say(`built the native engine${tests ? ' and its tests' : ''} (${secondsSince(startMs)})`);
    },
    { onWait: (pid) => say(`process ${pid} is building the native engine; waiting for it`) },
  );
}

/** @returns {string[]} the built C++ test programs */
export function nativeTestPrograms() {
  if (!existsSync(buildDir)) return [];
  return readdirSync(buildDir)
    .filter((name) => /^qat_(\w+_)?tests(\.exe)?$/.test(name))
    .sort()
    .map((name) => join(buildDir, name));
}

/**
 * @param {string} key
 * @param {string} digest
 * @param {boolean} tests
 */
function isCurrent(key, digest, tests) {
  if (readStamp(stampPath)[key] !== digest || !existsSync(addonPath)) return false;
  return !tests || nativeTestPrograms().length > 0;
}

/** @param {boolean} tests */
function sourcesDigest(tests) {
  const paths = ['CMakeLists.txt', 'cmake', 'include', 'src', ...(tests ? ['tests', 'examples'] : [])];
  const headers = ['node-addon-api', 'node-api-headers'].map((name) => {
    const path = fromRoot('node_modules', name, 'package.json');
    if (!existsSync(path)) throw new SetupError(`The package ${name} is not installed`, 'npm ci');
    return `${name}@${JSON.parse(readFileSync(path, 'utf8')).version}`;
  });
  const { CXX = '', CXXFLAGS = '' } = process.env;
  return contentDigest(
    paths.map((path) => fromRoot('native', path)),
    { extra: [process.platform, process.arch, CXX, CXXFLAGS, ...headers] },
  );
}

/** CMake refuses a folder that was configured elsewhere, as after copying a checkout with its build. */
function dropForeignBuild() {
  try {
    const cache = readFileSync(join(buildDir, 'CMakeCache.txt'), 'utf8');
    const home = /^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$/m.exec(cache)?.[1];
    if (home !== fromRoot('native').replaceAll('\\', '/')) rmSync(buildDir, { recursive: true, force: true });
  } catch {
    // Never configured.
  }
}

async function configureArguments() {
  const configured = existsSync(join(buildDir, 'CMakeCache.txt'));
  // Changing the generator of a configured folder is an error; Ninja is only a faster default.
  const useNinja = !configured && process.platform !== 'win32' && (await isRunnable('ninja'));
  return [
    '-S',
    fromRoot('native'),
    '-B',
    buildDir,
    ...(useNinja ? ['-G', 'Ninja'] : []),
    '-DCMAKE_BUILD_TYPE=Release',
    '-DQAT_BUILD_TESTS=ON',
  ];
}

/**
 * @param {string[]} args
 * @param {string} step
 */
async function cmake(args, step) {
  const result = await runCommand('cmake', args, { timeoutMs: buildMs });
  if (result.code === 0) return;
  const output = `${result.stdout}\n${result.stderr}`.trim().split('\n').slice(-60).join('\n');
  throw new SetupError(
    `CMake’s ${step} step ${describeEnd(result)}:\n${output}`,
    'Fix what the compiler reports; npm run doctor checks the tools (a C++17 compiler and CMake ≥ 3.18).',
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    await buildNative({ tests: process.argv.includes('--tests') });
  });
}
