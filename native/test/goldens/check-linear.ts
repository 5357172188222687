/** `linear/`: one forward and backward of the quantized layer, through NBitLinear. */
import type { NativeAddon, NBitLinear } from '../../index.js';
import type { GoldenCase } from './golden-case.js';
import { type Measurement, sums } from './measure.js';

export async function checkLinear(addon: NativeAddon, golden: GoldenCase): Promise<Measurement[]> {
  const layer = createLayer(addon, golden);
  try {
    layer.setWeightData(await golden.floats('w'));
    if (golden.has('bias')) layer.setBiasData(await golden.floats('bias'));
    if (golden.has('scale_w')) layer.setScales(await golden.floats('scale_w'));
    if (golden.has('scale_a')) layer.setActivationScale((await golden.floats('scale_a'))[0] ?? 0);
    layer.train();
    const y = layer.forward(await golden.floats('x'));
    const gradients = layer.backward(await golden.floats('dy'));
    const results: Record<string, Float32Array | null> = {
      y,
      dx: gradients.dx,
      dw: gradients.dWeight,
      dbias: gradients.dBias,
      dscale_w: gradients.dScaleWeight,
      dscale_a: gradients.dScaleActivation,
    };
    const measured: Measurement[] = [];
    for (const [name, actual] of Object.entries(results)) {
      if (golden.has(name)) measured.push(sums(name, actual ?? [], await golden.floats(name)));
    }
    return measured;
  } finally {
    layer.dispose();
  }
}

function createLayer(addon: NativeAddon, golden: GoldenCase): NBitLinear {
  const { rows: outChannels, cols: inChannels } = golden.matrixShape('w');
  const granularity = golden.scalar<string>('granularity');
  if (granularity !== 'tensor' && granularity !== 'channel') {
    throw new Error(`granularity ${granularity} is not supported`);
  }
  return addon.createLinear({
    inChannels,
    outChannels,
    wBit: golden.number('w_bit'),
    aBit: golden.number('a_bit'),
    bias: golden.has('bias'),
    weight: { grid: 'signed', granularity, method: 'lsq' },
    activation: { grid: 'signed', method: 'lsq' },
  });
}
