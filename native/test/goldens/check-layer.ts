/** `linear/`, `conv2d/`: one forward and backward of the quantized layer, through NBitLayer. */
import type { NativeAddon, NBitLayer, NBitLayerOptions } from '../../index.js';
import type { GoldenCase } from './golden-case.js';
import { type Measurement, sums } from './measure.js';

export async function checkLayer(addon: NativeAddon, golden: GoldenCase): Promise<Measurement[]> {
  const layer = createLayer(addon, golden);
  try {
    layer.setWeightData(await golden.floats('w'));
    if (golden.has('bias')) layer.setBiasData(await golden.floats('bias'));
    if (golden.has('scale_w')) layer.setScales({ scales: await golden.floats('scale_w') });
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
      dscale_a: gradients.dActivation,
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

function createLayer(addon: NativeAddon, golden: GoldenCase): NBitLayer {
  const granularity = golden.has('scale_w') && golden.shape('scale_w')[0] === 1 ? 'tensor' : 'channel';
  const [outChannels = 0, ...inputs] = golden.shape('w');
  const shared: NBitLayerOptions = {
    wBit: golden.number('w_bit'),
    aBit: golden.number('a_bit'),
    bias: golden.has('bias'),
    weight: { grid: 'signed', granularity, method: 'lsq' },
    activation: { grid: 'signed', method: 'lsq' },
  };
  if (inputs.length === 1) return addon.createLinear({ ...shared, outChannels, inChannels: inputs[0] ?? 0 });
  const [, inChannels = 0, height = 0, width = 0] = golden.shape('x');
  const [, kernelHeight = 0, kernelWidth = 0] = inputs;
  return addon.createConv2d({
    ...shared,
    outChannels,
    inChannels,
    height,
    width,
    kernel: [kernelHeight, kernelWidth],
    stride: golden.number('stride'),
    padding: golden.number('padding'),
    groups: golden.number('groups'),
  });
}
