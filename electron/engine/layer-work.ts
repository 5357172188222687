/** *Prepare* and *quantize* of one layer of the model, by the native n-bit layer. */
import { createHash } from 'node:crypto';
import type { NativeAddon, NativeScales, NBitLayer, QuantizedWeight, Tensor } from '../../native/index.js';
import { type LayerConfig, QatError } from '../contract/index.js';
import type { KeptRecord, LayerRecord } from './layer-states.js';
import type { ModelLayer } from './model.js';
import { withCancel } from './native-call.js';
import type { OpenProject } from './open-project.js';
import { chosenCodes, toNativeQuantizer } from './quantizers.js';
import { scalesOf } from './scale-arrays.js';

export interface LayerJob {
  addon: NativeAddon;
  project: OpenProject;
  layer: ModelLayer;
  config: LayerConfig;
  signal?: AbortSignal;
}

/** @throws E-LAYER-STATE */
export function refuseFloat(layer: ModelLayer, config: LayerConfig): void {
  if (config.weight.bits !== 32) return;
  throw new QatError(
    'E-LAYER-STATE',
    `Layer ${layer.name} is set to float (32 bits): there is nothing to prepare or quantize.`,
    'Choose 1 to 8 weight bits for it first.',
  );
}

type UseWeight = (tensor: Tensor) => Promise<void>;

/** The native layer with the model's weight, or another one, for as long as `work` runs. */
async function withLayer<T>(
  job: LayerJob,
  work: (linear: NBitLayer) => Promise<T>,
  withWeight = (use: UseWeight) => job.project.model.withTensor(job.layer.name, use),
  quantizer = job.config.weight,
): Promise<T> {
  const { addon, layer, config } = job;
  refuseFloat(layer, config);
  const { bits, ...weight } = toNativeQuantizer(quantizer);
  const linear = addon.createLinear({
    inChannels: layer.cols,
    outChannels: layer.rows,
    wBit: bits,
    // Preparing a weight needs no input quantizer; runs and exports build it with calibration data.
    aBit: 32,
    weight,
  });
  try {
    await withWeight(async (tensor) => linear.setWeightData(tensor));
    return await work(linear);
  } finally {
    linear.dispose();
  }
}

/** Scales from the current weight. @throws E-LAYER-STATE, E-WEIGHT-NOT-FINITE, E-CANCELLED */
export function prepareLayer(job: LayerJob): Promise<LayerRecord> {
  return withLayer(job, async (linear) => {
    await withCancel(job.addon, job.signal, (token) => linear.prepareParamsAsync(token));
    const scales = linear.scales();
    return { state: 'prepared', ...scales, codesSha256: null, ownWeight: false, ownBias: false, input: null };
  });
}

/** A packed weight, and the scales it was made with: its own, and the thresholds of the ternary grid. */
export interface PackedWeight {
  weight: QuantizedWeight;
  scales: NativeScales;
}

/** The packed weight of the model's weight under the scales. @throws as `prepareLayer` */
export function packLayer(job: LayerJob, scales: NativeScales): Promise<PackedWeight> {
  return withLayer(job, (linear) => pack(job, linear, scales));
}

/** Of a kept record: of its own weight where it has one, else the model's. @throws as `prepareLayer` */
export function packKept(job: LayerJob, record: KeptRecord): Promise<PackedWeight> {
  if (!record.ownWeight) return packLayer(job, record);
  const { addon, project, config } = job;
  return withLayer(
    job,
    (linear) => pack(job, linear, record),
    (use) => project.layerStates.withWeight(addon, record, use),
    chosenCodes(config.weight),
  );
}

/** As `packLayer`, of a weight that no file holds yet. */
export async function packWeight(
  job: LayerJob,
  values: Float32Array,
  scales: NativeScales,
): Promise<PackedWeight> {
  const { addon, layer, config } = job;
  const tensor = addon.tensorFromArray(values, layer.rows, layer.cols);
  try {
    return await withLayer(
      job,
      (linear) => pack(job, linear, scales),
      (use) => use(tensor),
      chosenCodes(config.weight),
    );
  } finally {
    tensor.dispose();
  }
}

async function pack(job: LayerJob, linear: NBitLayer, given: NativeScales): Promise<PackedWeight> {
  linear.setScales(scalesOf(given));
  await withCancel(job.addon, job.signal, (token) =>
    linear.generateQuantizedWeightAsync({ qweightOnly: true }, token),
  );
  const scales = scalesOf(linear.scales());
  linear.eval();
  const weight = linear.optWeight();
  if (weight.kind !== 'packed') throw new Error('The native layer gave a float weight in inference.');
  return { weight: weight.qweight, scales };
}

export function codesDigest(packed: Uint8Array): string {
  return createHash('sha256').update(packed).digest('hex');
}
