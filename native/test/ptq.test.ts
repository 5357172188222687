/** Post-training methods through the addon: what they return, and what they refuse. */
import { describe, expect, it } from 'vitest';
import type { NativeQuantizer, QuantizedWeight } from '../index.js';
import { errorOf, expectArgumentErrors, rejectionOf } from './expect-error.js';
import { quantizer, randomFloats } from './fixtures.js';
import { loadAddon } from './load-addon.js';

// biome-ignore lint/suspicious/noExplicitAny: these tests pass what the types forbid
type Anything = any;
const addon = loadAddon();
const { ops } = addon;
const any = ops as Anything;
const floats = (...values: number[]) => Float32Array.from(values);
const nan = Number.NaN;

const rows = 12;
const cols = 24;
const samples = 200;
const weight = randomFloats(rows * cols, 1, 0.1);
const inputs = dependentInputs();

/** Every input is its neighbour plus something of its own, so that errors can make up for each other. */
function dependentInputs(): Float32Array {
  const values = randomFloats(samples * cols, 2);
  for (let i = 0; i < values.length; i++) {
    if (i % cols !== 0) values[i] = 0.8 * (values[i - 1] ?? 0) + 0.4 * (values[i] ?? 0);
  }
  return values;
}

/** Mean over the samples of ‖(q − w)x‖². */
function outputError(quantized: Float32Array): number {
  let sum = 0;
  for (let s = 0; s < samples; s++) {
    for (let r = 0; r < rows; r++) {
      let y = 0;
      for (let c = 0; c < cols; c++) {
        const i = r * cols + c;
        y += ((quantized[i] ?? 0) - (weight[i] ?? 0)) * (inputs[s * cols + c] ?? 0);
      }
      sum += y * y;
    }
  }
  return sum / samples;
}

/** By the definition: (code − zero point)·scale, with the group of each column. */
function dequantize(q: QuantizedWeight, groupOf = (c: number) => Math.floor(c / q.groupSize)): Float32Array {
  const codes = addon.unpackCodes(q.packed, q.rows, q.cols, q.bits);
  const groups = q.scales.length / q.rows;
  const qmin = q.grid === 'unsigned' ? 0 : -(2 ** (q.bits - 1));
  return Float32Array.from(codes, (code, i) => {
    const scale = Math.floor(i / q.cols) * groups + (groups > 1 ? groupOf(i % q.cols) : 0);
    return (code + qmin - (q.zeroPoints[scale] ?? 0)) * (q.scales[scale] ?? nan);
  });
}

function nearest(config: NativeQuantizer): Float32Array {
  const { scales, zeroPoints } = ops.estimateScales(weight, rows, cols, config);
  const unsigned = config.grid === 'unsigned';
  const qmin = unsigned ? 0 : -(2 ** (config.bits - 1));
  return ops.fakeQuant(weight, rows, cols, { qmin, qmax: qmin + 2 ** config.bits - 1, scales, zeroPoints });
}

