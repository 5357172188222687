/** What the Error view's parts share: their input, and tables of what they draw. */
import type { ChartTable } from '../../charts/index.js';
import { codeRange, type QuantizationError, type WeightQuantizer, type WhatIf } from '../../host/contract.js';
import type { FigurePair, OwnBits } from '../../host/index.js';

export interface ErrorPartProps {
  pair: FigurePair;
  busy: boolean;
}

/** The smallest code of a grid. Binary codes are 0 and 1 for −α and +α. */
export function smallestCode(quantizer: Pick<WeightQuantizer, 'bits' | 'grid'>): number {
  return codeRange(quantizer.grid, quantizer.bits).qmin;
}

/** The errors at the bits that the quantizer has. */
export function ownErrors({ analysis }: FigurePair, own: OwnBits): QuantizationError[] {
  return analysis.byBits.filter(({ bits }) => own.bits.includes(bits));
}

/** A perfect match has no finite ratio; it stands above all others. */
export function sqnrOrder(error: Pick<QuantizationError, 'sqnrDb'>): number {
  return error.sqnrDb ?? Number.POSITIVE_INFINITY;
}

export type RowError = WhatIf['rowSqnrDb'][number];

/** The rows that lose most, worst first; rows without any error are not among them. */
export function worstRows(rows: readonly RowError[], limit: number): RowError[] {
  return rows
    .filter((row) => row.sqnrDb !== null)
    .sort((a, b) => (a.sqnrDb ?? 0) - (b.sqnrDb ?? 0) || a.row - b.row)
    .slice(0, limit);
}

export function codeTable(counts: readonly number[], first: number): ChartTable {
  return { columns: ['code', 'weights'], rows: counts.map((count, index) => [first + index, count]) };
}

/** Mean error of the values in each bin that has any. */
export function profileTable({ analysis, whatIf }: FigurePair): ChartTable {
  const { low, high, counts } = analysis.histogram;
  const width = (high - low) / counts.length;
  const rows = counts.flatMap((count, index) =>
    count > 0 ? [[low + (index + 0.5) * width, whatIf.meanErrorByBin[index] ?? 0, count]] : [],
  );
  return { columns: ['weight (bin centre)', 'mean error', 'weights'], rows };
}

export function rowTable(rows: readonly RowError[]): ChartTable {
  return {
    columns: ['output channel', 'SQNR dB'],
    rows: rows.map(({ row, sqnrDb }) => [row, sqnrDb ?? 'exact']),
  };
}
