/** `fake_quant/` and `lsq/`: affine fake quantization, its straight-through and its scale gradients. */
import type { NativeAddon } from '../../index.js';
import type { GoldenCase } from './golden-case.js';
import { elementwise, equal, type Measurement, sums } from './measure.js';

interface Quantizer {
  qmin: number;
  qmax: number;
  scales: Float32Array;
  zeroPoints: Int32Array;
}

export async function checkFakeQuant(addon: NativeAddon, golden: GoldenCase): Promise<Measurement[]> {
  const { rows, cols } = golden.matrixShape('x');
  const quantizer = await quantizerOf(golden, rows);
  const [x, dy, y, dx] = await Promise.all(['x', 'dy', 'y', 'dx'].map((name) => golden.floats(name)));
  if (!x || !dy || !y || !dx) throw new Error('unreachable');
  const actual = addon.ops.fakeQuant(x, rows, cols, quantizer);
  const gradients = addon.ops.fakeQuantBackward(x, dy, rows, cols, quantizer, 1);
  return [
    equal('codes', codes(actual, cols, quantizer), codes(y, cols, quantizer)),
    elementwise('y', actual, y),
    elementwise('dx', gradients.dx, dx),
  ];
}

export async function checkLsq(addon: NativeAddon, golden: GoldenCase): Promise<Measurement[]> {
  const { rows, cols } = golden.matrixShape('x');
  const quantizer = await quantizerOf(golden, rows);
  const [x, dy, y, dx, dscale] = await Promise.all(
    ['x', 'dy', 'y', 'dx', 'dscale'].map((name) => golden.floats(name)),
  );
  if (!x || !dy || !y || !dx || !dscale) throw new Error('unreachable');
  const actual = addon.ops.fakeQuant(x, rows, cols, quantizer);
  const gradScale = golden.number('grad_scale');
  const gradients = addon.ops.fakeQuantBackward(x, dy, rows, cols, quantizer, gradScale);
  return [
    equal('codes', codes(actual, cols, quantizer), codes(y, cols, quantizer)),
    elementwise('y', actual, y),
    elementwise('dx', gradients.dx, dx),
    sums('dscale', gradients.dScale, dscale),
  ];
}

/** Scales and zero points are tensors where there is one per channel, else scalars; LSQ has no zero point. */
async function quantizerOf(golden: GoldenCase, rows: number): Promise<Quantizer> {
  if (golden.hasScalar('axis') && golden.number('axis') !== 0) {
    throw new Error(`channel axis ${golden.number('axis')} is not supported`);
  }
  const scales = golden.has('scale') ? await golden.floats('scale') : Float32Array.of(golden.number('scale'));
  if (scales.length !== 1 && scales.length !== rows) throw new Error('scales fit no granularity');
  return {
    qmin: golden.number('qmin'),
    qmax: golden.number('qmax'),
    scales,
    zeroPoints: await zeroPointsOf(golden, scales.length),
  };
}

async function zeroPointsOf(golden: GoldenCase, count: number): Promise<Int32Array> {
  if (golden.has('zero_point')) return golden.ints('zero_point');
  const zeroPoint = golden.hasScalar('zero_point') ? golden.number('zero_point') : 0;
  return new Int32Array(count).fill(zeroPoint);
}

/** The integer codes behind fake-quantized values. */
function codes(values: Float32Array, cols: number, quantizer: Quantizer): Int32Array {
  const { scales, zeroPoints } = quantizer;
  return Int32Array.from(values, (value, i) => {
    const row = scales.length === 1 ? 0 : Math.floor(i / cols);
    return Math.round(value / (scales[row] ?? Number.NaN)) + (zeroPoints[row] ?? 0);
  });
}
