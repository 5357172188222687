/** *Prepare* and *quantize* of one layer of the model, by the native n-bit layer. */
import { createHash } from 'node:crypto';
import type { NativeAddon, NativeScales, NBitLayer, QuantizedWeight } from '../../native/index.js';
import { type LayerConfig, QatError } from '../contract/index.js';
import type { LayerRecord } from './layer-states.js';
import type { Model, ModelLayer } from './model.js';
import { withCancel } from './native-call.js';
import { scalesOf } from './scale-arrays.js';

interface LayerJob {
  addon: NativeAddon;
  model: Model;
  layer: ModelLayer;
  config: LayerConfig;
  signal?: AbortSignal;
}

function refuseFloat(layer: ModelLayer, config: LayerConfig): void {
  if (config.weight.bits !== 32) return;
  throw new QatError(
    'E-LAYER-STATE',
    `Layer ${layer.name} is set to float (32 bits): there is nothing to prepare or quantize.`,
    'Choose 1 to 8 weight bits for it first.',
  );
}

/** The native layer with the model's weight, for as long as `work` runs. */
async function withLayer<T>(job: LayerJob, work: (linear: NBitLayer) => Promise<T>): Promise<T> {
  const { addon, model, layer, config } = job;
  refuseFloat(layer, config);
  const { bits, ...weight } = config.weight;
  const linear = addon.createLinear({
    inChannels: layer.cols,
    outChannels: layer.rows,
    wBit: bits,
    // Preparing a weight needs no input quantizer; runs and exports build it with calibration data.
    aBit: 32,
    weight,
  });
  try {
    await model.withTensor(layer.name, async (tensor) => linear.setWeightData(tensor));
    return await work(linear);
  } finally {
    linear.dispose();
  }
}

/** Scales from the current weight. @throws E-LAYER-STATE, E-WEIGHT-NOT-FINITE, E-CANCELLED */
export function prepareLayer(job: LayerJob): Promise<LayerRecord> {
  return withLayer(job, async (linear) => {
    await withCancel(job.addon, job.signal, (token) => linear.prepareParamsAsync(token));
    return { state: 'prepared', ...linear.scales(), codesSha256: null };
  });
}

/** A packed weight, and the scales it was made with: its own, and the thresholds of the ternary grid. */
export interface PackedWeight {
  weight: QuantizedWeight;
  scales: NativeScales;
}

/** The packed weight under the record's scales. @throws as `prepareLayer` */
export function packLayer(job: LayerJob, record: LayerRecord): Promise<PackedWeight> {
  return withLayer(job, async (linear) => {
    linear.setScales(scalesOf(record));
    await withCancel(job.addon, job.signal, (token) =>
      linear.generateQuantizedWeightAsync({ qweightOnly: true }, token),
    );
    const scales = scalesOf(linear.scales());
    linear.eval();
    const weight = linear.optWeight();
    if (weight.kind !== 'packed') throw new Error('The native layer gave a float weight in inference.');
    return { weight: weight.qweight, scales };
  });
}

export function codesDigest(packed: Uint8Array): string {
  return createHash('sha256').update(packed).digest('hex');
}
