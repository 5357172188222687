/** *Quantize* with codes that are chosen otherwise than by rounding each weight to nearest. */
import type { CancelToken, NativeScales, QuantizedWeight } from '../../native/index.js';
import {
  type LayerOutcome,
  QatError,
  type Rounding,
  roundingOf,
  roundingTable,
  type WeightQuantizer,
} from '../contract/index.js';
import type { LayerInputs } from './calibration.js';
import { throwIfAborted } from './call-options.js';
import { biasOf } from './graph.js';
import { inPieces } from './in-pieces.js';
import type { LayerRecord, OwnWeight } from './layer-states.js';
import { codesDigest, type LayerJob, packLayer, packWeight, prepareLayer } from './layer-work.js';
import { withCancel } from './native-call.js';
import { inputsDataset, meanSquare, oneLayerNetwork, only, outputs } from './one-layer.js';
import { chosenCodes, toNativeQuantizer } from './quantizers.js';
import { scalesOf } from './scale-arrays.js';

const progressMs = 100;

/** What *Quantize* keeps of a layer. */
export interface MadeLayer {
  record: LayerRecord;
  own: OwnWeight;
}

/** Chosen codes, and the weight they decode to. */
interface Chosen {
  dequantized: Float32Array;
  scales: NativeScales;
  packed: Uint8Array;
}

export interface RoundingJob extends LayerJob {
  /** Null: the rounding needs none. */
  inputs: LayerInputs | null;
  onProgress: (fraction: number) => void;
}

/** @throws E-LAYER-STATE, E-WEIGHT-NOT-FINITE, E-NATIVE-ARGUMENT, E-OUT-OF-MEMORY, E-CANCELLED */
export async function roundLayer(job: RoundingJob): Promise<MadeLayer> {
  const { layer, config } = job;
  const prepared = await prepareLayer(job);
  const values = await job.project.model.valuesOf(layer.name);
  const chosen = await choose(job, values, prepared);
  const { weight, scales } = await packWeight(job, chosen.dequantized, chosen.scales);
  // The codes must follow from what is kept of them.
  if (Buffer.compare(weight.packed, chosen.packed) !== 0) {
    throw new Error(`The codes that ${roundingOf(config.weight)} chose for ${layer.name} are not kept.`);
  }
  const change = await biasChange(job, values, chosen);
  const bias = change && (await correctedBias(job, change));
  const outcome = await measure(job, values, prepared, chosen, change);
  throwIfAborted(job.signal);
  return {
    record: {
      state: 'quantized',
      ...scales,
      codesSha256: codesDigest(weight.packed),
      ownWeight: true,
      ownBias: bias !== null,
      input: null,
    },
    own: { values: chosen.dequantized, rows: layer.rows, cols: layer.cols, bias, outcome },
  };
}

async function choose(job: RoundingJob, values: Float32Array, prepared: LayerRecord): Promise<Chosen> {
  const { addon, layer, config } = job;
  const { rows, cols } = layer;
  const quantizer = toNativeQuantizer(config.weight);
  switch (roundingOf(config.weight)) {
    case 'nearest':
      throw new Error('Rounding to nearest chooses nothing.');
    case 'hqq':
      return hqq(job, values);
    case 'adaround': {
      const hessian = await inputHessian(job);
      const { iterations } = config.weight;
      const { scales, zeroPoints } = prepared;
      const given = { scales: { scales, zeroPoints }, ...(iterations !== undefined && { iterations }) };
      const made = await watched(job, [0.1, 0.95], (token) =>
        addon.ops.adaround(values, rows, cols, hessian, quantizer, given, token),
      );
      return chosenOf(made.weight, made.dequantized);
    }
    case 'gptq': {
      const hessian = await inputHessian(job);
      const options = gptqOptions(config.weight);
      const made = await watched(job, [0.1, 0.95], (token) =>
        addon.ops.gptq(values, rows, cols, hessian, quantizer, options, token),
      );
      return chosenOf(made.weight, made.dequantized);
    }
  }
}

/** Groups that follow the order of work are not consecutive columns, as packed groups are: theirs are set before. */
export function gptqOptions({ damping, actOrder = true, granularity }: WeightQuantizer) {
  return {
    ...(damping !== undefined && { damping }),
    actOrder,
    staticGroups: actOrder && granularity === 'group',
  };
}

function chosenOf(weight: QuantizedWeight, dequantized: Float32Array): Chosen {
  return { dequantized, scales: scalesOf(weight), packed: weight.packed };
}

async function hqq(job: RoundingJob, values: Float32Array): Promise<Chosen> {
  const { addon, layer, config } = job;
  const { bits, granularity, groupSize, shrinkNorm } = config.weight;
  const options = {
    bits,
    groupSize: granularity === 'group' ? groupSize : layer.cols,
    integerZeros: true,
    ...(shrinkNorm !== undefined && { norm: shrinkNorm }),
  };
  const made = await watched(job, [0, 0.95], (token) =>
    addon.ops.hqq(values, layer.rows, layer.cols, options, token),
  );
  const scales = { scales: made.scales, zeroPoints: Int32Array.from(made.zeros) };
  return { dequantized: made.dequantized, scales, packed: made.packed };
}

