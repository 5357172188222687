/** What several layers have in common. */

/** The value that all configurations share; null when they differ or there are none. */
export function commonValue<C, T extends string | number>(
  configs: readonly C[],
  pick: (config: C) => T,
): T | null {
  const [first, ...rest] = configs;
  if (!first) return null;
  const value = pick(first);
  return rest.every((config) => pick(config) === value) ? value : null;
}

export function isMixed<C>(configs: readonly C[], pick: (config: C) => string | number): boolean {
  return configs.length > 1 && commonValue(configs, pick) === null;
}
