/**
 * `node native/test/sanitize.mjs [vitest filters]`: builds the addon with AddressSanitizer and
 * UndefinedBehaviorSanitizer into native/build-asan and runs its tests under plain Node (never under Electron,
 * which hangs with a preloaded sanitizer). Exit code 0 when every test passed; a sanitizer's report ends the
 * test process and so fails its tests.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const appRoot = resolve(fileURLToPath(import.meta.url), '../../..');
const buildFolder = join(appRoot, 'native', 'build-asan');
const addon = join(buildFolder, 'qat_native.node');
const compiler = process.env.CXX || 'g++';

function run(command, args, env = process.env) {
  const { status, error } = spawnSync(command, args, { cwd: appRoot, stdio: 'inherit', env });
  if (error) throw error;
  return status ?? 1;
}

function build() {
  const configure = [
    ['-S', 'native', '-B', buildFolder, '-DCMAKE_BUILD_TYPE=Release'],
    ['-DQAT_SANITIZE=address,undefined', '-DQAT_BUILD_TESTS=OFF', `-DCMAKE_CXX_COMPILER=${compiler}`],
  ].flat();
  const status = run('cmake', configure) || run('cmake', ['--build', buildFolder, '-j2', '-t', 'qat_native']);
  if (status !== 0) process.exit(status);
}

/** Sanitizer run-time libraries must be loaded before anything else in the process. */
function preloads() {
  return ['libasan.so', 'libubsan.so']
    .map((name) => execFileSync(compiler, [`-print-file-name=${name}`], { encoding: 'utf8' }).trim())
    .filter((path) => existsSync(path))
    .join(':');
}

build();
const libraries = preloads();
if (!libraries) {
  console.error(`${compiler} has no shared libasan: the addon's tests cannot run under the sanitizers here.`);
  process.exit(1);
}
const vitest = join(appRoot, 'node_modules', 'vitest', 'vitest.mjs');
const filters = process.argv.length > 2 ? process.argv.slice(2) : ['native/test/'];
const status = run(
  process.execPath,
  [vitest, 'run', '--project', 'node', '--testTimeout', '180000', ...filters],
  {
    ...process.env,
    QAT_ADDON_PATH: addon,
    LD_PRELOAD: libraries,
    // Node itself never frees all it has at exit; V8's own handlers must stay in place.
    ASAN_OPTIONS: 'detect_leaks=0:allow_user_segv_handler=1:halt_on_error=1',
    UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
  },
);
process.exit(status);
