/** `nn/`: the parts that are built so far, told apart by the tensors a case holds. */
import type { NativeAddon } from '../../index.js';
import type { GoldenCase } from './golden-case.js';
import { elementwise, type Measurement, sums } from './measure.js';

export async function checkCrossEntropy(addon: NativeAddon, golden: GoldenCase): Promise<Measurement[]> {
  const { rows, cols } = golden.matrixShape('x');
  const labels = Uint8Array.from(await golden.counts('labels'));
  const smoothing = golden.about.includes('label smoothing') ? golden.statedNumber('label smoothing') : 0;
  const result = addon.ops.softmaxCrossEntropy(await golden.floats('x'), labels, rows, cols, smoothing);
  return [
    sums('loss', [result.loss], await golden.floats('loss')),
    elementwise('dx', result.dx, await golden.floats('dx')),
  ];
}

type NormResult = ReturnType<NativeAddon['ops']['layerNorm']>;

/** Every element depends on sums over a whole feature or row. */
async function normMeasurements(result: NormResult, golden: GoldenCase): Promise<Measurement[]> {
  return [
    sums('y', result.y, await golden.floats('y')),
    sums('dx', result.dx, await golden.floats('dx')),
    sums('dgamma', result.dGamma, await golden.floats('dgamma')),
    sums('dbeta', result.dBeta, await golden.floats('dbeta')),
  ];
}

export async function checkBatchNorm(addon: NativeAddon, golden: GoldenCase): Promise<Measurement[]> {
  const [rows = 0, features = 0, ...rest] = golden.shape('x');
  const result = addon.ops.batchNorm(
    await golden.floats('x'),
    await golden.floats('dy'),
    rows,
    features,
    rest.reduce((product, extent) => product * extent, 1),
    await golden.floats('gamma'),
    await golden.floats('beta'),
    golden.statedNumber('eps'),
    golden.statedNumber('momentum'),
  );
  return [
    ...(await normMeasurements(result, golden)),
    sums('running_mean', result.runningMean, await golden.floats('running_mean')),
    sums('running_var', result.runningVar, await golden.floats('running_var')),
  ];
}

export async function checkLayerNorm(addon: NativeAddon, golden: GoldenCase): Promise<Measurement[]> {
  const features = golden.shape('gamma')[0] ?? 0;
  const x = await golden.floats('x');
  const result = addon.ops.layerNorm(
    x,
    await golden.floats('dy'),
    x.length / features,
    features,
    await golden.floats('gamma'),
    await golden.floats('beta'),
    golden.statedNumber('eps'),
  );
  return normMeasurements(result, golden);
}

export async function checkGelu(addon: NativeAddon, golden: GoldenCase): Promise<Measurement[]> {
  const result = addon.ops.gelu(await golden.floats('x'), await golden.floats('dy'));
  return [
    elementwise('y', result.y, await golden.floats('y')),
    elementwise('dx', result.dx, await golden.floats('dx')),
  ];
}

export async function checkMaxPool2d(addon: NativeAddon, golden: GoldenCase): Promise<Measurement[]> {
  const [batch = 0, channels = 0, height = 0, width = 0] = golden.shape('x');
  const kernel = Number(/^(\d+)x\d+ max pooling/.exec(golden.about)?.[1]);
  const shape = { planes: batch * channels, height, width, kernel, stride: golden.statedNumber('stride') };
  const result = addon.ops.maxPool2d(await golden.floats('x'), await golden.floats('dy'), shape);
  return [
    elementwise('y', result.y, await golden.floats('y')),
    elementwise('dx', result.dx, await golden.floats('dx')),
  ];
}

export async function checkAttention(addon: NativeAddon, golden: GoldenCase): Promise<Measurement[]> {
  const [batch = 0, heads = 0, queries = 0, depth = 0] = golden.shape('q');
  const keys = golden.shape('k')[2] ?? 0;
  const result = addon.ops.attention(
    await golden.floats('q'),
    await golden.floats('k'),
    await golden.floats('v'),
    await golden.floats('dy'),
    { heads: batch * heads, queries, keys, depth },
  );
  return [
    sums('y', result.y, await golden.floats('y')),
    sums('dq', result.dq, await golden.floats('dq')),
    sums('dk', result.dk, await golden.floats('dk')),
    sums('dv', result.dv, await golden.floats('dv')),
  ];
}
