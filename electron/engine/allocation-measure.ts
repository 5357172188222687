/** What a layer loses at each of several bit-widths: of its output on given inputs, or of its weight alone. */
import type { NativeAddon, Network } from '../../native/index.js';
import type { Calibration, WeightQuantizer } from '../contract/index.js';
import { layerInputs } from './calibration.js';
import { type LayerInputs, someSamples } from './layer-inputs.js';
import type { ModelLayer } from './model.js';
import { withCancel } from './native-call.js';
import { inputsDataset, oneLayerNetwork, outputErrors } from './one-layer.js';
import type { OpenProject } from './open-project.js';
import { withOwned } from './owned.js';
import { toNativeQuantizer } from './quantizers.js';

/** `error` and `power` of an output: means over the inputs of ‖Ŵx − Wx‖² and ‖Wx‖²; of a weight: sums of squares. */
export interface Loss {
  error: number;
  power: number;
}

export interface MeasureJob {
  addon: NativeAddon;
  project: OpenProject;
  layer: ModelLayer;
  /** Null: of the weight. */
  inputs: Calibration | null;
  signal?: AbortSignal;
}

/** One loss per quantizer, all rounding to nearest. @throws as `layerInputs`, E-WEIGHT-NOT-FINITE */
export async function measureLosses(
  job: MeasureJob,
  quantizers: readonly WeightQuantizer[],
): Promise<Loss[]> {
  const { addon, project, layer, inputs, signal } = job;
  if (inputs === null) return weightLosses(job, quantizers);
  return outputLosses(job, quantizers, await layerInputs(addon, project, layer, inputs, signal));
}

function weightLosses(
  { addon, project, layer, signal }: MeasureJob,
  quantizers: readonly WeightQuantizer[],
): Promise<Loss[]> {
  return project.model.withTensor(layer.name, async (tensor) => {
    const { count, mean, std } = await addon.statistics(tensor);
    const losses: Loss[] = [];
    for (const quantizer of quantizers) {
      const lens = { quantizer: toNativeQuantizer(quantizer), row: null, range: null };
      const { error } = await withCancel(addon, signal, (token) =>
        addon.whatIf(tensor, { ...lens, exactBins: 2048, drawnBins: 8 }, token),
      );
      losses.push({ error: error.mse * count, power: count * (std ** 2 + mean ** 2) });
    }
    return losses;
  });
}

/** mean ‖Ŵx − Wx‖² is ½ Σ_rows d·H·dᵀ of the inputs' Hessian (docs/numerics.md §12), without cols² numbers. */
function outputLosses(
  { addon, project, layer, signal }: MeasureJob,
  quantizers: readonly WeightQuantizer[],
  inputs: LayerInputs,
): Promise<Loss[]> {
  return withOwned(async (own) => {
    const values = await project.model.valuesOf(layer.name);
    const exact = own(oneLayerNetwork(addon, layer, values));
    // Scales of weights look at no inputs, but a network is prepared on some.
    const few = own(inputsDataset(addon, someSamples(inputs, 0, 1)));
    const rounded: Network[] = [];
    for (const quantizer of quantizers) {
      const network = own(oneLayerNetwork(addon, layer, values, toNativeQuantizer(quantizer)));
      await withCancel(addon, signal, (token) => network.prepare(few, 1, token));
      rounded.push(network);
    }
    const { power, errors } = await outputErrors(addon, signal, inputs, exact, rounded, layer.rows);
    return errors.map((error) => ({ error, power }));
  });
}