async function inputHessian(job: RoundingJob): Promise<Float64Array> {
  const { samples, cols, values } = requireInputs(job);
  return watched(job, [0, 0.1], (token) => job.addon.ops.hessian(values, samples, cols, token));
}

function requireInputs({ inputs, layer }: RoundingJob): LayerInputs {
  if (inputs) return inputs;
  throw new Error(`No inputs of ${layer.name} were given.`);
}

/** Native work whose progress is a part of the job's. */
async function watched<T>(
  { addon, signal, onProgress }: RoundingJob,
  [from, to]: readonly [number, number],
  work: (token: CancelToken) => Promise<T>,
): Promise<T> {
  return withCancel(addon, signal, async (token) => {
    const timer = setInterval(() => onProgress(from + (to - from) * token.progress), progressMs);
    try {
      return await work(token);
    } finally {
      clearInterval(timer);
    }
  });
}

/** What bias correction adds to the bias: −(Ŵ − W)·x̄ with x̄ the mean input; null when it is not wanted. */
async function biasChange(
  job: RoundingJob,
  values: Float32Array,
  chosen: Chosen,
): Promise<Float32Array | null> {
  const { addon, layer, config, signal } = job;
  const { weight } = config;
  if (!weight.correctBias || !roundingTable[roundingOf(weight)].needsInputs) return null;
  requireBias(job);
  const { rows, cols } = layer;
  const { values: inputs, samples } = requireInputs(job);
  const sums = new Float64Array(cols);
  await inPieces(inputs.length, signal, (begin, end) => {
    for (let at = begin; at < end; at += 1) sums[at % cols] = (sums[at % cols] ?? 0) + (inputs[at] ?? 0);
  });
  const mean = Float32Array.from(sums, (sum) => sum / samples);
  return addon.ops.biasCorrection(values, chosen.dequantized, rows, cols, mean, new Float32Array(rows));
}

async function correctedBias(job: LayerJob, change: Float32Array): Promise<Float32Array> {
  const bias = await job.project.model.valuesOf(requireBias(job));
  return bias.map((value, row) => value + (change[row] ?? 0));
}

/** @throws E-LAYER-STATE */
function requireBias({ project, layer }: LayerJob): string {
  const { graph } = project.model.content;
  const bias = graph && biasOf(graph, layer.name);
  if (bias) return bias;
  throw new QatError(
    'E-LAYER-STATE',
    `The network, as the file describes it, has no bias for ${layer.name}: there is nothing to correct.`,
    'Switch bias correction off for this layer.',
  );
}

/** How much less the chosen codes lose than the nearest ones. */
async function measure(
  job: RoundingJob,
  values: Float32Array,
  prepared: LayerRecord,
  chosen: Chosen,
  change: Float32Array | null,
): Promise<LayerOutcome> {
  const by = roundingOf(job.config.weight) as Exclude<Rounding, 'nearest'>;
  if (by === 'hqq') return { by, measure: 'weight', ...(await weightErrors(job, values, prepared, chosen)) };
  const { addon, layer, config, signal } = job;
  const data = inputsDataset(addon, requireInputs(job));
  const exact = oneLayerNetwork(addon, layer, values);
  const nearest = oneLayerNetwork(addon, layer, values, toNativeQuantizer(chosenCodes(config.weight)));
  const made = oneLayerNetwork(addon, layer, chosen.dequantized, undefined, undefined, change);
  try {
    nearest.setScales(only, scalesOf(prepared));
    const y = await outputs(addon, signal, exact, data);
    return {
      by,
      measure: 'output',
      nearest: await meanSquare(addon, signal, nearest, data, y),
      loss: await meanSquare(addon, signal, made, data, y),
      power: await meanSquare(addon, signal, exact, data),
    };
  } finally {
    for (const part of [data, exact, nearest, made]) part.dispose();
  }
}

/** On the unsigned grid, the only one that HQQ has. */
async function weightErrors(job: LayerJob, values: Float32Array, prepared: LayerRecord, chosen: Chosen) {
  const norm = job.config.weight.shrinkNorm ?? roundingTable.hqq.parameters[0].default;
  const mean = async (other: (at: number) => number) => {
    let sum = 0;
    await inPieces(values.length, job.signal, (begin, end) => {
      for (let at = begin; at < end; at += 1) sum += Math.abs((values[at] ?? 0) - other(at)) ** norm;
    });
    return sum / values.length;
  };
  const { weight } = await packLayer(job, prepared);
  const { rows, cols, bits, scales, zeroPoints } = weight;
  const codes = job.addon.unpackCodes(weight.packed, rows, cols, bits);
  const groups = scales.length / rows;
  const groupCols = weight.granularity === 'group' ? weight.groupSize : cols;
  const nearest = (at: number) => {
    const group = Math.floor(at / cols) * groups + Math.floor((at % cols) / groupCols);
    return (scales[group] ?? 0) * ((codes[at] ?? 0) - (zeroPoints[group] ?? 0));
  };
  const loss = await mean((at) => chosen.dequantized[at] ?? 0);
  return { nearest: await mean(nearest), loss, power: await mean(() => 0) };
}
