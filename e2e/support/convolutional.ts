/** A small convolutional model of 28 × 28 images with batch norms, its channels far apart as training leaves them. */
import { encodeSafetensors, type SafetensorsSource } from '../../electron/formats/index.js';
import { bell } from './files.js';

const norm = (name: string, more: object = {}) => ({
  op: 'batchNorm',
  gamma: `${name}.gamma`,
  beta: `${name}.beta`,
  runningMean: `${name}.mean`,
  runningVar: `${name}.var`,
  ...more,
});

const graph = {
  version: 1,
  input: { features: 784, shape: [1, 28, 28], mean: 0.286, std: 0.353 },
  classes: 10,
  nodes: [
    { op: 'conv2d', weight: 'stem.weight', bias: null, stride: 2, padding: 1 },
    norm('stem_norm'),
    { op: 'relu' },
    { op: 'conv2d', weight: 'depth.weight', bias: null, padding: 1, groups: 16 },
    norm('depth_norm'),
    { op: 'relu' },
    { op: 'conv2d', weight: 'point.weight', bias: null },
    norm('point_norm'),
    { op: 'relu', name: 'trunk' },
    { op: 'conv2d', name: 'branch', weight: 'branch.weight', bias: 'branch.bias', padding: 1 },
    { op: 'add', inputs: ['trunk', 'branch'] },
    norm('sum_norm'),
    { op: 'relu' },
    { op: 'maxPool2d', kernel: 2 },
    { op: 'flatten' },
    { op: 'linear', weight: 'hidden.weight', bias: 'hidden.bias' },
    { op: 'relu' },
    { op: 'linear', weight: 'head.weight', bias: 'head.bias' },
  ],
};

function tensor(name: string, shape: number[], value: (at: number) => number): SafetensorsSource {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return { name, dtype: 'F32', shape, data: Float32Array.from({ length: size }, (_, at) => value(at)) };
}

const noise = (name: string, at: number) => bell(at + name.length * 7919);

/** Rows of different ranges, up to ten times each other. */
function weight(name: string, shape: number[]): SafetensorsSource {
  const row = shape.slice(1).reduce((product, extent) => product * extent, 1);
  const range = (at: number) => 10 ** (6 * bell(Math.floor(at / row) + name.length * 100));
  return tensor(name, shape, (at) => 5 * noise(name, at) * range(at));
}

const bias = (name: string, size: number) => tensor(name, [size], (at) => noise(name, at));

const normTensors = (name: string, channels: number) => [
  tensor(`${name}.gamma`, [channels], (at) => 10 ** (5 * noise(name, at))),
  bias(`${name}.beta`, channels),
  bias(`${name}.mean`, channels),
  tensor(`${name}.var`, [channels], (at) => 1 + 4 * noise(name, at + 1000)),
];

/** The bytes of its safetensors file, with the graph. */
export function convolutionalModel(): Promise<Uint8Array> {
  return encodeSafetensors(
    [
      weight('stem.weight', [16, 1, 3, 3]),
      ...normTensors('stem_norm', 16),
      weight('depth.weight', [16, 1, 3, 3]),
      ...normTensors('depth_norm', 16),
      weight('point.weight', [32, 16, 1, 1]),
      ...normTensors('point_norm', 32),
      weight('branch.weight', [32, 32, 3, 3]),
      bias('branch.bias', 32),
      ...normTensors('sum_norm', 32),
      weight('hidden.weight', [64, 32 * 49]),
      bias('hidden.bias', 64),
      weight('head.weight', [10, 64]),
      bias('head.bias', 10),
    ],
    [['qat.graph', JSON.stringify(graph)]],
  );
}
