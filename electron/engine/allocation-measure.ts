/** What a layer loses at each of several bit-widths: of its output on given inputs, or of its weight alone. */
import type { NativeAddon, NativeScales } from '../../native/index.js';
import type { Calibration, WeightQuantizer } from '../contract/index.js';
import { type GroupInputs, groupInputs } from './calibration.js';
import type { ModelLayer } from './model.js';
import { withCancel } from './native-call.js';
import { inputsDataset, meanSquare, oneLayerNetwork, only, outputs } from './one-layer.js';
import type { OpenProject } from './open-project.js';
import { toNativeQuantizer } from './quantizers.js';
import { scalesOf } from './scale-arrays.js';

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

/** One loss per quantizer, all rounding to nearest. @throws as `groupInputs`, E-WEIGHT-NOT-FINITE */
export async function measureLosses(
  job: MeasureJob,
  quantizers: readonly WeightQuantizer[],
): Promise<Loss[]> {
  const { addon, project, layer, inputs, signal } = job;
  if (inputs === null) return weightLosses(job, quantizers);
  return outputLosses(job, quantizers, await groupInputs(addon, project, layer, inputs, signal));
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
async function outputLosses(
  job: MeasureJob,
  quantizers: readonly WeightQuantizer[],
  groups: GroupInputs,
): Promise<Loss[]> {
  const { addon, project, layer, signal } = job;
  const values = await project.model.valuesOf(layer.name);
  const scales: NativeScales[] = [];
  for (const quantizer of quantizers) scales.push(await preparedScales(job, values, quantizer));
  const losses = quantizers.map((): Loss => ({ error: 0, power: 0 }));
  const part = { rows: layer.rows / groups.count, cols: layer.cols };
  for (let group = 0; group < groups.count; group += 1) {
    const size = part.rows * part.cols;
    const weight = values.subarray(group * size, (group + 1) * size);
    const data = inputsDataset(addon, groups.of(group));
    const exact = oneLayerNetwork(addon, part, weight);
    try {
      const y = await outputs(addon, signal, exact, data);
      const power = await meanSquare(addon, signal, exact, data);
      for (const [index, quantizer] of quantizers.entries()) {
        const rounded = oneLayerNetwork(addon, part, weight, toNativeQuantizer(quantizer));
        try {
          rounded.setScales(only, scalesOfGroup(scales[index], group, groups.count));
          const loss = losses[index];
          if (loss) loss.error += await meanSquare(addon, signal, rounded, data, y);
          if (loss) loss.power += power;
        } finally {
          rounded.dispose();
        }
      }
    } finally {
      data.dispose();
      exact.dispose();
    }
  }
  return losses;
}

/** As *prepare* sets them, from the whole weight. */
async function preparedScales(
  { addon, layer, signal }: MeasureJob,
  values: Float32Array,
  quantizer: WeightQuantizer,
): Promise<NativeScales> {
  const network = oneLayerNetwork(addon, layer, values, toNativeQuantizer(quantizer));
  // Scales of weights look at no inputs, but a network is prepared on some.
  const none = inputsDataset(addon, { values: new Float32Array(layer.cols), samples: 1, cols: layer.cols });
  try {
    await withCancel(addon, signal, (token) => network.prepare(none, 1, token));
    return scalesOf(network.scales(only));
  } finally {
    network.dispose();
    none.dispose();
  }
}

/** Of the rows of one group; what the whole tensor shares stays as it is. */
function scalesOfGroup(scales: NativeScales | undefined, group: number, groups: number): NativeScales {
  if (!scales) throw new Error('A quantizer was not prepared.');
  const count = scales.scales.length;
  if (groups === 1 || count === 1) return scales;
  const cut = <A extends Float32Array | Int32Array>(all: A): A => {
    const size = all.length / groups;
    return all.slice(group * size, (group + 1) * size) as A;
  };
  const entries = Object.entries(scales).map(([name, array]) => [name, array.length ? cut(array) : array]);
  return Object.fromEntries(entries) as unknown as NativeScales;
}
