/** statistics, histogram, analyze and whatIf agree with each other and with plain sums. */
import { describe, expect, it } from 'vitest';
import type { NativeWhatIf } from '../index.js';
import type { NativeQuantizer } from '../quantizer.js';
import { analyzeOptions, manyFloats, quantizer, randomFloats } from './fixtures.js';
import { loadAddon } from './load-addon.js';

const addon = loadAddon();
const rows = 37;
const cols = 129;
const values = randomFloats(rows * cols, 11, 0.05);
const tensor = addon.tensorFromArray(values, rows, cols);

const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);

function expectConsistent(whatIf: NativeWhatIf, count: number, bits: number): void {
  expect(whatIf.error.bits).toBe(bits);
  expect(sum(whatIf.codeCounts)).toBe(count);
  expect(whatIf.error.codesUsed).toBe(whatIf.codeCounts.filter((n) => n > 0).length);
  expect(whatIf.error.codesTotal).toBe(whatIf.codeCounts.length);
  expect(whatIf.error.codeEntropyBits).toBeLessThanOrEqual(Math.log2(whatIf.codeCounts.length) + 1e-9);
  expect(whatIf.levels.values).toEqual([...whatIf.levels.values].sort((a, b) => a - b));
  expect(whatIf.levels.clipLow).toBeLessThan(whatIf.levels.clipHigh);
  expect(whatIf.levels.scaleMin).toBeLessThanOrEqual(whatIf.levels.scaleMax);
  expect(whatIf.error.clippedShare).toBeGreaterThanOrEqual(0);
  expect(whatIf.error.clippedShare).toBeLessThanOrEqual(1);
}

describe('statistics', () => {
  it('are those of the values', async () => {
    const s = await addon.statistics(tensor, [0, 50, 100]);
    const mean = sum(Array.from(values)) / values.length;
    const variance = sum(Array.from(values, (v) => (v - mean) ** 2)) / values.length;
    expect(s.count).toBe(values.length);
    expect(s.min).toBe(Math.min(...values));
    expect(s.max).toBe(Math.max(...values));
    expect(s.mean).toBeCloseTo(mean, 12);
    expect(s.std).toBeCloseTo(Math.sqrt(variance), 12);
    const sorted = Array.from(values).sort((a, b) => a - b);
    expect(s.percentiles).toEqual([
      { p: 0, value: sorted[0] },
      { p: 50, value: sorted[(sorted.length - 1) / 2] },
      { p: 100, value: sorted.at(-1) },
    ]);
  });

  it('survive a constant tensor', async () => {
    const constant = addon.tensorFromArray(new Float32Array(6).fill(0.25), 2, 3);
    const s = await addon.statistics(constant);
    expect([s.std, s.skewness, s.kurtosisExcess]).toEqual([0, 0, 0]);
    const histogram = await addon.histogram(constant, 16);
    expect(sum(histogram.counts)).toBe(6);
  });
});

describe('histogram', () => {
  it('counts every value once, inside or outside', async () => {
    for (const range of [null, { low: -0.02, high: 0.03 }]) {
      const h = await addon.histogram(tensor, 2048, range);
      expect(sum(h.counts) + h.below + h.above).toBe(values.length);
    }
    const inside = await addon.histogram(tensor, 64, { low: -0.02, high: 0.03 });
    expect(inside.below).toBe(values.filter((v) => v < inside.low).length);
    expect(inside.above).toBe(values.filter((v) => v > inside.high).length);
  });

  it('thumbnails are the histogram over [min, max]', async () => {
    expect(await addon.thumbnail(tensor, 32)).toEqual((await addon.histogram(tensor, 32)).counts);
  });
});

/** Values that the method rounds, by its formula. */
const roundedBy = {
  dorefa: (w: Float32Array): number[] => {
    const squashed = Array.from(w, Math.tanh);
    const largest = Math.max(...squashed.map(Math.abs));
    return squashed.map((value) => value / largest);
  },
  irnet: (w: Float32Array): number[] =>
    Array.from({ length: rows }, (_, row) => {
      const line = Array.from(w.subarray(row * cols, (row + 1) * cols));
      const mean = sum(line) / cols;
      const deviation = Math.sqrt(sum(line.map((v) => (v - mean) ** 2)) / (cols - 1));
      return line.map((v) => (v - mean) / deviation);
    }).flat(),
};

