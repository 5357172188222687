/** Keeps a growing line within the points a chart may draw, without losing its peaks. */

/**
 * At most `maxPoints` of `points`, ends kept: the middle is cut into equal buckets and each keeps the
 * points of its smallest and largest value, in order. Points whose value is not finite count as largest.
 */
export function decimate<T>(points: readonly T[], maxPoints: number, measure: (point: T) => number): T[] {
  if (points.length <= maxPoints || points.length <= 2 || maxPoints < 4) return [...points];
  const first = points[0] as T;
  const last = points[points.length - 1] as T;
  const buckets = Math.floor((maxPoints - 2) / 2);
  const inner = points.length - 2;
  const kept: T[] = [first];
  for (let bucket = 0; bucket < buckets; bucket += 1) {
    const start = 1 + Math.floor((bucket * inner) / buckets);
    const end = 1 + Math.floor(((bucket + 1) * inner) / buckets);
    kept.push(...extremes(points, start, end, measure));
  }
  kept.push(last);
  return kept;
}

function extremes<T>(points: readonly T[], start: number, end: number, measure: (point: T) => number): T[] {
  if (start >= end) return [];
  let low = start;
  let high = start;
  for (let index = start + 1; index < end; index += 1) {
    const value = ordered(measure(points[index] as T));
    if (value < ordered(measure(points[low] as T))) low = index;
    if (value > ordered(measure(points[high] as T))) high = index;
  }
  if (low === high) return [points[low] as T];
  return [points[Math.min(low, high)] as T, points[Math.max(low, high)] as T];
}

function ordered(value: number): number {
  return Number.isFinite(value) ? value : Number.POSITIVE_INFINITY;
}
