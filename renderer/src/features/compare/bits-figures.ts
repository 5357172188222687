/** The measures of the bit-width comparison, and the strips under its histograms. */
import type { ChartTable } from '../../charts/index.js';
import type { QuantizationError } from '../../host/contract.js';
import { formatBytes, formatDb, formatNumber, formatShare } from '../../ui/index.js';

export interface BitsMeasure {
  name: string;
  title?: string;
  /** For differences; a perfect match counts as infinite SQNR. */
  value(error: QuantizationError): number;
  format(error: QuantizationError): string;
  /** Decimals of the difference to the pinned bit-width; absent: a difference says nothing. */
  deltaDecimals?: number;
}

export const bitsMeasures: readonly BitsMeasure[] = [
  {
    name: 'SQNR',
    title: 'Signal to quantization noise, 10·log₁₀(Σw²/Σ(w−ŵ)²)',
    value: (error) => error.sqnrDb ?? Number.POSITIVE_INFINITY,
    format: (error) => formatDb(error.sqnrDb, 1),
    deltaDecimals: 1,
  },
  { name: 'MSE', value: (error) => error.mse, format: (error) => formatNumber(error.mse, 3) },
  {
    name: 'cosine',
    value: (error) => error.cosine,
    format: (error) => error.cosine.toFixed(4),
    deltaDecimals: 4,
  },
  {
    name: 'max err',
    title: 'Largest error',
    value: (error) => error.maxError,
    format: (error) => formatNumber(error.maxError, 3),
  },
  {
    name: 'clipped',
    title: 'Share of weights outside the clip lines',
    value: (error) => error.clippedShare,
    format: (error) => (error.bits === 1 ? '–' : formatShare(error.clippedShare, 2)),
  },
  {
    name: 'codes',
    title: 'Codes that occur, of all codes of the grid',
    value: (error) => error.codesUsed,
    format: (error) => `${error.codesUsed}/${error.codesTotal}`,
  },
  {
    name: 'entropy',
    title: 'Entropy of the codes in bits',
    value: (error) => error.codeEntropyBits,
    format: (error) => error.codeEntropyBits.toFixed(2),
    deltaDecimals: 2,
  },
  {
    name: 'bits/wt',
    title: 'Stored bits per weight: codes, scales, zero points and padding',
    value: (error) => error.effectiveBits,
    format: (error) => error.effectiveBits.toFixed(2),
    deltaDecimals: 2,
  },
  { name: 'packed', value: (error) => error.packedBytes, format: (error) => formatBytes(error.packedBytes) },
];

/** One row per measure, one column per bit-width, raw values. */
export function bitsTable(errors: readonly QuantizationError[]): ChartTable {
  const columns = ['measure', ...errors.map((error) => `${error.bits} bit`)];
  const rows = bitsMeasures.map((measure) => [
    measure.name,
    ...errors.map((error) => {
      const value = measure.value(error);
      return Number.isFinite(value) ? value : 'exact';
    }),
  ]);
  return { columns, rows };
}
