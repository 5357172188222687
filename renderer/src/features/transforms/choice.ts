/** What is chosen of a plan: everything that can be done, but for what was switched off. */
import type { EqualizedPair, TransformChoice, TransformPlan } from '../../host/contract.js';

/** Ids switched off: batch norms by their gamma, pairs by their first layer. */
export interface Off {
  folds: readonly string[];
  pairs: readonly string[];
}

export const nothingOff: Off = { folds: [], pairs: [] };

/** Batch norms that a pair needs and that are not folded. */
export function missingFolds({ needs }: EqualizedPair, off: Off): string[] {
  return needs.filter((norm) => off.folds.includes(norm));
}

export function chosen({ folds, pairs }: TransformPlan, off: Off): TransformChoice {
  return {
    folds: folds.flatMap(({ norm, layer }) => (layer === null || off.folds.includes(norm) ? [] : [norm])),
    pairs: pairs.flatMap((pair) =>
      pair.to === null || off.pairs.includes(pair.from) || missingFolds(pair, off).length > 0
        ? []
        : [pair.from],
    ),
  };
}

export function isEmpty({ folds, pairs }: TransformChoice): boolean {
  return folds.length + pairs.length === 0;
}

export function toggled(list: readonly string[], id: string): string[] {
  return list.includes(id) ? list.filter((other) => other !== id) : [...list, id];
}

/** `bn1.gamma` → `bn1`, `fc1.weight` → `fc1`: the part that tells nodes of a network apart. */
export function shortName(tensor: string): string {
  return tensor.replace(/\.(gamma|weight)$/, '') || tensor;
}
