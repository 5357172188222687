/** Figures about one weight tensor. One definition each, stated in docs/numerics.md, computed natively. */
import { z } from 'zod';
import { bitsSchema } from './quantizer.js';

export const statisticsSchema = z.strictObject({
  count: z.int().nonnegative(),
  min: z.number(),
  max: z.number(),
  mean: z.number(),
  /** Population standard deviation. */
  std: z.number(),
  absMax: z.number(),
  absMean: z.number(),
  skewness: z.number(),
  kurtosisExcess: z.number(),
  zeroShare: z.number(),
  /** Linearly interpolated, p in percent. */
  percentiles: z.array(z.strictObject({ p: z.number(), value: z.number() })).max(32),
});
export type Statistics = z.infer<typeof statisticsSchema>;

export const histogramSchema = z.strictObject({
  low: z.number(),
  high: z.number(),
  /** Number of exact native bins the drawn ones were summed from (≥ 2048). */
  exactBins: z.int().min(2048),
  /** At most 256 counts of equal width from low to high. */
  counts: z.array(z.number().nonnegative()).min(1).max(256),
  /** Values below low and above high. */
  below: z.number().nonnegative(),
  above: z.number().nonnegative(),
});
export type Histogram = z.infer<typeof histogramSchema>;

export const quantizationErrorSchema = z.strictObject({
  bits: bitsSchema,
  mse: z.number().nonnegative(),
  /** 10·log10(Σx²/Σ(x−x̂)²) in dB; null = exact (no error at all). */
  sqnrDb: z.number().nullable(),
  cosine: z.number(),
  maxError: z.number().nonnegative(),
  /** Share of weights outside the clip lines, 0–1. */
  clippedShare: z.number().min(0).max(1),
  /** Codes that occur, of all codes of the grid. */
  codesUsed: z.int().nonnegative(),
  codesTotal: z.int().nonnegative(),
  codeEntropyBits: z.number().nonnegative(),
  /** Stored bits per weight: codes, scales, zero points and padding. */
  effectiveBits: z.number().nonnegative(),
  packedBytes: z.int().nonnegative(),
});
export type QuantizationError = z.infer<typeof quantizationErrorSchema>;

/** Where the quantizer puts its levels, for one scale of the layer. */
export const levelsSchema = z.strictObject({
  /** Ascending level values (≤ 256); empty for float. */
  values: z.array(z.number()).max(256),
  clipLow: z.number(),
  clipHigh: z.number(),
  scale: z.number(),
  zeroPoint: z.int(),
  /** Which scale this is: row (and group) index; null when one scale serves the tensor. */
  row: z.int().nonnegative().nullable(),
  group: z.int().nonnegative().nullable(),
  scaleCount: z.int().nonnegative(),
  scaleMin: z.number(),
  scaleMax: z.number(),
});
export type Levels = z.infer<typeof levelsSchema>;

export const whatIfSchema = z.strictObject({
  error: quantizationErrorSchema,
  levels: levelsSchema,
  /** Count per code, ascending from qmin (≤ 256); empty for float. */
  codeCounts: z.array(z.number().nonnegative()).max(256),
  /** Histogram of x̂ over the same low…high and bins as the weight's histogram. */
  quantizedCounts: z.array(z.number().nonnegative()).max(256),
  /** Mean of x̂−x in each drawn histogram bin (0 where the bin is empty). */
  meanErrorByBin: z.array(z.number()).max(256),
  /** SQNR in dB of rows, decimated to ≤ 512 by the worst of each bucket; null = exact. */
  rowSqnrDb: z.array(z.strictObject({ row: z.int(), sqnrDb: z.number().nullable() })).max(512),
  nativeMs: z.number().nonnegative(),
});
export type WhatIf = z.infer<typeof whatIfSchema>;

export const analysisSchema = z.strictObject({
  layer: z.string(),
  statistics: statisticsSchema,
  histogram: histogramSchema,
  /** The same quantizer at bits 1–8. */
  byBits: z.array(quantizationErrorSchema).max(8),
  nativeMs: z.number().nonnegative(),
});
export type Analysis = z.infer<typeof analysisSchema>;
