/** Contract configurations → what the addon takes, and the rules a configuration must keep. */
import type { NativeActivationQuantizer, NativeQuantizer } from '../../native/index.js';
import {
  type ActivationQuantizer,
  type LayerConfig,
  type LayerInfo,
  type Parameter,
  QatError,
  type RoundingPart,
  rangeTable,
  roundingOf,
  roundingTable,
  type WeightQuantizer,
} from '../contract/index.js';

/** Without the rounding: the engine's layers round to nearest. */
export function toNativeQuantizer(quantizer: WeightQuantizer): NativeQuantizer {
  const { rounding, iterations, damping, actOrder, correctBias, shrinkNorm, ...rest } = quantizer;
  return rest;
}

/**
 * The quantizer under which codes that were chosen one by one are made again and used: scales are those given,
 * never estimated anew from the weight, as STE's rule does at every step.
 */
export function chosenCodes(quantizer: WeightQuantizer): WeightQuantizer {
  return roundingOf(quantizer) === 'nearest' ? quantizer : { ...quantizer, method: 'lsq' };
}

/** `auto` becomes unsigned where the layer's input cannot be negative, else signed. The shift is the graph's. */
export function toNativeActivation(
  quantizer: ActivationQuantizer,
  inputIsNonNegative: boolean,
): NativeActivationQuantizer {
  const auto = inputIsNonNegative ? 'unsigned' : 'signed';
  const { inputShift, ...rest } = quantizer;
  return { ...rest, grid: quantizer.grid === 'auto' ? auto : quantizer.grid };
}

/**
 * Everything about the weight that *prepare* and *quantize* depend on, as text. Parameters that the range
 * estimator does not have make no difference; those at their default are left out, as in files from before
 * there were any.
 */
export function quantizerText(quantizer: WeightQuantizer): string {
  const { bits, grid, granularity, groupSize, range, method } = quantizer;
  const parts = [bits, grid, granularity, granularity === 'group' ? groupSize : 0, range, method];
  const parameters: readonly Parameter[] = rangeTable[range].parameters;
  const given = parameters.flatMap(({ id, default: standard }) => {
    const value = quantizer[id] ?? standard;
    return value === standard ? [] : [`${id} ${value}`];
  });
  const library = quantizer.library ? [quantizer.library] : [];
  return JSON.stringify([...parts, ...given, ...library, ...roundingText(quantizer)]);
}

/** Nothing for nearest, as in files from before there was a choice. */
function roundingText(quantizer: WeightQuantizer): string[] {
  const rounding = roundingOf(quantizer);
  if (rounding === 'nearest') return [];
  const { parameters, orders, needsInputs }: RoundingPart = roundingTable[rounding];
  const given = parameters.flatMap(({ id, default: standard }) => {
    const value = quantizer[id] ?? standard;
    return value === standard ? [] : [`${id} ${value}`];
  });
  return [
    rounding,
    ...given,
    ...(orders && quantizer.actOrder === false ? ['in order'] : []),
    ...(needsInputs && quantizer.correctBias ? ['bias'] : []),
  ];
}

/** Everything that a trained input scale depends on. */
export function activationText({ bits, grid, method }: ActivationQuantizer): string {
  return JSON.stringify([bits, grid, method]);
}

/** Equal → the layer's state stays valid. */
export function sameWeightQuantizer(a: WeightQuantizer, b: WeightQuantizer): boolean {
  return quantizerText(a) === quantizerText(b);
}

/** Refuses with E-QUANTIZER-INVALID what the layer's shape cannot carry. */
export function checkLayerConfig(layer: Pick<LayerInfo, 'name' | 'cols'>, config: LayerConfig): void {
  const { weight } = config;
  if (weight.bits !== 32 && weight.method === 'irnet' && layer.cols < 2) {
    throw new QatError(
      'E-QUANTIZER-INVALID',
      `Layer ${layer.name} has one input per row: IR-Net has nothing to balance.`,
      'Choose another method for it.',
    );
  }
  if (weight.bits === 32 || weight.granularity !== 'group') return;
  if (weight.groupSize > layer.cols) {
    throw new QatError(
      'E-QUANTIZER-INVALID',
      `Layer ${layer.name} has ${layer.cols} inputs per row: a group of ${weight.groupSize} is larger than the row.`,
      `Choose a group size of at most ${layer.cols}, or one scale per channel.`,
    );
  }
}
