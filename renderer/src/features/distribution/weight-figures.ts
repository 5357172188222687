/** Numbers and words about a histogram with levels on it. */
import { type ChartTable, formatShort, maxLevelLines } from '../../charts/index.js';
import { roundedValues, type WeightQuantizer } from '../../host/contract.js';
import type { FigurePair } from '../../host/index.js';
import { formatCount, formatDb, formatNumber, formatShare } from '../../ui/index.js';

/** The level closest to `x`; null when there are none. `levels` ascend. */
export function nearestLevel(levels: readonly number[], x: number): number | null {
  let best: number | null = null;
  for (const level of levels) {
    if (best !== null && Math.abs(level - x) > Math.abs(best - x)) break;
    best = level;
  }
  return best;
}

/** The numbers of the chart as drawn. */
export function histogramTable({ analysis, whatIf, quantizer }: FigurePair): ChartTable {
  const { low, high, counts } = analysis.histogram;
  const width = (high - low) / counts.length;
  const quantized = quantizer.bits !== 32;
  const columns = ['bin low', 'bin high', 'weights'];
  if (quantized) columns.push(`quantized to ${quantizer.bits} bit`, 'mean error');
  const rows = counts.map((count, index) => {
    const row = [low + index * width, index === counts.length - 1 ? high : low + (index + 1) * width, count];
    if (!quantized) return row;
    return [
      ...row,
      whatIf.quantizedCounts[index] ?? 0,
      count > 0 ? (whatIf.meanErrorByBin[index] ?? 0) : null,
    ];
  });
  return { columns, rows };
}

/** Whose levels are drawn, and how. */
export function levelsNote({ whatIf, quantizer, row }: FigurePair): string {
  const { levels } = whatIf;
  if (quantizer.bits === 32) return 'Float weights: no levels.';
  const count = `${formatCount(levels.values.length)} levels`;
  const which =
    levels.row === null
      ? 'one scale for the tensor'
      : `of channel ${levels.row}${levels.group === null ? '' : `, group ${levels.group}`}${row === null ? ' (the median scale)' : ''}`;
  const rug = levels.values.length > maxLevelLines ? ', drawn as a rug where they are dense' : '';
  return `${count} ${which}${rug}. ${formatCount(levels.scaleCount)} scales from ${formatShort(levels.scaleMin)} to ${formatShort(levels.scaleMax)}.`;
}

const unclipped: readonly WeightQuantizer['grid'][] = ['binary', 'ternary', 'user'];

/** Binary, ternary and a library's levels take in everything beyond them: they have no lines where clipping begins. */
export function hasClipLines({ bits, grid }: WeightQuantizer): boolean {
  return bits !== 32 && !unclipped.includes(grid);
}

/** The chart in words. */
export function weightSummary(pair: FigurePair): string {
  const { statistics, histogram, layer } = pair.analysis;
  const { error, levels } = pair.whatIf;
  const rounds = pair.quantizer.bits === 32 ? null : roundedValues(pair.quantizer.method);
  const what = rounds === null ? 'weights' : `values ${rounds}`;
  const values = `${layer}: ${formatCount(statistics.count)} ${what} from ${formatNumber(statistics.min)} to ${formatNumber(statistics.max)}, mean ${formatNumber(statistics.mean)}, standard deviation ${formatNumber(statistics.std)}.`;
  const outside = histogram.below + histogram.above;
  const hidden = outside > 0 ? ` ${formatCount(outside)} lie outside the visible range.` : '';
  if (pair.quantizer.bits === 32) return `${values}${hidden} The layer is float.`;
  const clip = !hasClipLines(pair.quantizer)
    ? ''
    : ` It clips below ${formatNumber(levels.clipLow)} and above ${formatNumber(levels.clipHigh)} (${formatShare(error.clippedShare, 2)} of the weights).`;
  return `${values}${hidden} The quantizer puts ${levels.values.length} levels from ${formatNumber(levels.values[0] ?? 0)} to ${formatNumber(levels.values.at(-1) ?? 0)}.${clip} SQNR ${formatDb(error.sqnrDb)}.`;
}