describe('methods that quantize with calibration inputs', () => {
  it('hessian is 2/n Σ x·xᵀ', async () => {
    const h = await ops.hessian(inputs, samples, cols);
    expect(h).toHaveLength(cols * cols);
    for (const [i, j] of [
      [0, 0],
      [3, 7],
      [7, 3],
      [23, 22],
    ] as const) {
      let sum = 0;
      for (let s = 0; s < samples; s++) sum += (inputs[s * cols + i] ?? 0) * (inputs[s * cols + j] ?? 0);
      expect(h[i * cols + j]).toBeCloseTo((2 * sum) / samples, 5);
    }
  });

  it('gptq gives codes, scales and values that belong together, and beats rounding', async () => {
    const h = await ops.hessian(inputs, samples, cols);
    for (const granularity of ['channel', 'group'] as const) {
      for (const actOrder of [false, true]) {
        const config = quantizer(3, { grid: 'unsigned', granularity, groupSize: 8 });
        const options = { actOrder, damping: 0 };
        const result = await ops.gptq(weight, rows, cols, h, config, options);
        const { gIdx } = result;
        expect(gIdx !== null).toBe(granularity === 'group' && actOrder);
        expect(result.dequantized).toEqual(
          gIdx ? dequantize(result.weight, (c) => gIdx[c] ?? nan) : dequantize(result.weight),
        );
        expect(result.loss / outputError(result.dequantized)).toBeCloseTo(1, 3);
        if (granularity === 'channel') expect(result.loss).toBeLessThan(0.8 * outputError(nearest(config)));
      }
    }
    const config = quantizer(3, { granularity: 'group', groupSize: 8 });
    const still = await ops.gptq(weight, rows, cols, h, config, { actOrder: true, staticGroups: true });
    expect(still.gIdx).toBeNull();
    expect(still.dequantized).toEqual(dequantize(still.weight));
  });

  it('gptq of some rows keeps the scales of the whole weight where they are given', async () => {
    const h = await ops.hessian(inputs, samples, cols);
    for (const config of [
      quantizer(4, { granularity: 'tensor' }),
      quantizer(2, { grid: 'ternary', granularity: 'tensor' }),
    ]) {
      const whole = await ops.gptq(weight, rows, cols, h, config);
      const half = weight.subarray(0, (rows / 2) * cols);
      const own = await ops.gptq(half, rows / 2, cols, h, config);
      expect(own.weight.scales).not.toEqual(whole.weight.scales);
      const scales = whole.weight;
      const made = await ops.gptq(half, rows / 2, cols, h, config, { scales });
      expect(made.weight.scales).toEqual(scales.scales);
      expect(made.dequantized).toEqual(whole.dequantized.subarray(0, half.length));
    }
    const scales = ops.estimateScales(weight, rows, cols, quantizer(4));
    const grouped = quantizer(4, { granularity: 'group', groupSize: 8 });
    const errors = await Promise.all([
      rejectionOf(ops.gptq(weight, rows, cols, h, grouped, { scales })),
      rejectionOf(ops.gptq(weight, rows, cols, h, quantizer(4, { granularity: 'tensor' }), { scales })),
    ]);
    expect(errors.map(({ code }) => code)).toEqual(['E-NATIVE-ARGUMENT', 'E-NATIVE-ARGUMENT']);
  });

  it('a layer takes the weight that gptq made', async () => {
    const h = await ops.hessian(inputs, samples, cols);
    const result = await ops.gptq(weight, rows, cols, h, quantizer(4));
    const layer = addon.createLinear({ inChannels: cols, outChannels: rows, wBit: 4, aBit: 32, bias: false });
    layer.setQuantizedWeightData(result.weight);
    layer.eval();
    const one = new Float32Array(cols);
    one[5] = 1;
    const column = Float32Array.from({ length: rows }, (_, r) => result.dequantized[r * cols + 5] ?? nan);
    expect(layer.forward(one)).toEqual(column);
    layer.dispose();
  });

  it('adaround reports its errors, keeps given scales and beats rounding', async () => {
    const h = await ops.hessian(inputs, samples, cols);
    const config = quantizer(3);
    const scales = ops.estimateScales(weight, rows, cols, config);
    const result = await ops.adaround(weight, rows, cols, h, config, { scales });
    expect(result.weight.scales).toEqual(scales.scales);
    expect(result.dequantized).toEqual(dequantize(result.weight));
    expect(result.nearestLoss / outputError(nearest(config))).toBeCloseTo(1, 4);
    expect(result.loss / outputError(result.dequantized)).toBeCloseTo(1, 4);
    expect(result.loss).toBeLessThan(0.6 * result.nearestLoss);
    expect(await ops.adaround(weight, rows, cols, h, config)).toEqual(result);
  });

  it('a token shows progress and stops a job', async () => {
    const h = await ops.hessian(inputs, samples, cols);
    const cancel = addon.createCancelToken();
    expect(cancel.progress).toBe(0);
    await ops.gptq(weight, rows, cols, h, quantizer(4), {}, cancel);
    expect(cancel.progress).toBe(1);
    const stopped = addon.createCancelToken();
    const job = ops.adaround(weight, rows, cols, h, quantizer(4), { iterations: 1_000_000 }, stopped);
    setTimeout(() => stopped.cancel(), 20);
    expect((await rejectionOf(job)).code).toBe('E-CANCELLED');
    expect(stopped.progress).toBeLessThan(1);
  });

  it('refuse what makes no sense', async () => {
    const h = await ops.hessian(inputs, samples, cols);
    const config = quantizer(4);
    const wrong: [string, () => Promise<unknown>][] = [
      ['inputs too short', () => ops.hessian(inputs, samples + 1, cols)],
      ['NaN inputs', () => ops.hessian(floats(1, nan), 1, 2)],
      ['a Hessian too small', () => ops.gptq(weight, rows, cols, h.subarray(1), config)],
      ['a float Hessian', () => any.gptq(weight, rows, cols, new Float32Array(h), config)],
      [
        'NaN in the Hessian',
        () =>
          ops.gptq(
            weight,
            rows,
            cols,
            h.map(() => nan),
            config,
          ),
      ],
      [
        'a negative Hessian',
        () =>
          ops.gptq(
            weight,
            rows,
            cols,
            h.map((v) => -v),
            config,
          ),
      ],
      ['negative damping', () => ops.gptq(weight, rows, cols, h, config, { damping: -1 })],
      ['act-order yes', () => any.gptq(weight, rows, cols, h, config, { actOrder: 'yes' })],
      ['options', () => any.gptq(weight, rows, cols, h, config, 5)],
      ['no quantizer', () => any.gptq(weight, rows, cols, h)],
      ['a token', () => any.gptq(weight, rows, cols, h, config, {}, {})],
      [
        'NaN weights',
        () =>
          ops.gptq(
            weight.map(() => nan),
            rows,
            cols,
            h,
            config,
          ),
      ],
      ['no iterations', () => ops.adaround(weight, rows, cols, h, config, { iterations: 0 })],
      ['a warm start of all', () => ops.adaround(weight, rows, cols, h, config, { warmStart: 1 })],
      ['rising exponents', () => ops.adaround(weight, rows, cols, h, config, { betaStart: 2, betaEnd: 3 })],
      [
        'scales that do not fit',
        () =>
          ops.adaround(weight, rows, cols, h, config, {
            scales: { scales: floats(1), zeroPoints: new Int32Array(0) },
          }),
      ],
    ];
    for (const [name, call] of wrong) {
      expect((await rejectionOf(call())).code, name).toBe('E-NATIVE-ARGUMENT');
    }
    const float = await rejectionOf(ops.gptq(weight, rows, cols, h, quantizer(32)));
    expect(float.code).toBe('E-QUANTIZER-INVALID');
  });

  it('says that too little damping is the reason', async () => {
    const notPositive = Float64Array.of(1, 2, 2, 1);
    const error = await rejectionOf(ops.gptq(floats(1, 2), 1, 2, notPositive, quantizer(4), { damping: 0 }));
    expect(error.code).toBe('E-NATIVE-ARGUMENT');
    expect(error.remedy).toContain('damping');
  });
});

