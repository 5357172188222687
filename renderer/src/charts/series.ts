/** Work on the points of one line: smoothing, thinning, looking up. */

export interface Point {
  x: number;
  y: number;
}

/** What one line may draw: a chart of more points takes longer than a frame. */
export const maxLinePoints = 1500;

/**
 * Exponential moving average with weight `alpha` kept from the past (0 = as recorded), debiased as
 * in Adam so that the first points are not pulled towards zero. Points that are not finite are left out.
 */
export function smooth(points: readonly Point[], alpha: number): readonly Point[] {
  if (alpha <= 0) return points;
  let average = 0;
  let weight = 0;
  const result: Point[] = [];
  for (const { x, y } of points) {
    if (!Number.isFinite(y)) continue;
    average = alpha * average + (1 - alpha) * y;
    weight = alpha * weight + (1 - alpha);
    result.push({ x, y: average / weight });
  }
  return result;
}

/**
 * The points worth drawing on `widthPx` pixels: those in [low, high] and one neighbour on each side, and
 * of more than two per pixel column only the smallest and the largest y, in order. At most 1500.
 */
export function thinToPixels(
  points: readonly Point[],
  low: number,
  high: number,
  widthPx: number,
): readonly Point[] {
  let first = 0;
  while (first + 1 < points.length && (points[first + 1] as Point).x < low) first += 1;
  let end = points.length;
  while (end > first + 1 && (points[end - 2] as Point).x > high) end -= 1;
  const columns = Math.max(1, Math.min(Math.floor(widthPx), maxLinePoints / 2 - 1));
  if (end - first <= 2 * columns)
    return first === 0 && end === points.length ? points : points.slice(first, end);
  const result: Point[] = [points[first] as Point];
  let start = first + 1;
  for (let column = 0; column < columns; column += 1) {
    const edge = low + ((column + 1) * (high - low)) / columns;
    let stop = start;
    while (stop < end - 1 && (column === columns - 1 || (points[stop] as Point).x < edge)) stop += 1;
    pushExtremes(points, start, stop, result);
    start = stop;
  }
  result.push(points[end - 1] as Point);
  return result;
}

function pushExtremes(points: readonly Point[], start: number, stop: number, into: Point[]): void {
  if (start >= stop) return;
  let lowest = start;
  let highest = start;
  for (let index = start + 1; index < stop; index += 1) {
    const { y } = points[index] as Point;
    if (y < (points[lowest] as Point).y) lowest = index;
    if (y > (points[highest] as Point).y) highest = index;
  }
  const earlier = Math.min(lowest, highest);
  const later = Math.max(lowest, highest);
  into.push(points[earlier] as Point);
  if (later !== earlier) into.push(points[later] as Point);
}

/** At most `limit` of `values`, evenly spread, ends included. */
export function thin<T>(values: readonly T[], limit: number): readonly T[] {
  if (values.length <= limit) return values;
  if (limit < 2) return values.slice(0, Math.max(0, limit));
  const result: T[] = [];
  for (let index = 0; index < limit; index += 1) {
    result.push(values[Math.round((index * (values.length - 1)) / (limit - 1))] as T);
  }
  return result;
}

/** Index of the point whose x is nearest; −1 when there is none. `points` ascend in x. */
export function nearestIndex(points: readonly { x: number }[], x: number): number {
  let low = 0;
  let high = points.length - 1;
  if (high < 0) return -1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((points[middle] as { x: number }).x <= x) low = middle;
    else high = middle;
  }
  const left = (points[low] as { x: number }).x;
  const right = (points[high] as { x: number }).x;
  return Math.abs(right - x) < Math.abs(x - left) ? high : low;
}

/** Smallest and largest of the finite values that `accept` lets through; null when there are none. */
export function extent(
  values: Iterable<number>,
  accept: (value: number) => boolean = () => true,
): { low: number; high: number } | null {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (!Number.isFinite(value) || !accept(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? { low, high } : null;
}
