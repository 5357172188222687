/** The parts of a quantizer: one table says what there is and what fits what, and the engine agrees. */
import { describe, expect, it } from 'vitest';
import {
  type ActivationQuantizer,
  activationQuantizerSchema,
  bitWidths,
  codeRange,
  defaultLayerConfig,
  granularities,
  grids,
  idsOf,
  legalActivation,
  legalWeight,
  methods,
  methodTable,
  rangeEstimators,
  rangeTable,
  roundings,
  roundingTable,
  type WeightQuantizer,
  weightQuantizerSchema,
} from '../../electron/contract/index.js';
import type { NativeQuantizer } from '../index.js';
import { errorOf } from './expect-error.js';
import { analyzeOptions, quantizer, randomFloats } from './fixtures.js';
import { loadAddon } from './load-addon.js';

const addon = loadAddon();
const rows = 6;
const cols = 40;
const values = randomFloats(rows * cols, 3);
const tensor = addon.tensorFromArray(values, rows, cols);

const estimate = (changes: Partial<NativeQuantizer>) =>
  addon.ops.estimateScales(values, rows, cols, quantizer(4, changes));

/** The code of the error that a call throws, or null. */
function codeOf(call: () => unknown): string | null {
  try {
    call();
    return null;
  } catch {
    return errorOf(call).code;
  }
}

