/** What several layers have in common. */
import type { LayerConfig } from '../../host/contract.js';

/** The value that all configurations share; null when they differ or there are none. */
export function commonValue<T extends string | number>(
  configs: readonly LayerConfig[],
  pick: (config: LayerConfig) => T,
): T | null {
  const [first, ...rest] = configs;
  if (!first) return null;
  const value = pick(first);
  return rest.every((config) => pick(config) === value) ? value : null;
}

export function isMixed(
  configs: readonly LayerConfig[],
  pick: (config: LayerConfig) => string | number,
): boolean {
  return configs.length > 1 && commonValue(configs, pick) === null;
}
