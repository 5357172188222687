/**
 * What was made of one layer, as a list: the one made or taken again last stands first. Each belongs to a quantizer,
 * and one of each quantizer may be current: the layer has it whenever it is set to that quantizer.
 */
import type { LayerResult } from '../store/index.js';

const mostResults = 8;
/** Of all layers together, so that the project document of a model with very many of them stays small. */
const mostInAll = 40_000;

/** How many results of each layer are kept: 8, of models with more than 5 000 layers fewer, and always 2. */
export function resultsKept(layerCount: number): number {
  return Math.max(2, Math.min(mostResults, Math.floor(mostInAll / layerCount)));
}

export function currentResult(results: readonly LayerResult[], quantizer: string): LayerResult | null {
  return results.find((result) => result.current && result.quantizer === quantizer) ?? null;
}

/** The list with this result of its quantizer as the current one; null: none. The list itself when nothing changes. */
export function takeAgain(
  results: readonly LayerResult[],
  quantizer: string,
  id: string | null,
): readonly LayerResult[] {
  if ((currentResult(results, quantizer)?.id ?? null) === id) return results;
  const marked = results.map((result) =>
    result.quantizer === quantizer ? { ...result, current: result.id === id } : result,
  );
  return [...marked.filter((result) => result.id === id), ...marked.filter((result) => result.id !== id)];
}

/** The list with `made` as the current one of its quantizer, at most `most` long but for what has the id `inUse`. */
export function addResult(
  results: readonly LayerResult[],
  made: Omit<LayerResult, 'current'>,
  most: number,
  inUse: string | null,
): LayerResult[] {
  const others = takeAgain(results, made.quantizer, null).filter(({ id }) => id !== made.id);
  const all = [{ ...made, current: true }, ...others];
  return all.filter(({ id }, at) => at < most || id === inUse);
}
