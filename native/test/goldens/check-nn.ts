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
    // Every element depends on sums over a whole feature.
    sums('y', result.y, await golden.floats('y')),
    sums('dx', result.dx, await golden.floats('dx')),
    sums('dgamma', result.dGamma, await golden.floats('dgamma')),
    sums('dbeta', result.dBeta, await golden.floats('dbeta')),
    sums('running_mean', result.runningMean, await golden.floats('running_mean')),
    sums('running_var', result.runningVar, await golden.floats('running_var')),
  ];
}
