/** The module is what its declaration says, and nothing else leaves the shared object. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { defaultAddonPath, loadNative } from '../index.js';
import { errorOf } from './expect-error.js';
import { addonPath, appRoot, loadAddon } from './load-addon.js';

const addon = loadAddon();

describe('module', () => {
  it('has the version of the package', () => {
    const { version } = JSON.parse(readFileSync(join(appRoot, 'package.json'), 'utf8'));
    expect(addon.info().version).toBe(version);
  });

  it('runs one of the kernel levels it names', () => {
    const { isa, isaAvailable, threads } = addon.info();
    expect(isaAvailable[0]).toBe('ref');
    expect(isaAvailable).toContain(isa);
    expect(threads).toBeGreaterThanOrEqual(1);
  });

  it('lets the environment lower the kernel level, never raise it', () => {
    const script = 'process.stdout.write(require(process.argv[1]).info().isa)';
    const isaWith = (level: string) =>
      execFileSync(process.execPath, ['-e', script, addonPath], {
        env: { ...process.env, QAT_ISA: level },
        encoding: 'utf8',
      });
    for (const level of addon.info().isaAvailable) expect(isaWith(level)).toBe(level);
    expect(isaWith('avx9999')).toBe(addon.info().isaAvailable.at(-1));
  });

  it('a missing addon is a typed error that says how to build it', () => {
    const path = defaultAddonPath('/no/such/folder');
    const error = errorOf(() => loadNative(path));
    expect(error.code).toBe('E-NATIVE-MISSING');
    expect(error.message).toContain(path);
    expect(error.remedy).toContain('npm run build:native');
  });
});