describe('hqq', () => {
  it('gives codes and float zeros that belong together, with less error than min-max', async () => {
    const result = await ops.hqq(weight, rows, cols, { bits: 3, groupSize: 16 });
    expect(result.scales).toHaveLength(rows * 2);
    expect(result.zeros).toHaveLength(rows * 2);
    const codes = addon.unpackCodes(result.packed, rows, cols, 3);
    let error = 0;
    for (let i = 0; i < codes.length; i++) {
      const group = Math.floor(i / cols) * 2 + Math.floor((i % cols) / 16);
      const zero = result.zeros[group] ?? nan;
      const value = Math.fround(Math.fround((codes[i] ?? nan) - zero) * (result.scales[group] ?? nan));
      expect(result.dequantized[i]).toBe(value);
      error += Math.abs((weight[i] ?? nan) - value) ** 0.7;
    }
    expect(result.error / error).toBeCloseTo(1, 6);
    expect(result.error).toBeLessThan(result.minMaxError);
  });

  it('with integer zeros is a weight of the unsigned grid', async () => {
    const { packed, scales, zeros, dequantized } = await ops.hqq(weight, rows, cols, {
      bits: 4,
      groupSize: 8,
      integerZeros: true,
    });
    const zeroPoints = Int32Array.from(zeros);
    expect(Float32Array.from(zeroPoints)).toEqual(zeros);
    const common = { bits: 4, grid: 'unsigned', granularity: 'group', groupSize: 8, rows, cols } as const;
    expect(dequantize({ ...common, packed, scales, zeroPoints })).toEqual(dequantized);
  });

  it('refuses what makes no sense', async () => {
    const good = { bits: 4, groupSize: 8 };
    for (const options of [
      undefined,
      { groupSize: 8 },
      { bits: 4 },
      { ...good, bits: 9 },
      { ...good, groupSize: 0 },
      { ...good, norm: 0 },
      { ...good, norm: 2 },
      { ...good, beta: -1 },
      { ...good, kappa: 0.5 },
      { ...good, iterations: -1 },
      { ...good, integerZeros: 1 },
      { ...good, bits: 1, integerZeros: true },
    ]) {
      const error = await rejectionOf(any.hqq(weight, rows, cols, options));
      expect(error.code, JSON.stringify(options)).toBe('E-NATIVE-ARGUMENT');
    }
  });
});

