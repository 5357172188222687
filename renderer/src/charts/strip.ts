/** Values that belong to bins: shown where the bin has any content, on one common axis. */

/** The values of bins that are not empty; NaN elsewhere, which is not drawn. */
export function occupied(counts: readonly number[], values: readonly number[]): number[] {
  return counts.map((count, index) => (count > 0 ? (values[index] ?? Number.NaN) : Number.NaN));
}

/** Bins with less than this share of all are far tails: their values would flatten all the rest. */
const rareShare = 1e-4;

/** One half height for several strips: their largest value outside the far tails, never 0. */
export function commonLimit(counts: readonly number[], strips: readonly (readonly number[])[]): number {
  const rare = counts.reduce((sum, count) => sum + count, 0) * rareShare;
  let limit = 0;
  for (const strip of strips) {
    strip.forEach((value, index) => {
      if ((counts[index] ?? 0) >= rare && Number.isFinite(value)) limit = Math.max(limit, Math.abs(value));
    });
  }
  return limit || 1;
}
