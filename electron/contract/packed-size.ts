/** How many bytes a layer takes when exported: whole numbers from its shape, as the file format lays it out. */
import type { LayerInfo } from './model.js';
import type { Configuration, WeightQuantizer } from './quantizer.js';

const bytesPerFloat = 4;
const bytesPerZeroPoint = 4;

/** Scales of a [rows, cols] weight. */
export function scaleCount(
  quantizer: Pick<WeightQuantizer, 'granularity' | 'groupSize'>,
  rows: number,
  cols: number,
): number {
  if (quantizer.granularity === 'tensor') return 1;
  if (quantizer.granularity === 'channel') return rows;
  return rows * Math.ceil(cols / quantizer.groupSize);
}

/** Bytes of codes (each row padded to whole bytes), float32 scales (two where the minus level is
 * learned by itself), int32 zero points of the unsigned grid, and float32 levels of a library's. */
export function packedBytes(quantizer: WeightQuantizer, rows: number, cols: number): number {
  if (quantizer.bits === 32) return rows * cols * bytesPerFloat;
  const codes = rows * Math.ceil((cols * quantizer.bits) / 8);
  const scales = scaleCount(quantizer, rows, cols);
  const zeroPoints = quantizer.grid === 'unsigned' ? scales * bytesPerZeroPoint : 0;
  const negativeScales = quantizer.range === 'ttq' ? scales * bytesPerFloat : 0;
  const levels = quantizer.grid === 'user' ? scales * 2 ** quantizer.bits * bytesPerFloat : 0;
  return codes + scales * bytesPerFloat + negativeScales + zeroPoints + levels;
}

export interface StoredSizes {
  weights: number;
  floatBytes: number;
  packedBytes: number;
}

/** Sums over the layers as `configuration` has them; a layer it does not name counts as float. */
export function storedSizes(
  layers: readonly Pick<LayerInfo, 'name' | 'rows' | 'cols'>[],
  configuration: Configuration,
): StoredSizes {
  const sum: StoredSizes = { weights: 0, floatBytes: 0, packedBytes: 0 };
  for (const { name, rows, cols } of layers) {
    const weight = configuration[name]?.weight;
    sum.weights += rows * cols;
    sum.floatBytes += rows * cols * bytesPerFloat;
    sum.packedBytes += weight ? packedBytes(weight, rows, cols) : rows * cols * bytesPerFloat;
  }
  return sum;
}
