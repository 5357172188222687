/** `train/`: the optimizer steps of an MLP through Network and TrainingSession. */
import type {
  Dataset,
  NativeAddon,
  NativeQuantizer,
  Network,
  NetworkNode,
  SessionOptions,
  SessionStep,
} from '../../index.js';
import type { GoldenCase } from './golden-case.js';
import { close, type Measurement, relativeRms } from './measure.js';

/** Losses of the first steps, and of all later ones. */
const earlySteps = 20;
const earlyLossBound = 1e-4;
const lossBound = 2e-3;
/** Root mean square of the difference over that of the values: a rounding flip moves single values. */
const finalWeightBound = 2e-3;
const finalLogitBound = 1e-2;

interface Hyper {
  lr: number;
  momentum?: number;
  weight_decay: number;
  betas?: [number, number];
  eps?: number;
}

export async function checkTraining(addon: NativeAddon, golden: GoldenCase): Promise<Measurement[]> {
  const network = addon.createNetwork(nodesOf(golden));
  const samples = await samplesOf(golden);
  const train = createDataset(addon, samples, stepOrder(golden, samples.rows));
  const test = createDataset(
    addon,
    samples,
    Array.from({ length: samples.rows }, (_, row) => row),
  );
  try {
    await setParameters(golden, network);
    const steps = await runSession(addon, network, train, test, sessionOptions(golden));
    return [
      ...compareLosses(steps, await golden.doubles('losses')),
      ...(await compareFinal(golden, network, test)),
    ];
  } finally {
    for (const handle of [network, train, test]) handle.dispose();
  }
}

function layerCount(golden: GoldenCase): number {
  return golden.scalar<number[]>('sizes').length - 1;
}

function nodesOf(golden: GoldenCase): NetworkNode[] {
  const sizes = golden.scalar<number[]>('sizes');
  const weight: NativeQuantizer = {
    bits: golden.number('w_bit'),
    grid: 'signed',
    granularity: 'channel',
    groupSize: 2,
    range: 'lsq',
    method: 'lsq',
  };
  const nodes: NetworkNode[] = [];
  for (let layer = 0; layer < layerCount(golden); layer++) {
    if (layer > 0) nodes.push({ op: 'relu' });
    nodes.push({
      op: 'linear',
      name: `fc${layer}`,
      inChannels: sizes[layer] ?? 0,
      outChannels: sizes[layer + 1] ?? 0,
      bias: true,
      weight,
      activation: {
        bits: golden.number('a_bit'),
        grid: layer === 0 ? 'signed' : 'unsigned',
        range: 'lsq',
        method: 'lsq',
      },
    });
  }
  return nodes;
}

async function setParameters(golden: GoldenCase, network: Network): Promise<void> {
  for (let layer = 0; layer < layerCount(golden); layer++) {
    network.setParameter(`fc${layer}.weight`, await golden.floats(`w${layer}_init`));
    network.setParameter(`fc${layer}.bias`, await golden.floats(`b${layer}_init`));
    if (!golden.has(`scale_w${layer}_init`)) continue;
    const scales = await golden.floats(`scale_w${layer}_init`);
    const activation = await golden.floats(`scale_a${layer}_init`);
    network.setScales(`fc${layer}`, scales, new Int32Array(0), activation[0] ?? 0);
  }
}

interface Samples {
  x: Float32Array;
  labels: number[];
  rows: number;
  features: number;
  classes: number;
}

async function samplesOf(golden: GoldenCase): Promise<Samples> {
  const { rows, cols } = golden.matrixShape('x');
  const classes = golden.scalar<number[]>('sizes').at(-1) ?? 0;
  const [x, labels] = [await golden.floats('x'), await golden.counts('labels')];
  return { x, labels, rows, features: cols, classes };
}

/** Step t takes rows (t·batch) mod rows … + batch: laid out one after the other, one epoch in file order. */
function stepOrder(golden: GoldenCase, rows: number): number[] {
  const batch = golden.number('batch');
  if (rows % batch !== 0) throw new Error(`${rows} rows are no whole number of batches of ${batch}`);
  return Array.from({ length: golden.number('steps') * batch }, (_, i) => i % rows);
}

function createDataset(addon: NativeAddon, samples: Samples, order: number[]): Dataset {
  const { x, labels, features, classes } = samples;
  const values = new Float32Array(order.length * features);
  order.forEach((row, i) => {
    values.set(x.subarray(row * features, (row + 1) * features), i * features);
  });
  const picked = Uint8Array.from(order, (row) => labels[row] ?? 0);
  return addon.createDatasetFromFloats(values, picked, { count: order.length, features, classes });
}

function sessionOptions(golden: GoldenCase): SessionOptions {
  const optimizer = golden.scalar<string>('optimizer');
  if (optimizer !== 'sgd' && optimizer !== 'adamw')
    throw new Error(`optimizer ${optimizer} is not supported`);
  const hyper = golden.scalar<Hyper>('hyper');
  return {
    optimizer,
    learningRate: hyper.lr,
    momentum: hyper.momentum ?? 0,
    weightDecay: hyper.weight_decay,
    ...(hyper.betas ? { beta1: hyper.betas[0], beta2: hyper.betas[1] } : {}),
    ...(hyper.eps === undefined ? {} : { epsilon: hyper.eps }),
    schedule: 'constant',
    epochs: 1,
    batchSize: golden.number('batch'),
    seed: 1,
    shuffle: false,
  };
}

async function runSession(
  addon: NativeAddon,
  network: Network,
  train: Dataset,
  test: Dataset,
  options: SessionOptions,
): Promise<SessionStep[]> {
  const session = addon.createSession(network, train, test, options);
  try {
    session.start();
    const state = await session.done;
    const progress = session.drain();
    if (state !== 'finished') throw new Error(`the session ended ${state}: ${progress.error?.message ?? ''}`);
    return progress.steps;
  } finally {
    session.dispose();
  }
}

function compareLosses(steps: SessionStep[], losses: Float64Array): Measurement[] {
  if (steps.length !== losses.length) {
    return [{ name: `${steps.length} steps instead of ${losses.length}`, error: Number.NaN, bound: 0 }];
  }
  return steps.map(({ loss }, i) =>
    close(
      `loss of step ${i + 1}`,
      loss,
      losses[i] ?? Number.NaN,
      i < earlySteps ? earlyLossBound : lossBound,
    ),
  );
}

async function compareFinal(golden: GoldenCase, network: Network, test: Dataset): Promise<Measurement[]> {
  const measured: Measurement[] = [];
  for (let layer = 0; layer < layerCount(golden); layer++) {
    const expected = await golden.floats(`w${layer}_final`);
    const actual = new Float32Array(expected.length);
    network.getParameter(`fc${layer}.weight`, actual);
    const error = relativeRms(actual, expected);
    measured.push({ name: `final weight ${layer}`, error, bound: finalWeightBound });
  }
  const logits = await network.logits(test, 'fakeQuant');
  const error = relativeRms(logits, await golden.floats('logits_final'));
  measured.push({ name: 'final logits', error, bound: finalLogitBound });
  return measured;
}
