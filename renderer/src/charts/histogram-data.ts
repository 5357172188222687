/** A histogram as the points of a step area, and the axes that go with it. */
import { tickFormatter } from './format.js';
import {
  fittingTicks,
  integerTicks,
  logCountFloor,
  logTicks,
  niceTicks,
  type Range,
  type ScaleKind,
} from './ticks.js';

export interface Bins {
  low: number;
  high: number;
  /** Counts of equal-width bins from low to high. */
  counts: readonly number[];
}

export interface StepPoint {
  /** Lower edge of the bin; the last point is the upper edge of the last bin. */
  x: number;
  y: number;
  /** Second series, on the same edges. */
  over: number;
}

export function binWidth(bins: Bins): number {
  return (bins.high - bins.low) / bins.counts.length;
}

export function binEdges(bins: Bins, index: number): [number, number] {
  const width = binWidth(bins);
  const last = index === bins.counts.length - 1;
  return [bins.low + index * width, last ? bins.high : bins.low + (index + 1) * width];
}

/** Bin that holds x; −1 outside. The upper edge of the last bin belongs to it. */
export function binIndex(bins: Bins, x: number): number {
  if (!(x >= bins.low && x <= bins.high)) return -1;
  return Math.min(bins.counts.length - 1, Math.floor((x - bins.low) / binWidth(bins)));
}

/** One point per bin and one to close the last; on a log axis a count of 0 lies on the floor. */
export function stepPoints(bins: Bins, over: readonly number[] | undefined, scale: ScaleKind): StepPoint[] {
  const drawn = (count: number) => (scale === 'log' ? Math.max(count, logCountFloor) : count);
  const points = bins.counts.map((count, index) => ({
    x: binEdges(bins, index)[0],
    y: drawn(count),
    over: drawn(over?.[index] ?? 0),
  }));
  const last = points[points.length - 1];
  if (last) points.push({ ...last, x: bins.high });
  return points;
}

/** Largest count of the bins that are at least partly visible. */
export function visiblePeak(bins: Bins, counts: readonly number[], range: Range): number {
  let peak = 0;
  counts.forEach((count, index) => {
    const [low, high] = binEdges(bins, index);
    if (high > range.low && low < range.high && count > peak) peak = count;
  });
  return peak;
}

/** The count axis for a peak: a little head-room, so that level dots on the peak are not cut. */
export function countDomain(peak: number, scale: ScaleKind): [number, number] {
  if (scale === 'log') return [logCountFloor, Math.max(2, peak) * 1.6];
  return [0, Math.max(1, peak) * 1.06];
}

export function countTicks(domain: readonly [number, number], scale: ScaleKind, target: number): number[] {
  if (scale === 'log') return logTicks(1, domain[1], target);
  return integerTicks(0, domain[1], target);
}

export function valueTicks(range: Range, widthPx: number): number[] {
  return fittingTicks(range, niceTicks, widthPx, tickFormatter);
}

/** Whole numbers, as many as have room. */
export function codeTicks(range: Range, widthPx: number): number[] {
  return fittingTicks(range, integerTicks, widthPx, tickFormatter);
}

/** Sums of `factor` neighbouring counts. */
export function coarser(counts: readonly number[], factor: number): readonly number[] {
  if (factor <= 1) return counts;
  const result: number[] = [];
  for (let start = 0; start < counts.length; start += factor) {
    let sum = 0;
    for (let index = start; index < Math.min(start + factor, counts.length); index += 1) {
      sum += counts[index] ?? 0;
    }
    result.push(sum);
  }
  return result;
}

/** The power of two that brings `bins` bins to at least `binPx` pixels each and divides them evenly. */
export function coarseFactor(bins: number, widthPx: number, binPx: number): number {
  let factor = 1;
  while (widthPx / (bins / factor) < binPx && bins % (factor * 2) === 0) factor *= 2;
  return factor;
}
