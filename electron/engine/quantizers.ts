/** Contract configurations → what the addon takes, and the rules a configuration must keep. */
import type { NativeActivationQuantizer, NativeQuantizer } from '../../native/index.js';
import {
  type ActivationQuantizer,
  type LayerConfig,
  type LayerInfo,
  methodTable,
  QatError,
  rangeTable,
  type WeightQuantizer,
} from '../contract/index.js';

export function toNativeQuantizer(quantizer: WeightQuantizer): NativeQuantizer {
  return { ...quantizer };
}

/**
 * `auto` becomes unsigned where the layer's input comes from a ReLU (nothing below zero) and for methods that
 * clip there, else signed.
 */
export function toNativeActivation(
  quantizer: ActivationQuantizer,
  inputIsRelu: boolean,
): NativeActivationQuantizer {
  const auto = inputIsRelu || methodTable[quantizer.method].clipsAtZero ? 'unsigned' : 'signed';
  return { ...quantizer, grid: quantizer.grid === 'auto' ? auto : quantizer.grid };
}

/** Everything about the weight that *prepare* and *quantize* depend on; equal → the state stays valid. */
export function sameWeightQuantizer(a: WeightQuantizer, b: WeightQuantizer): boolean {
  return weightQuantizerText(a) === weightQuantizerText(b);
}

/** The same, as text that can be kept. What came later stands at the end, so that older texts still fit. */
export function weightQuantizerText(quantizer: WeightQuantizer): string {
  const { bits, grid, granularity, groupSize, range, method } = quantizer;
  const parameters = rangeTable[range].parameters.map(({ id, default: usual }) => quantizer[id] ?? usual);
  return JSON.stringify([
    bits,
    grid,
    granularity,
    granularity === 'group' ? groupSize : 0,
    range,
    method,
    ...parameters,
  ]);
}

/** Refuses with E-QUANTIZER-INVALID what the layer's shape cannot carry. */
export function checkLayerConfig(layer: Pick<LayerInfo, 'name' | 'cols'>, config: LayerConfig): void {
  const { weight } = config;
  if (weight.bits === 32 || weight.granularity !== 'group') return;
  if (weight.groupSize > layer.cols) {
    throw new QatError(
      'E-QUANTIZER-INVALID',
      `Layer ${layer.name} has ${layer.cols} inputs per row: a group of ${weight.groupSize} is larger than the row.`,
      `Choose a group size of at most ${layer.cols}, or one scale per channel.`,
    );
  }
}

/** Number of scales a [rows, cols] weight has under a quantizer. */
export function scaleCount(
  quantizer: Pick<WeightQuantizer, 'granularity' | 'groupSize'>,
  rows: number,
  cols: number,
): number {
  if (quantizer.granularity === 'tensor') return 1;
  if (quantizer.granularity === 'channel') return rows;
  return rows * Math.ceil(cols / quantizer.groupSize);
}