/** ŵ [rows, cols]: what the layer makes of the unit vectors. */
function quantizedWeight(given: Partial<NativeQuantizer> & { bits: number }): number[] {
  const layer = addon.createLinear({
    inChannels: cols,
    outChannels: rows,
    wBit: given.bits,
    aBit: 32,
    weight: given,
  });
  layer.setWeightData(values);
  layer.prepareParams();
  layer.generateQuantizedWeight();
  layer.eval();
  const units = new Float32Array(cols * cols);
  for (let c = 0; c < cols; c++) units[c * cols + c] = 1;
  const outputs = layer.forward(units);
  return Array.from(values, (_, i) => outputs[(i % cols) * rows + Math.floor(i / cols)] ?? Number.NaN);
}

describe('a method that rounds other values than the weight', () => {
  const cases = [
    { method: 'dorefa', bits: 3, grid: 'midrise', granularity: 'tensor' },
    { method: 'irnet', bits: 1, grid: 'binary', granularity: 'channel' },
  ] as const;

  it.each(cases)('$method: levels and errors are about those', async (given) => {
    const dequantized = quantizedWeight(given);
    const rounded = roundedBy[given.method](values);
    const options = analyzeOptions(given.bits, { quantizer: quantizer(given.bits, given) });
    const { error, levels } = await addon.whatIf(tensor, options);
    const mse =
      sum(rounded.map((value, i) => (value - (dequantized[i] ?? Number.NaN)) ** 2)) / rounded.length;
    expect(error.mse / mse).toBeCloseTo(1, 5);
    expect(levels.values).toHaveLength(2 ** given.bits);
    const { statistics, byBits } = await addon.analyze(tensor, options);
    expect(statistics.max).toBeCloseTo(Math.max(...rounded), 5);
    expect((byBits[given.bits - 1]?.mse ?? 0) / mse).toBeCloseTo(1, 5);
    // One channel alone has the very levels of the whole.
    const inRow = await addon.whatIf(tensor, { ...options, row: 2 });
    const line = rounded.slice(2 * cols, 3 * cols);
    const rowMse =
      sum(line.map((value, i) => (value - (dequantized[2 * cols + i] ?? Number.NaN)) ** 2)) / line.length;
    expect(inRow.error.mse / rowMse).toBeCloseTo(1, 5);
  });
});