describe('the table of parts', () => {
  it('lists what the engine has', () => {
    const parts = addon.quantizerParts();
    expect([...parts.grids].sort()).toEqual([...grids].sort());
    expect([...parts.granularities].sort()).toEqual([...granularities].sort());
    expect([...parts.ranges].sort()).toEqual([...rangeEstimators].sort());
    expect([...parts.methods].sort()).toEqual([...methods].sort());
    expect([...parts.roundings].sort()).toEqual(idsOf(roundingTable).sort());
  });

  it('says which grid, bits and range estimator fit, as the engine does', () => {
    // What a library's grid fits is asked of the library: user-quantizer.test.ts.
    for (const grid of grids.filter((one) => one !== 'user')) {
      for (const bits of bitWidths.filter((width) => width !== 32)) {
        for (const range of rangeEstimators) {
          const method = range === 'ttq' ? 'ttq' : 'lsq';
          const config = { ...defaultLayerConfig.weight, bits, grid, range, method } as const;
          const refused = codeOf(() => addon.ops.estimateScales(values, rows, cols, config));
          const legal = weightQuantizerSchema.safeParse(config).success;
          expect(refused, `${grid} ${bits} ${range}`).toBe(legal ? null : 'E-QUANTIZER-INVALID');
        }
      }
    }
  });

  it('says which range estimators fit activations, as the engine does', () => {
    for (const range of rangeEstimators) {
      for (const grid of ['signed', 'unsigned'] as const) {
        const activation = { ...defaultLayerConfig.activation, grid, range };
        const make = () => addon.createLinear({ inChannels: 4, outChannels: 2, activation }).dispose();
        const legal = activationQuantizerSchema.safeParse(activation).success;
        expect(codeOf(make), range).toBe(legal ? null : 'E-QUANTIZER-INVALID');
      }
    }
  });

  it('says which method trains which weights, as the engine does', () => {
    for (const method of methods) {
      for (const grid of grids) {
        for (const granularity of granularities) {
          for (const range of ['mse', 'twn', 'ttq'] as const) {
            const bits = grid === 'binary' ? 1 : 2;
            const library = method === 'user' ? 'user:none' : undefined;
            const parts = { bits, grid, granularity, range, method, ...(library && { library }) } as const;
            const weight = { ...defaultLayerConfig.weight, ...parts } as const;
            const { bits: wBit, ...rest } = weight;
            const make = () =>
              addon.createLinear({ inChannels: 128, outChannels: 2, wBit, aBit: 32, weight: rest }).dispose();
            const legal = weightQuantizerSchema.safeParse(weight).success;
            expect(codeOf(make), JSON.stringify(weight)).toBe(legal ? null : 'E-QUANTIZER-INVALID');
          }
        }
      }
    }
  });

  it('says which method trains which activations, as the engine does', () => {
    for (const method of methods) {
      for (const grid of ['signed', 'unsigned'] as const) {
        for (const bits of bitWidths) {
          const activation = { ...defaultLayerConfig.activation, bits, grid, method };
          const { bits: aBit, ...rest } = activation;
          const make = () =>
            addon.createLinear({ inChannels: 4, outChannels: 2, aBit, activation: rest }).dispose();
          const legal = activationQuantizerSchema.safeParse(activation).success;
          // Float activations carry a method for later, which the engine does not look at.
          if (bits !== 32) {
            expect(codeOf(make), JSON.stringify(activation)).toBe(legal ? null : 'E-QUANTIZER-INVALID');
          }
        }
      }
    }
  });

  it('stays legal whatever is chosen after what, the last choice kept', () => {
    const choices: Partial<WeightQuantizer>[] = [
      ...bitWidths.map((bits) => ({ bits })),
      ...grids.map((grid) => ({ grid })),
      ...granularities.map((granularity) => ({ granularity })),
      ...rangeEstimators.filter((range) => rangeTable[range].weights).map((range) => ({ range })),
      ...methods
        .filter((method) => methodTable[method].weightGrids.length > 0)
        .map((method) => (method === 'user' ? { method, library: 'user:none' } : { method })),
      ...roundings.map((rounding) => ({ rounding })),
    ];
    for (const first of choices) {
      const one = legalWeight(defaultLayerConfig.weight, first);
      for (const second of choices) {
        const two = legalWeight(one, second);
        const sent = JSON.stringify([first, second, two]);
        expect(weightQuantizerSchema.safeParse(two).success, sent).toBe(true);
        if ('rounding' in second || 'method' in second) expect(two, sent).toMatchObject(second);
      }
    }
    const hqq = legalWeight(legalWeight(defaultLayerConfig.weight, { bits: 1 }), { rounding: 'hqq' });
    expect(hqq).toMatchObject({ bits: 2, grid: 'unsigned', rounding: 'hqq' });
    expect(legalWeight(hqq, { granularity: 'tensor' })).toMatchObject({ rounding: 'nearest' });
  });

  it('brings what a chosen method needs, and gives the method up for what is chosen after it', () => {
    const weight = (...changes: Partial<WeightQuantizer>[]) =>
      changes.reduce(legalWeight, defaultLayerConfig.weight);
    expect(weight({ method: 'ttq' })).toMatchObject({ bits: 2, grid: 'ternary', range: 'ttq' });
    expect(weight({ grid: 'ternary' }, { range: 'ttq' })).toMatchObject({ method: 'ttq' });
    expect(weight({ method: 'ttq' }, { range: 'twn' })).toMatchObject({ method: 'lsq', range: 'twn' });
    expect(weight({ method: 'ttq' }, { method: 'ste' })).toMatchObject({ method: 'ste', range: 'mse' });
    expect(weight({ method: 'dorefa' })).toMatchObject({ bits: 4, grid: 'midrise', granularity: 'tensor' });
    expect(weight({ method: 'dorefa' }, { granularity: 'group' })).toMatchObject({ method: 'lsq' });
    expect(weight({ method: 'irnet' })).toMatchObject({ bits: 1, grid: 'binary', granularity: 'channel' });
    expect(weight({ method: 'irnet' }, { bits: 4 })).toMatchObject({ method: 'lsq', grid: 'signed' });
    const user = { method: 'user', library: 'user:own' } as const;
    expect(weight(user)).toMatchObject({ grid: 'user', ...user });
    expect(weight(user, { bits: 3 })).toMatchObject({ bits: 3, grid: 'user', ...user });
    expect(weight(user, { method: 'ste' })).not.toHaveProperty('library');
    expect(weight(user, { grid: 'narrow' })).toMatchObject({ grid: 'narrow', method: 'lsq' });
    expect(weight({ method: 'user' })).toMatchObject({ grid: 'signed', method: 'lsq' });
    const activation = (...changes: Partial<ActivationQuantizer>[]) =>
      changes.reduce(legalActivation, defaultLayerConfig.activation);
    expect(activation({ method: 'pact' })).toMatchObject({ bits: 4, grid: 'unsigned', method: 'pact' });
    expect(activation({ method: 'pact' }, { grid: 'auto' })).toMatchObject({ grid: 'auto', method: 'lsq' });
    expect(activation({ method: 'lsqPlus' }, { bits: 1 })).toMatchObject({ bits: 1, method: 'lsq' });
    expect(activation({ bits: 1 }, { method: 'lsqPlus' })).toMatchObject({ bits: 2, method: 'lsqPlus' });
  });

  it('keeps every change of a quantizer legal', () => {
    for (const method of methods) {
      const from = legalWeight(defaultLayerConfig.weight, { method });
      expect(weightQuantizerSchema.safeParse(from).success, method).toBe(true);
      for (const range of rangeEstimators) {
        const changed = legalWeight(from, { range });
        expect(weightQuantizerSchema.safeParse(changed).success, JSON.stringify(changed)).toBe(true);
      }
      for (const granularity of granularities) {
        const changed = legalWeight(from, { granularity });
        expect(weightQuantizerSchema.safeParse(changed).success, JSON.stringify(changed)).toBe(true);
        expect(changed.granularity).toBe(granularity);
      }
      const activation = legalActivation(defaultLayerConfig.activation, { method });
      expect(activationQuantizerSchema.safeParse(activation).success, method).toBe(true);
    }
    for (const start of grids.filter((grid) => grid !== 'user')) {
      const from = legalWeight(defaultLayerConfig.weight, { grid: start });
      expect(from.grid).toBe(start);
      for (const range of rangeEstimators) {
        for (const bits of bitWidths) {
          const changed = legalWeight({ ...from, range }, { bits });
          expect(weightQuantizerSchema.safeParse(changed).success, JSON.stringify(changed)).toBe(true);
          expect(changed.bits).toBe(bits);
        }
        for (const grid of grids.filter((one) => one !== 'user')) {
          const changed = legalWeight({ ...from, range }, { grid });
          expect(weightQuantizerSchema.safeParse(changed).success, JSON.stringify(changed)).toBe(true);
          expect(changed.grid).toBe(grid);
        }
      }
    }
  });

  it('opens quantizers from before there were parameters', () => {
    const { success } = weightQuantizerSchema.safeParse({
      bits: 4,
      grid: 'signed',
      granularity: 'channel',
      groupSize: 64,
      range: 'mse',
      method: 'lsq',
    });
    expect(success).toBe(true);
  });
});

