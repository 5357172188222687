/** The proof of a file with folded and equalised layers: read again, its network gives the outputs of the model's. */
import type { Dataset, NativeAddon, Network } from '../../native/index.js';
import { type Configuration, type Graph, QatError, type TransformRecord } from '../contract/index.js';
import { openSafetensors } from '../formats/index.js';
import type { OpenDataset } from './dataset.js';
import { uniformSource, valueSource } from './drawn-inputs.js';
import { Model } from './model.js';
import { withCancel } from './native-call.js';
import { floatLayerConfig, planNetwork } from './network-plan.js';
import { createModelNetwork, requireGraph } from './network-state.js';
import { perTensor } from './transform-figures.js';

/**
 * Both networks are the same function; they differ by the rounding of float32 products in another order. Relative to
 * the largest output.
 */
const relativeTolerance = 1e-4;
/** Of N(0, 1) samples, where there is no data set. */
const drawnSamples = 256;
const mostDrawnValues = 2 ** 24;
const worstDb = -300;

export interface TransformProofJob {
  addon: NativeAddon;
  model: Model;
  dataset: OpenDataset | null;
  signal?: AbortSignal;
  onProgress: (fraction: number, detail: string) => void;
}

export type TransformProof = Pick<
  TransformRecord,
  'inputs' | 'samples' | 'maxDifference' | 'tolerance' | 'sameDecision' | 'outputDb'
>;

/** Opens the written file as any other. The caller closes it. @throws E-TRANSFORM-PROOF */
export async function openWritten(addon: NativeAddon, path: string, signal?: AbortSignal): Promise<Model> {
  const model = new Model(addon, await openSafetensors(path, { signal }), '');
  const { graph, graphError } = model.content;
  if (!graph) throw proofError(graphError?.message ?? 'its graph is missing');
  return model;
}

/** @throws E-TRANSFORM-PROOF when the outputs differ by more than rounding, E-CANCELLED */
export async function proveTransformed(written: Model, job: TransformProofJob): Promise<TransformProof> {
  const graph = requireGraph(job.model);
  const drawn = job.dataset ? null : drawSamples(job.addon, graph);
  const samples = job.dataset?.test ?? drawn;
  if (!samples) throw new Error('There are no samples.');
  try {
    job.onProgress(0, 'Outputs of the model');
    const before = await outputsOf(job.model, {}, samples, job);
    job.onProgress(0.25, 'Outputs of the file');
    const after = await outputsOf(written, {}, samples, job);
    const compared = compare(before, after, graph.classes);
    job.onProgress(0.5, 'Outputs of the model at 4 bits');
    const quantizedBefore = await outputsOf(job.model, atFourBits(job.model), samples, job);
    job.onProgress(0.75, 'Outputs of the file at 4 bits');
    const quantizedAfter = await outputsOf(written, atFourBits(written), samples, job);
    return {
      inputs: drawn ? 'drawn' : 'test',
      samples: samples.count,
      ...compared,
      outputDb: { before: sqnrDb(before, quantizedBefore), after: sqnrDb(before, quantizedAfter) },
    };
  } finally {
    drawn?.dispose();
  }
}

function drawSamples(addon: NativeAddon, { input: { features }, classes }: Graph): Dataset {
  const count = Math.max(1, Math.min(drawnSamples, Math.floor(mostDrawnValues / features)));
  const next = valueSource({ kind: 'normal', mean: 0, std: 1 }, uniformSource(1));
  const values = Float32Array.from({ length: count * features }, next);
  return addon.createDatasetFromFloats(values, new Uint8Array(count), { count, features, classes });
}

function atFourBits(model: Model): Configuration {
  const config = { ...floatLayerConfig, weight: perTensor };
  return Object.fromEntries(model.content.layers.map(({ name }) => [name, config]));
}

/** Outputs [samples, classes] of the network with these weights. */
async function outputsOf(
  model: Model,
  configuration: Configuration,
  samples: Dataset,
  { addon, signal }: TransformProofJob,
): Promise<Float32Array> {
  const plan = planNetwork(requireGraph(model), model.shapes, configuration);
  const network: Network = await createModelNetwork(addon, model, plan, signal);
  try {
    return await withCancel(addon, signal, async (token) => {
      await network.prepare(samples, 1, token);
      return network.logits(samples, 'fakeQuant', token);
    });
  } finally {
    network.dispose();
  }
}

/** Exported for its test. @throws E-TRANSFORM-PROOF */
export function compare(before: Float32Array, after: Float32Array, classes: number) {
  let largest = 0;
  let maxDifference = 0;
  let sameDecision = 0;
  for (let row = 0; row < before.length; row += classes) {
    let best = row;
    let bestAfter = row;
    for (let at = row; at < row + classes; at += 1) {
      const x = before[at] ?? 0;
      const y = after[at] ?? Number.NaN;
      largest = Math.max(largest, Math.abs(x));
      // NaN must not pass as "no difference".
      maxDifference = Math.max(maxDifference, Number.isFinite(y) ? Math.abs(x - y) : Number.MAX_VALUE);
      if (x > (before[best] ?? 0)) best = at;
      if (y > (after[bestAfter] ?? 0)) bestAfter = at;
    }
    if (best === bestAfter) sameDecision += 1;
  }
  const tolerance = relativeTolerance * largest;
  if (Number.isFinite(largest) && maxDifference <= tolerance)
    return { maxDifference, tolerance, sameDecision };
  const words = (value: number) => value.toPrecision(3);
  throw proofError(`its outputs differ by ${words(maxDifference)}, more than ${words(tolerance)}`);
}

/** 10·log₁₀(Σx²/Σ(x − y)²); null where nothing differs. */
function sqnrDb(exact: Float32Array, given: Float32Array): number | null {
  let power = 0;
  let noise = 0;
  exact.forEach((x, at) => {
    power += x * x;
    noise += (x - (given[at] ?? 0)) ** 2;
  });
  if (noise === 0) return null;
  const db = 10 * Math.log10(power / noise);
  // Outputs that are all 0, or not finite once quantized, have no ratio: as bad as can be.
  return Number.isFinite(db) ? db : worstDb;
}

function proofError(what: string): QatError {
  return new QatError(
    'E-TRANSFORM-PROOF',
    `The written file does not compute what the model does: ${what}. It was removed; the model is as it was.`,
    'Leave out the batch norms or pairs whose values are extreme (variances near 0), and write again.',
  );
}