describe('analyze', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('%i bits: counts, levels and errors hang together', async (bits) => {
    const analysis = await addon.analyze(tensor, analyzeOptions(bits));
    expect(analysis.histogram.counts).toHaveLength(256);
    expect(analysis.histogram.exactBins).toBe(2048);
    expect(sum(analysis.histogram.counts)).toBe(values.length);
    expect(analysis.byBits.map((error) => error.bits)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const whatIf = await addon.whatIf(tensor, analyzeOptions(bits));
    const inCurve = analysis.byBits[bits - 1];
    expect(inCurve?.codesUsed).toBe(whatIf.error.codesUsed);
    // The two sum in different orders.
    expect((inCurve?.mse ?? 0) / whatIf.error.mse).toBeCloseTo(1, 12);
    expect(sum(whatIf.quantizedCounts)).toBeLessThanOrEqual(values.length);
    expectConsistent(whatIf, values.length, bits);
  });

  it('more bits never hurt', async () => {
    const { byBits } = await addon.analyze(tensor, analyzeOptions(4));
    for (const [i, error] of byBits.entries()) {
      if (i > 0) expect(error.mse).toBeLessThan(byBits[i - 1]?.mse ?? 0);
    }
  });

  it('the error is that of the fake-quantized values', async () => {
    for (const granularity of ['tensor', 'channel', 'group'] as const) {
      const q = quantizer(3, { granularity });
      const { error } = await addon.whatIf(tensor, analyzeOptions(3, { quantizer: q }));
      const scales = addon.ops.estimateScales(values, rows, cols, q);
      const groupSize = granularity === 'group' ? { groupSize: q.groupSize } : {};
      const grid = { qmin: -4, qmax: 3, ...scales, ...groupSize };
      const quantized = addon.ops.fakeQuant(values, rows, cols, grid);
      const mse = sum(Array.from(values, (v, i) => (v - (quantized[i] ?? 0)) ** 2)) / values.length;
      expect(error.mse / mse).toBeCloseTo(1, 6); // sums in float, block by block
    }
  });

  it('uses the scales it is given', async () => {
    const scales = new Float32Array(rows).fill(0.01);
    const given = { scales, zeroPoints: new Int32Array(0) };
    const whatIf = await addon.whatIf(tensor, analyzeOptions(4, { scales: given }));
    expect(whatIf.levels.scaleMin).toBeCloseTo(0.01, 8);
    expect(whatIf.levels.scaleMax).toBeCloseTo(0.01, 8);
  });

  it('looks at one row alone when asked', async () => {
    const analysis = await addon.analyze(tensor, analyzeOptions(4, { row: 5 }));
    const row = Array.from(values.subarray(5 * cols, 6 * cols));
    expect(analysis.statistics.count).toBe(cols);
    expect(analysis.statistics.max).toBe(Math.max(...row));
    const whatIf = await addon.whatIf(tensor, analyzeOptions(4, { row: 5 }));
    expect(whatIf.levels.row).toBe(5);
    expectConsistent(whatIf, cols, 4);
  });

  it('shows a float layer as exact', async () => {
    const float = analyzeOptions(32);
    const analysis = await addon.analyze(tensor, float);
    expect(analysis.byBits).toHaveLength(8);
    const whatIf = await addon.whatIf(tensor, float);
    expect(whatIf.error).toMatchObject({ bits: 32, mse: 0, sqnrDb: null, effectiveBits: 32 });
    expect(whatIf.levels.values).toEqual([]);
    expect(whatIf.quantizedCounts).toEqual(analysis.histogram.counts);
  });

  it('what an analysis found out changes no figure of a later what-if', async () => {
    // Long rows: the scales of all bit-widths are kept only where they are small beside the weights.
    const long = randomFloats(6 * 1024, 5, 0.05);
    for (const grid of ['signed', 'unsigned'] as const) {
      for (const granularity of ['tensor', 'channel', 'group'] as const) {
        const known = addon.tensorFromArray(long, 6, 1024);
        const form = { grid, granularity, groupSize: 128 };
        await addon.analyze(known, analyzeOptions(4, { quantizer: quantizer(4, form) }));
        for (const bits of [1, 3, 4, 8]) {
          for (const row of [null, 2]) {
            const at = { ...quantizer(bits, form), grid: bits === 1 ? ('binary' as const) : grid };
            const fresh = addon.tensorFromArray(long, 6, 1024);
            const options = analyzeOptions(bits, { quantizer: at, row });
            const [first, second] = [await addon.whatIf(fresh, options), await addon.whatIf(known, options)];
            expect({ ...second, nativeMs: 0 }).toEqual({ ...first, nativeMs: 0 });
          }
        }
      }
    }
  });

  it('gives the same figures on one thread as on two', async () => {
    const before = addon.info().threads;
    const figures = [];
    for (const threads of [1, 2]) {
      addon.setThreads(threads);
      const analysis = await addon.analyze(tensor, analyzeOptions(4));
      const whatIf = await addon.whatIf(tensor, analyzeOptions(4));
      figures.push({ analysis: { ...analysis, nativeMs: 0 }, whatIf: { ...whatIf, nativeMs: 0 } });
    }
    addon.setThreads(before);
    expect(figures[0]).toEqual(figures[1]);
  });

  it('does not hold up JavaScript', async () => {
    const large = addon.tensorFromArray(manyFloats(1024 * 2048), 1024, 2048);
    let ticks = 0;
    let running = true;
    const job = addon.analyze(large, analyzeOptions(4)).finally(() => {
      running = false;
    });
    while (running) {
      await new Promise((resolve) => setImmediate(resolve));
      ticks++;
    }
    await job;
    expect(ticks).toBeGreaterThan(10);
  });
});

describe('cancel', () => {
  it('stops an analysis that runs', async () => {
    const large = addon.tensorFromArray(manyFloats(2048 * 2048), 2048, 2048);
    const cancel = addon.createCancelToken();
    const job = addon.analyze(large, analyzeOptions(4), cancel);
    setTimeout(() => cancel.cancel(), 2);
    await expect(job).rejects.toMatchObject({ code: 'E-CANCELLED' });
    expect(cancel.cancelled).toBe(true);
  });

  it('refuses a job whose token was cancelled before', async () => {
    const cancel = addon.createCancelToken();
    cancel.cancel();
    await expect(addon.whatIf(tensor, analyzeOptions(4), cancel)).rejects.toMatchObject({
      code: 'E-CANCELLED',
    });
  });
});
