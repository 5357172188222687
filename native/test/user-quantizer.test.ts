/** loadQuantizer and layers on a library's grid, through the addon. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorOf, expectArgumentErrors } from './expect-error.js';
import { randomFloats } from './fixtures.js';
import { appRoot, loadAddon } from './load-addon.js';

const addon = loadAddon();
const folder = mkdtempSync(join(tmpdir(), 'qat-quantizer-'));
const library = join(folder, 'geometric.so');
beforeAll(() => {
  const source = join(appRoot, 'native/examples/geometric.c');
  const include = join(appRoot, 'native/include');
  const flags = ['-std=c99', '-O2', '-shared', '-fPIC', '-I', include, source, '-o', library, '-lm'];
  execFileSync(process.env.CC || 'cc', flags);
});
afterAll(() => rmSync(folder, { recursive: true }));

const user = { grid: 'user', method: 'user', library: 'user:geometric' } as const;

describe('loadQuantizer', () => {
  it('refuses what is no absolute path of a regular file, and files that are no quantizer library', () => {
    expectArgumentErrors({
      none: () => addon.loadQuantizer(undefined as never),
      number: () => addon.loadQuantizer(3 as never),
      relative: () => addon.loadQuantizer('geometric.so'),
      name: () => addon.loadQuantizer('libm.so.6'),
    });
    const text = join(folder, 'text.so');
    writeFileSync(text, 'not a library');
    for (const path of [folder, join(folder, 'none.so'), text]) {
      const error = errorOf(() => addon.loadQuantizer(path));
      expect(error.code, path).toBe('E-QUANTIZER-LIBRARY');
      expect(error.message).toContain(path);
    }
  });

  it('says what the library declares, the same at every call and by every path', () => {
    const first = addon.loadQuantizer(library);
    expect(first).toEqual({
      id: 'user:geometric',
      name: 'geometric',
      version: '1.0',
      description: expect.stringContaining('geometric series'),
      bits: [2, 3, 4, 5, 6, 7, 8],
      parameters: [
        { name: 'scale', least: expect.closeTo(1e-20, 25), isLearned: true },
        { name: 'ratio', least: 0.25, isLearned: true },
      ],
    });
    const link = join(folder, 'link.so');
    symlinkSync(library, link);
    expect(addon.loadQuantizer(link)).toEqual(first);
  });
});

describe('a layer on the grid of a library', () => {
  const values = randomFloats(6 * 20, 3);
  const options = { inChannels: 20, outChannels: 6, wBit: 3, aBit: 32 };

  it('packs codes with their levels, which are enough to use it', () => {
    const layer = addon.createLinear({ ...options, weight: user });
    layer.setWeightData(values);
    layer.prepareParams();
    const { scales, parameters, levels } = layer.scales();
    expect(scales).toHaveLength(6);
    expect(parameters).toHaveLength(6);
    expect(levels).toHaveLength(48);
    layer.eval();
    const shown = layer.optWeight();
    if (shown.kind !== 'packed') throw new Error('not packed');
    expect(shown.qweight.library).toBe('user:geometric');
    const x = randomFloats(3 * 20, 4);
    const { library: _, parameters: __, ...stored } = shown.qweight;
    const reader = addon.createLinear({ ...options, weight: { grid: 'user', method: 'user' } });
    reader.setQuantizedWeightData(stored);
    expect(reader.forward(x)).toEqual(layer.forward(x));
    const without = errorOf(() => reader.setQuantizedWeightData({ ...stored, levels: undefined }));
    expect(without.code).toBe('E-NATIVE-ARGUMENT');
    layer.dispose();
    reader.dispose();
  });

  it('refuses a library that is not loaded, bits it does not exist at, and operations that do not know it', () => {
    const unknown = addon.createLinear({ ...options, weight: { ...user, library: 'user:unknown' } });
    unknown.setWeightData(values);
    expect(errorOf(() => unknown.prepareParams()).code).toBe('E-QUANTIZER-LIBRARY');
    unknown.dispose();
    const one = errorOf(() => addon.createLinear({ ...options, wBit: 1, weight: user }));
    expect(one.code).toBe('E-QUANTIZER-INVALID');
    expect(one.message).toContain('geometric');
    const trainedByAnother = () => addon.createLinear({ ...options, weight: { ...user, method: 'lsq' } });
    expect(errorOf(trainedByAnother).code).toBe('E-QUANTIZER-INVALID');
    expectArgumentErrors({
      'library number': () => addon.createLinear({ ...options, weight: { ...user, library: 3 as never } }),
    });
  });
});
