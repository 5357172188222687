/** What folding and equalising do to a weight, in the figures that decide how well it can be quantized. */
import type { NativeAddon, Tensor } from '../../native/index.js';
import type { ChangedLayer, WeightQuantizer } from '../contract/index.js';
import { inPieces } from './in-pieces.js';
import type { Model } from './model.js';
import { withCancel } from './native-call.js';
import { toNativeQuantizer } from './quantizers.js';

/** What a scale per tensor makes of channels of different ranges. */
export const perTensor: WeightQuantizer = {
  bits: 4,
  grid: 'signed',
  granularity: 'tensor',
  groupSize: 64,
  range: 'mse',
  method: 'lsq',
};

type Figures = ChangedLayer['before'];
type Weights = Pick<Model, 'withTensor'>;

export async function changedLayer(
  addon: NativeAddon,
  layer: string,
  before: Weights,
  after: Weights,
  signal?: AbortSignal,
): Promise<ChangedLayer> {
  const figures = (weights: Weights) =>
    weights.withTensor(layer, (tensor) => weightFigures(addon, tensor, signal));
  return { layer, before: await figures(before), after: await figures(after) };
}

async function weightFigures(addon: NativeAddon, tensor: Tensor, signal?: AbortSignal): Promise<Figures> {
  const lens = { quantizer: toNativeQuantizer(perTensor), row: null, range: null };
  const { error } = await withCancel(addon, signal, (token) =>
    addon.whatIf(tensor, { ...lens, exactBins: 2048, drawnBins: 8 }, token),
  );
  return { rangeRatio: await rangeRatio(tensor, signal), sqnrDb: error.sqnrDb };
}

/** Largest over median max|w| of the rows; 1 where the median is 0. */
async function rangeRatio(tensor: Tensor, signal?: AbortSignal): Promise<number> {
  const { rows, cols } = tensor;
  const values = new Float32Array(rows * cols);
  tensor.copyTo(values);
  const ranges = new Float32Array(rows);
  await inPieces(values.length, signal, (begin, end) => {
    for (let at = begin; at < end; at += 1) {
      const row = Math.floor(at / cols);
      ranges[row] = Math.max(ranges[row] ?? 0, Math.abs(values[at] ?? 0));
    }
  });
  ranges.sort();
  const median = ranges[Math.floor((rows - 1) / 2)] ?? 0;
  return median > 0 ? (ranges[rows - 1] ?? 0) / median : 1;
}