describe('changes to float layers', () => {
  it('equalize returns new layers with equal ranges', async () => {
    const first = { weight: floats(8, -2, 0.5, 0.25), rows: 2, cols: 2, bias: floats(4, 1) };
    const second = { weight: floats(2, 8), rows: 1, cols: 2, bias: null };
    const { layers, scales, sweeps } = await ops.equalize([first, second]);
    // √(8/2) = 2 and √(0.5/8) = 1/4
    expect(scales).toEqual([Float64Array.of(2, 0.25)]);
    expect(layers[0]).toEqual({ weight: floats(4, -1, 2, 1), bias: floats(2, 4) });
    expect(layers[1]).toEqual({ weight: floats(4, 2), bias: null });
    expect(sweeps).toBeLessThanOrEqual(2);
    expect(first.weight).toEqual(floats(8, -2, 0.5, 0.25));
    for (const wrong of [
      undefined,
      [5],
      [{ ...first, weight: floats(1) }, second],
      [{ ...first, rows: 0 }],
    ]) {
      expect((await rejectionOf(any.equalize(wrong))).code).toBe('E-NATIVE-ARGUMENT');
    }
    const three = { weight: floats(1, 2, 3), rows: 1, cols: 3, bias: null };
    for (const layers of [[], [first], [first, three]]) {
      expect((await rejectionOf(ops.equalize(layers))).code).toBe('E-WEIGHT-SHAPE');
    }
  });

  it('biasCorrection subtracts the mean error', () => {
    const corrected = ops.biasCorrection(
      floats(1, 2, 3, 4),
      floats(1.5, 2, 3, 3),
      2,
      2,
      floats(2, 4),
      floats(1, 1),
    );
    expect(corrected).toEqual(floats(0, 5));
    expectArgumentErrors({
      'no mean': () => any.biasCorrection(floats(1), floats(1), 1, 1, undefined, floats(1)),
      'a long mean': () => ops.biasCorrection(floats(1), floats(1), 1, 1, floats(1, 2), floats(1)),
      'a short weight': () => ops.biasCorrection(floats(1), floats(1), 1, 2, floats(1, 2), floats(1)),
      'a NaN bias': () => ops.biasCorrection(floats(1), floats(1), 1, 1, floats(1), floats(nan)),
    });
  });

  it('foldBatchNorm puts the norm into the layer', () => {
    const norm = { gamma: floats(6), beta: floats(1), mean: floats(3), variance: floats(4), epsilon: 0 };
    const folded = ops.foldBatchNorm(floats(1, -2), floats(5), 1, 2, norm);
    expect(folded).toEqual({ weight: floats(3, -6), bias: floats(7) });
    expect(ops.foldBatchNorm(floats(1, -2), null, 1, 2, norm).bias).toEqual(floats(-8));
    const fold = (changes: object) => () =>
      any.foldBatchNorm(floats(1, 2), null, 1, 2, { ...norm, ...changes });
    expectArgumentErrors({
      'no gamma': fold({ gamma: undefined }),
      'a long beta': fold({ beta: floats(1, 2) }),
      'a negative variance': fold({ variance: floats(-1) }),
      'no epsilon': fold({ epsilon: undefined }),
    });
    expect(errorOf(fold({ variance: floats(0) })).message).toContain('variance');
  });
});

describe('allocateBits', () => {
  const table = [
    [
      { sensitivity: 10, cost: 2 },
      { sensitivity: 6, cost: 4 },
      { sensitivity: 1, cost: 7 },
    ],
    [
      { sensitivity: 8, cost: 1 },
      { sensitivity: 4, cost: 4 },
    ],
  ];

  it('finds the optimum where the greedy one does not', async () => {
    expect(await ops.allocateBits(table, 8, 'exact')).toEqual({ choices: [2, 0], sensitivity: 9, cost: 8 });
    // 14 for a cost of 5 or of 6: the cheaper one.
    expect(await ops.allocateBits(table, 7, 'exact')).toEqual({ choices: [1, 0], sensitivity: 14, cost: 5 });
    expect((await ops.allocateBits(table, 100, 'greedy')).choices).toEqual([2, 1]);
    // The second layer's rise gains most per cost, and then the first one's no longer fits.
    const knapsack = [
      [
        { sensitivity: 10, cost: 0 },
        { sensitivity: 4, cost: 5 },
      ],
      [
        { sensitivity: 10, cost: 0 },
        { sensitivity: 5, cost: 4 },
      ],
      [
        { sensitivity: 10, cost: 0 },
        { sensitivity: 6, cost: 4 },
      ],
    ];
    expect((await ops.allocateBits(knapsack, 5, 'greedy')).sensitivity).toBe(25);
    expect((await ops.allocateBits(knapsack, 5, 'exact')).sensitivity).toBe(24);
  });

  it('refuses what makes no sense', async () => {
    const wrong: Anything[][] = [
      [undefined, 1, 'exact'],
      [[], 1, 'exact'],
      [[[]], 1, 'exact'],
      [[[{ sensitivity: nan, cost: 1 }]], 1, 'exact'],
      [[[{ sensitivity: 1, cost: 1.5 }]], 2, 'exact'],
      [[[{ sensitivity: 1, cost: -1 }]], 1, 'greedy'],
      [table, 2, 'exact'],
      [table, 1.5, 'exact'],
      [table, 10, 'best'],
      [table, 10],
    ];
    for (const args of wrong) {
      expect((await rejectionOf(any.allocateBits(...args))).code, JSON.stringify(args)).toBe(
        'E-NATIVE-ARGUMENT',
      );
    }
    expect((await rejectionOf(ops.allocateBits(table, 2, 'exact'))).message).toContain('3');
  });
});
