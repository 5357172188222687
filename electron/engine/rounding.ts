/** *Quantize* with codes that are chosen otherwise than by rounding each weight to nearest. */
import type { CancelToken, QuantizedWeight } from '../../native/index.js';
import {
  type LayerOutcome,
  QatError,
  type Rounding,
  roundingOf,
  roundingTable,
  type WeightQuantizer,
} from '../contract/index.js';
import { throwIfAborted } from './call-options.js';
import { biasOf } from './graph.js';
import { inPieces } from './in-pieces.js';
import type { LayerInputs } from './layer-inputs.js';
import type { LayerRecord, OwnWeight } from './layer-states.js';
import { codesDigest, type LayerJob, packLayer, packWeight, prepareLayer } from './layer-work.js';
import { withCancel } from './native-call.js';
import { oneLayerNetwork, only, outputErrors } from './one-layer.js';
import { withOwned } from './owned.js';
import { chosenCodes, toNativeQuantizer } from './quantizers.js';
import { type Chosen, chooseByGroup, type RowGroup } from './rounding-groups.js';
import { joined, scalesOf } from './scale-arrays.js';

const progressMs = 100;

/** What *Quantize* keeps of a layer. */
export interface MadeLayer {
  record: LayerRecord;
  own: OwnWeight;
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
  const { addon, config } = job;
  const quantizer = toNativeQuantizer(config.weight);
  switch (roundingOf(config.weight)) {
    case 'nearest':
      throw new Error('Rounding to nearest chooses nothing.');
    case 'hqq':
      return hqq(job, values);
    case 'adaround': {
      const { iterations } = config.weight;
      const given = iterations === undefined ? {} : { iterations };
      return byGroup(job, values, prepared, ({ weight, rows, cols, scales }, hessian, token) =>
        addon.ops.adaround(weight, rows, cols, hessian, quantizer, { ...given, scales }, token),
      );
    }
    case 'gptq': {
      const options = gptqOptions(config.weight);
      return byGroup(job, values, prepared, ({ weight, rows, cols, scales, ofMore }, hessian, token) =>
        addon.ops.gptq(
          weight,
          rows,
          cols,
          hessian,
          quantizer,
          { ...options, ...(ofMore && { scales }) },
          token,
        ),
      );
    }
  }
}

type ChooseRows = (
  group: RowGroup,
  hessian: Float64Array,
  token: CancelToken,
) => Promise<{ weight: QuantizedWeight; dequantized: Float32Array }>;

/** Each group of rows by the Hessian of what it sees. */
function byGroup(
  job: RoundingJob,
  values: Float32Array,
  prepared: LayerRecord,
  choose: ChooseRows,
): Promise<Chosen> {
  const perTensor = job.config.weight.granularity === 'tensor';
  const given = { scales: prepared, perTensor };
  return chooseByGroup(values, requireInputs(job), given, job.signal, async (group) => {
    const share = (part: number) => 0.95 * (group.from + (group.to - group.from) * part);
    const { inputs, samples, cols } = group;
    const hessian = await watched(job, [share(0), share(0.1)], (token) =>
      job.addon.ops.hessian(inputs, samples, cols, token),
    );
    return watched(job, [share(0.1), share(1)], (token) => choose(group, hessian, token));
  });
}

/** Groups that follow the order of work are not consecutive columns, as packed groups are: theirs are set before. */
export function gptqOptions({ damping, actOrder = true, granularity }: WeightQuantizer) {
  return {
    ...(damping !== undefined && { damping }),
    actOrder,
    staticGroups: actOrder && granularity === 'group',
  };
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
  const inputs = requireInputs(job);
  const { samples, groups } = inputs;
  const width = cols * groups;
  const sums = new Float64Array(width);
  await inPieces(inputs.values.length, signal, (begin, end) => {
    for (let at = begin; at < end; at += 1) {
      sums[at % width] = (sums[at % width] ?? 0) + (inputs.values[at] ?? 0);
    }
  });
  const mean = Float32Array.from(sums, (sum) => sum / samples);
  const perGroup = rows / groups;
  const part = (of: Float32Array, group: number, size: number) =>
    of.subarray(group * size, (group + 1) * size);
  const changes = Array.from({ length: groups }, (_, group) =>
    addon.ops.biasCorrection(
      part(values, group, perGroup * cols),
      part(chosen.dequantized, group, perGroup * cols),
      perGroup,
      cols,
      part(mean, group, cols),
      new Float32Array(perGroup),
    ),
  );
  return joined(changes);
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
  const inputs = requireInputs(job);
  return withOwned(async (own) => {
    const exact = own(oneLayerNetwork(addon, layer, values));
    const nearest = own(oneLayerNetwork(addon, layer, values, toNativeQuantizer(chosenCodes(config.weight))));
    const made = own(oneLayerNetwork(addon, layer, chosen.dequantized, undefined, undefined, change));
    nearest.setScales(only, scalesOf(prepared));
    const { power, errors } = await outputErrors(addon, signal, inputs, exact, [nearest, made], layer.rows);
    const [lost = 0, loss = 0] = errors;
    return { by, measure: 'output', inputs: inputs.source, nearest: lost, loss, power };
  });
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
