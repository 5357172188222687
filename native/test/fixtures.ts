/** Values and handles that several tests use. */
import type {
  AnalyzeOptions,
  Dataset,
  NativeAddon,
  NativeQuantizer,
  NetworkNode,
  SessionOptions,
  Tensor,
} from '../index.js';

/** A reproducible sequence in [0, 1): mulberry32. */
export function randomSequence(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Roughly normal values: sums of uniform ones. */
export function randomFloats(count: number, seed: number, deviation = 1): Float32Array {
  const next = randomSequence(seed);
  return Float32Array.from(
    { length: count },
    () => (next() + next() + next() + next() - 2) * deviation * 1.7,
  );
}

/** Many values quickly, uniform in ±0.1: for tests that need size, not shape. */
export function manyFloats(count: number): Float32Array {
  const values = new Float32Array(count);
  for (let i = 0, state = 1; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = (state / 2 ** 32 - 0.5) * 0.2;
  }
  return values;
}

export function randomTensor(addon: NativeAddon, rows: number, cols: number, seed = 1): Tensor {
  return addon.tensorFromArray(randomFloats(rows * cols, seed, 0.05), rows, cols);
}

export function quantizer(bits: number, changes: Partial<NativeQuantizer> = {}): NativeQuantizer {
  return {
    bits,
    grid: bits === 1 ? 'binary' : 'signed',
    granularity: 'channel',
    groupSize: 32,
    range: 'mse',
    method: 'lsq',
    ...changes,
  };
}

export function analyzeOptions(bits: number, changes: Partial<AnalyzeOptions> = {}): AnalyzeOptions {
  return { quantizer: quantizer(bits), row: null, range: null, exactBins: 2048, drawnBins: 256, ...changes };
}

/** Two classes that a small network can learn: the sign of the first feature. */
export function createDataset(addon: NativeAddon, count: number, features: number, seed: number): Dataset {
  const values = randomFloats(count * features, seed);
  const labels = Uint8Array.from({ length: count }, (_, i) => ((values[i * features] ?? 0) > 0 ? 1 : 0));
  return addon.createDatasetFromFloats(values, labels, { count, features, classes: 2 });
}

export function smallNetwork(wBit = 4, aBit = 4, features = 8, hidden = 16): NetworkNode[] {
  const activation = { bits: aBit, grid: 'signed', range: 'mse', method: 'lsq' } as const;
  const common = { op: 'linear', bias: true, weight: quantizer(wBit) } as const;
  return [
    { ...common, name: 'fc0', inChannels: features, outChannels: hidden, activation },
    { op: 'batchNorm', name: 'norm', features: hidden },
    { op: 'relu' },
    {
      ...common,
      name: 'fc1',
      inChannels: hidden,
      outChannels: 2,
      activation: { ...activation, grid: 'unsigned' },
    },
  ];
}

export function sessionOptions(changes: Partial<SessionOptions> = {}): SessionOptions {
  return {
    optimizer: 'adamw',
    learningRate: 0.01,
    momentum: 0.9,
    weightDecay: 0.0001,
    schedule: 'cosine',
    epochs: 4,
    batchSize: 16,
    seed: 1,
    ...changes,
  };
}
