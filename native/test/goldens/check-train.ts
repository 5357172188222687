/**
 * `train/`: the optimizer steps of an MLP through Network and TrainingSession.
 *
 * Some trajectories are not determined to the README's bounds by their inputs at all: where AdamW drives a
 * small 8-bit scale towards 0, one unit in the last place becomes another loss within a few steps (PyTorch
 * itself, with the same formulas in another order, is then off by as much). So every case also runs with
 * its initial weights and scales moved by one to four units in the last place, which is what another order of summation
 * does. As long as these runs agree, the README's bounds
 * apply unchanged; from the step where they do not, the bound is what they differ by times a safety factor,
 * and the case says so.
 */
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

/** The README bounds the losses of the first steps and of the last; between them a flip may show for a while. */
const earlySteps = 20;
const earlyLossBound = 1e-4;
const middleLossBound = 1e-2;
const lastLossBound = 2e-3;
/** Root mean square of the difference over that of the values, without and with flipped codes. */
const finalBounds = { float: { weight: 1e-4, logits: 1e-4 }, quantized: { weight: 2e-2, logits: 1e-1 } };

const disturbedRuns = 8;
const safetyFactor = 4;

interface Hyper {
  lr: number;
  momentum?: number;
  weight_decay: number;
  betas?: [number, number];
  eps?: number;
}

interface Outcome {
  losses: number[];
  weights: Float32Array[];
  logits: Float32Array;
}

export async function checkTraining(addon: NativeAddon, golden: GoldenCase): Promise<Measurement[]> {
  const actual = await trainOnce(addon, golden, 0);
  const expected = await expectedOutcome(golden);
  if (actual.losses.length !== expected.losses.length) {
    throw new Error(`${actual.losses.length} steps instead of ${expected.losses.length}`);
  }
  const disturbed: Outcome[] = [];
  for (let run = 1; run <= disturbedRuns; run++) disturbed.push(await trainOnce(addon, golden, run));
  return [
    ...compareLosses(actual, expected, disturbed),
    ...compareFinal(golden, actual, expected, disturbed),
  ];
}

async function expectedOutcome(golden: GoldenCase): Promise<Outcome> {
  const weights: Float32Array[] = [];
  for (let layer = 0; layer < layerCount(golden); layer++) {
    weights.push(await golden.floats(`w${layer}_final`));
  }
  const losses = Array.from(await golden.doubles('losses'));
  return { losses, weights, logits: await golden.floats('logits_final') };
}

/** `disturbance` 0: the parameters as given; else a seed for moving each by a few units in the last place. */
async function trainOnce(addon: NativeAddon, golden: GoldenCase, disturbance: number): Promise<Outcome> {
  const network = addon.createNetwork(nodesOf(golden));
  const samples = await samplesOf(golden);
  const inOrder = Array.from({ length: samples.rows }, (_, row) => row);
  const train = createDataset(addon, samples, stepOrder(golden, samples.rows));
  const test = createDataset(addon, samples, inOrder);
  try {
    await setParameters(golden, network, disturbance);
    const steps = await runSession(addon, network, train, test, sessionOptions(golden));
    return {
      losses: steps.map((point) => point.loss),
      weights: finalWeights(golden, network),
      logits: await network.logits(test, 'fakeQuant'),
    };
  } finally {
    for (const handle of [network, train, test]) handle.dispose();
  }
}

function finalWeights(golden: GoldenCase, network: Network): Float32Array[] {
  return Array.from({ length: layerCount(golden) }, (_, layer) => {
    const { rows, cols } = golden.matrixShape(`w${layer}_final`);
    const weight = new Float32Array(rows * cols);
    network.getParameter(`fc${layer}.weight`, weight);
    return weight;
  });
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

async function setParameters(golden: GoldenCase, network: Network, disturbance: number): Promise<void> {
  const read = async (name: string) => disturb(await golden.floats(name), disturbance);
  for (let layer = 0; layer < layerCount(golden); layer++) {
    network.setParameter(`fc${layer}.weight`, await read(`w${layer}_init`));
    network.setParameter(`fc${layer}.bias`, await read(`b${layer}_init`));
    if (!golden.has(`scale_w${layer}_init`)) continue;
    const activation = await read(`scale_a${layer}_init`);
    network.setScales(`fc${layer}`, {
      scales: await read(`scale_w${layer}_init`),
      activationScale: activation[0] ?? 0,
    });
  }
}

/** Every value moved by 1, 2 or 4 units in the last place, up or down by a hash of its index. */
function disturb(values: Float32Array, seed: number): Float32Array {
  if (seed === 0) return values;
  const words = new Uint32Array(values.slice().buffer);
  const units = 2 ** (seed % 3);
  for (let i = 0; i < words.length; i++) {
    const hash = Math.imul((i + 1) ^ Math.imul(seed, 0x9e3779b9), 0x85ebca6b) >>> 0;
    const word = words[i] ?? 0;
    if (word << 1 !== 0) words[i] = word + (hash >>> 31 ? units : -units);
  }
  return new Float32Array(words.buffer);
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

function compareLosses(actual: Outcome, expected: Outcome, disturbed: Outcome[]): Measurement[] {
  let spread = 0;
  return expected.losses.map((reference, i) => {
    const loss = actual.losses[i] ?? Number.NaN;
    for (const run of disturbed) {
      spread = Math.max(spread, Math.abs((run.losses[i] ?? Number.NaN) - loss) / Math.abs(reference));
    }
    const isLast = i === expected.losses.length - 1;
    const bound = i < earlySteps ? earlyLossBound : isLast ? lastLossBound : middleLossBound;
    return undetermined(close(`loss of step ${i + 1}`, loss, reference, bound), spread);
  });
}

function compareFinal(
  golden: GoldenCase,
  actual: Outcome,
  expected: Outcome,
  disturbed: Outcome[],
): Measurement[] {
  const isFloat = golden.number('w_bit') === 32 && golden.number('a_bit') === 32;
  const bounds = isFloat ? finalBounds.float : finalBounds.quantized;
  const compare = (name: string, bound: number, pick: (outcome: Outcome) => Float32Array) => {
    const error = relativeRms(pick(actual), pick(expected));
    const spread = Math.max(...disturbed.map((run) => relativeRms(pick(run), pick(actual))));
    return undetermined({ name, error, bound }, spread);
  };
  return [
    ...expected.weights.map((_, layer) =>
      compare(`final weight ${layer}`, bounds.weight, ({ weights }) => weights[layer] ?? new Float32Array()),
    ),
    compare('final logits', bounds.logits, ({ logits }) => logits),
  ];
}

/** Widens the bound to what equal inputs give here, when they give less than the bound asks for. */
function undetermined(measurement: Measurement, spread: number): Measurement {
  const widened = spread * safetyFactor;
  if (!(widened > measurement.bound)) return measurement;
  const note = `inputs a few ulp apart differ by ${spread.toExponential(1)} in ${measurement.name}`;
  return { ...measurement, bound: widened, note };
}
