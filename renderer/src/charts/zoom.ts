/** Zooming and panning of one axis as plain arithmetic on ranges. */
import type { Range } from './ticks.js';

/** Never narrower than this share of the full range: float32 has no more to show. */
const smallestShare = 1e-5;

export function rangeWidth(range: Range): number {
  return range.high - range.low;
}

/** Keep `range` inside `full` with its width; a range as wide as `full` is `full`. */
export function clampRange(range: Range, full: Range): Range {
  const width = Math.max(rangeWidth(range), rangeWidth(full) * smallestShare);
  if (width >= rangeWidth(full)) return full;
  const low = Math.min(Math.max(range.low, full.low), full.high - width);
  return { low, high: low + width };
}

/** Scale the width by `factor` (< 1 zooms in) and keep `anchor` where it is on screen. */
export function zoomRange(range: Range, full: Range, anchor: number, factor: number): Range {
  const low = anchor - (anchor - range.low) * factor;
  return clampRange({ low, high: low + rangeWidth(range) * factor }, full);
}

/** Move by `share` of the visible width. */
export function panRange(range: Range, full: Range, share: number): Range {
  const delta = rangeWidth(range) * share;
  return clampRange({ low: range.low + delta, high: range.high + delta }, full);
}

/** Null when nothing is zoomed, which is what the owner of the range stores. */
export function asZoom(range: Range, full: Range): Range | null {
  const slack = rangeWidth(full) * 1e-9;
  const isFull = range.low <= full.low + slack && range.high >= full.high - slack;
  return isFull ? null : range;
}
