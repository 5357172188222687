/** `ops` refuses wrong types, lengths, ranges and non-finite numbers. */
import { describe, expect, it } from 'vitest';
import { errorOf, expectArgumentErrors } from './expect-error.js';
import { quantizer } from './fixtures.js';
import { loadAddon } from './load-addon.js';

// biome-ignore lint/suspicious/noExplicitAny: these tests pass what the types forbid
type Anything = any;
const addon = loadAddon();
const floats = (...values: number[]) => Float32Array.from(values);
const nan = Number.NaN;

describe('ops', () => {
  const { ops } = addon as { ops: Anything };
  const grid = { qmin: -8, qmax: 7, scales: floats(0.1), zeroPoints: new Int32Array(0) };

  const ternary = { ...grid, qmin: -1, qmax: 1, thresholds: floats(0.1) };

  it('fakeQuant and its gradient', () => {
    const wrong: Anything[] = [
      undefined,
      { ...grid, qmin: 7 },
      { ...grid, qmax: 400 },
      { ...grid, qmax: 3.5 },
      { ...grid, scales: floats(0.1, 0.1, 0.1) },
      { ...grid, scales: floats() },
      { ...grid, scales: floats(-0.1) },
      { ...grid, zeroPoints: Int32Array.of(0, 0) },
      { ...grid, zeroPoints: Int32Array.of(99) },
      { ...grid, groupSize: 2 },
      { ...grid, offset: 0.25 },
      { ...grid, thresholds: floats(0.1) },
      { ...ternary, thresholds: floats(-0.1) },
      { ...ternary, thresholds: floats(nan) },
      { ...ternary, thresholds: floats(0.1, 0.1) },
      { ...ternary, thresholds: [0.1] },
      { ...ternary, zeroPoints: Int32Array.of(0) },
      { ...ternary, offset: 0.5 },
      { ...ternary, negativeScales: floats(0) },
      { ...ternary, negativeScales: floats(0.1, 0.1) },
      { ...ternary, thresholds: undefined, negativeScales: floats(0.1) },
    ];
    for (const q of wrong) {
      const call = () => ops.fakeQuant(floats(1, 2, 3, 4), 2, 2, q);
      expect(errorOf(call).code, JSON.stringify(q)).toBe('E-NATIVE-ARGUMENT');
    }
    expectArgumentErrors({
      'a short gradient': () => ops.fakeQuantBackward(floats(1, 2), floats(1), 1, 2, grid, 1),
      'a gradient scale': () => ops.fakeQuantBackward(floats(1, 2), floats(1, 2), 1, 2, grid, nan),
      NaN: () => ops.fakeQuant(floats(1, nan), 1, 2, grid),
    });
  });

  it('the others', () => {
    const ones = floats(1, 1);
    expectArgumentErrors({
      'labels above the classes': () => ops.softmaxCrossEntropy(ones, Uint8Array.of(2), 1, 2, 0),
      'no label': () => ops.softmaxCrossEntropy(ones, Uint8Array.of(), 1, 2, 0),
      smoothing: () => ops.softmaxCrossEntropy(ones, Uint8Array.of(0), 1, 2, 1.1),
      'a target too short': () => ops.meanSquaredError(ones, floats(1), 1, 2),
      'an error of nothing': () => ops.meanSquaredError(floats(), floats(), 0, 2),
      'a teacher too short': () => ops.distillation(ones, floats(1), null, 1, 2, { teacherShare: 1 }),
      'no labels': () => ops.distillation(ones, ones, null, 1, 2),
      'a temperature of 0': () => ops.distillation(ones, ones, Uint8Array.of(0), 1, 2, { temperature: 0 }),
      'more than the teacher': () =>
        ops.distillation(ones, ones, Uint8Array.of(0), 1, 2, { teacherShare: 1.1 }),
      'half a bit': () => ops.quantizeGradient(ones, 1, 2, 0.5, 1, 1),
      'no step': () => ops.quantizeGradient(ones, 1, 2, 4, 1),
      NaN: () => ops.quantizeGradient(floats(1, nan), 1, 2, 4, 1, 1),
      'a norm of one value': () => ops.batchNorm(ones, ones, 1, 2, 1, ones, ones, 1e-5, 0.1),
      'a norm without epsilon': () => ops.batchNorm(ones, ones, 2, 1, 1, floats(1), floats(1), 0, 0.1),
      'a short gamma': () => ops.batchNorm(ones, ones, 2, 1, 1, floats(), floats(1), 1e-5, 0.1),
      'a layer norm of no features': () => ops.layerNorm(ones, ones, 1, 0, floats(), floats(), 1e-5),
      'a gradient that is too short': () => ops.gelu(ones, floats(1)),
      'a kernel larger than the image': () =>
        ops.maxPool2d(ones, ones, { planes: 1, height: 1, width: 2, kernel: 2, stride: 1 }),
      'attention without keys': () =>
        ops.attention(ones, floats(), floats(), ones, { heads: 1, queries: 1, keys: 0, depth: 2 }),
      'half a step': () => ops.optimize(ones, floats(1, 1, 1), { optimizer: 'sgd', learningRate: 1 }),
      'an unknown optimizer': () => ops.optimize(ones, ones, { optimizer: 'adagrad', learningRate: 1 }),
      'rows that do not divide': () =>
        ops.optimize(ones, ones, { optimizer: 'sgd', learningRate: 1, rows: 3 }),
      'no amplitude': () => ops.optimize(ones, ones, { optimizer: 'diode', learningRate: 1, amplitude: 0 }),
      'a rank of 0': () =>
        ops.optimize(ones, ones, { optimizer: 'sgd', learningRate: 1, galore: { rank: 0 } }),
      'no rank': () => ops.optimize(ones, ones, { optimizer: 'sgd', learningRate: 1, galore: {} }),
      'a type of projection': () =>
        ops.optimize(ones, ones, { optimizer: 'sgd', learningRate: 1, galore: { rank: 1, type: 'up' } }),
      'a gap of 0': () =>
        ops.optimize(ones, ones, { optimizer: 'sgd', learningRate: 1, galore: { rank: 1, updateGap: 0 } }),
      'no optimizer': () => ops.optimize(ones, ones, { learningRate: 1 }),
      'a matrix too short': () => ops.gemm(ones, ones, 2, 2, 2),
      'a transpose': () => ops.gemm(ones, ones, 1, 1, 2, { transposeA: 1 }),
    });
    expect(errorOf(() => ops.estimateScales(ones, 1, 2, quantizer(32))).code).toBe('E-QUANTIZER-INVALID');
  });
});