describe('range estimators', () => {
  it('take their default when a parameter is left out, and the parameter when not', () => {
    const percentile = (value?: number) => estimate({ range: 'percentile', percentile: value }).scales;
    expect(percentile()).toEqual(percentile(99.9));
    expect(percentile(60)).not.toEqual(percentile());
    const norm = (value?: number) => estimate({ range: 'lp', norm: value }).scales;
    expect(norm()).toEqual(norm(2.4));
    expect(norm(1)).not.toEqual(norm());
  });

  it('refuse parameters out of range', () => {
    for (const wrong of [{ percentile: 49 }, { percentile: Number.NaN }, { norm: 0 }, { norm: 5 }]) {
      expect(
        codeOf(() => estimate(wrong)),
        JSON.stringify(wrong),
      ).toBe('E-NATIVE-ARGUMENT');
    }
  });

  it('give thresholds for the ternary grid, two levels for TTQ, and nothing of the kind elsewhere', () => {
    const twn = estimate({ bits: 2, grid: 'ternary', range: 'twn' });
    expect(twn.thresholds).toHaveLength(rows);
    expect(twn.negativeScales).toBeUndefined();
    const ttq = estimate({ bits: 2, grid: 'ternary', range: 'ttq' });
    expect(ttq.negativeScales).toHaveLength(rows);
    expect(estimate({ grid: 'midrise' }).thresholds).toBeUndefined();
    const first = Array.from(values.subarray(0, cols), Math.abs);
    const delta = (0.7 * first.reduce((sum, value) => sum + value, 0)) / cols;
    const above = first.filter((value) => value > delta);
    expect(twn.thresholds?.[0]).toBeCloseTo(delta, 5);
    expect(twn.scales[0]).toBeCloseTo(above.reduce((sum, value) => sum + value, 0) / above.length, 5);
  });
});

describe('an analysis', () => {
  it('draws levels, codes and errors of every grid, as single operations compute them', async () => {
    for (const grid of grids.filter((one) => one !== 'user')) {
      const config = legalWeight(defaultLayerConfig.weight, { grid, granularity: 'tensor' });
      const options = analyzeOptions(config.bits, { quantizer: config });
      const whatIf = await addon.whatIf(tensor, options);
      const { qmin, qmax } = codeRange(grid, config.bits);
      expect(whatIf.codeCounts, grid).toHaveLength(qmax - qmin + 1);
      expect(whatIf.levels.values).toHaveLength(qmax - qmin + 1);
      expect(whatIf.codeCounts.reduce((sum, count) => sum + count, 0)).toBe(values.length);
      if (grid !== 'binary') {
        const found = addon.ops.estimateScales(values, rows, cols, config);
        const offset = grid === 'midrise' ? 0.5 : 0;
        const quantized = addon.ops.fakeQuant(values, rows, cols, { ...found, qmin, qmax, offset });
        const squares = values.reduce((sum, value, i) => sum + (value - (quantized[i] ?? 0)) ** 2, 0);
        expect(whatIf.error.mse).toBeCloseTo(squares / values.length, 8);
        const levels = new Set(Array.from(quantized, (value) => value + 0));
        expect(whatIf.levels.values).toEqual(expect.arrayContaining([...levels]));
      }
      const analysis = await addon.analyze(tensor, options);
      expect(analysis.byBits.map((error) => error.bits)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      expect(analysis.byBits[config.bits - 1]?.mse).toBeCloseTo(whatIf.error.mse, 10);
    }
  });

  it('takes given thresholds and negative scales', async () => {
    const config = {
      ...quantizer(2, { grid: 'ternary', granularity: 'tensor', range: 'ttq', method: 'ttq' }),
    };
    const scales = {
      scales: Float32Array.of(0.5),
      zeroPoints: new Int32Array(0),
      thresholds: Float32Array.of(1),
      negativeScales: Float32Array.of(0.25),
    };
    const whatIf = await addon.whatIf(tensor, analyzeOptions(2, { quantizer: config, scales }));
    expect(whatIf.levels.values).toEqual([-0.25, 0, 0.5]);
    expect(whatIf.codeCounts[2]).toBe(values.filter((value) => value > 1).length);
    expect(whatIf.codeCounts[0]).toBe(values.filter((value) => value < -1).length);
  });
});
