/** The lines of a chart as drawn: smoothed, without what the axis cannot show, with the axes that hold them. */
import type { Cell, ChartTable } from './export.js';
import { extent, nearestIndex, type Point, smooth } from './series.js';
import type { MarkerShape } from './theme.js';
import { logTicks, niceTicks, type Range, type ScaleKind } from './ticks.js';

export interface LineSeries {
  id: string;
  label: string;
  color: string;
  dash?: string | undefined;
  marker?: MarkerShape | undefined;
  /** Ascending in x. */
  points: readonly Point[];
}

export interface DrawnLine extends LineSeries {
  /** As recorded; drawn faintly behind the smoothed line. */
  raw: readonly Point[];
  smoothed: boolean;
}

const drawable = (scale: ScaleKind) => (point: Point) =>
  Number.isFinite(point.y) && (scale === 'linear' || point.y > 0);

/** What is drawn of a line. A log axis leaves out values that have no logarithm. */
export function drawnLine(series: LineSeries, alpha: number, scale: ScaleKind): DrawnLine {
  const valid = series.points.every(drawable(scale)) ? series.points : series.points.filter(drawable(scale));
  if (alpha <= 0) return { ...series, raw: valid, points: valid, smoothed: false };
  return { ...series, raw: valid, points: smooth(valid, alpha), smoothed: true };
}

/** How many values a log axis cannot show. */
export function leftOutCount(series: readonly LineSeries[], scale: ScaleKind): number {
  if (scale === 'linear') return 0;
  return series.reduce((count, { points }) => count + points.filter((point) => point.y <= 0).length, 0);
}

export function xExtent(lines: readonly { points: readonly Point[] }[]): Range {
  const all = extent(lines.flatMap(({ points }) => points.map((point) => point.x)));
  if (!all) return { low: 0, high: 1 };
  return all.high > all.low ? all : { low: all.low - 0.5, high: all.high + 0.5 };
}

/** The y axis for what is visible in `range`, with a little air; a log axis stays positive. */
export function yDomain(
  lines: readonly DrawnLine[],
  range: Range,
  scale: ScaleKind,
  bounds: { low?: number | undefined; high?: number | undefined } = {},
  goals: readonly { y: number }[] = [],
): [number, number] {
  const values = lines.flatMap((line) =>
    [...line.points, ...(line.smoothed ? line.raw : [])]
      .filter((point) => point.x >= range.low && point.x <= range.high)
      .map((point) => point.y),
  );
  const found = extent([...values, ...goals.map((goal) => goal.y)], (y) => scale === 'linear' || y > 0);
  if (!found) return scale === 'log' ? [0.1, 1] : [bounds.low ?? 0, bounds.high ?? 1];
  if (scale === 'log') {
    const factor = Math.max((found.high / found.low) ** 0.05, 1.02);
    return [found.low / factor, found.high * factor];
  }
  const air = (found.high - found.low) * 0.06 || Math.abs(found.high) * 0.05 || 0.5;
  return [
    Math.max(bounds.low ?? -Infinity, found.low - air),
    Math.min(bounds.high ?? Infinity, found.high + air),
  ];
}

/** Least distance of two labels above each other. */
const tickRowPx = 20;

/** About one tick every 56 pixels, at least three where their labels do not touch. */
export function yTicks(domain: readonly [number, number], scale: ScaleKind, heightPx: number): number[] {
  const [low, high] = domain;
  const most = Math.max(2, Math.floor(heightPx / tickRowPx));
  const target = Math.max(3, Math.min(8, Math.floor(heightPx / 56)));
  if (scale === 'log') return logTicks(low, high, Math.min(target, most));
  let ticks = niceTicks(low, high, target);
  if (ticks.length < 3) {
    const finer = niceTicks(low, high, target + 2);
    if (finer.length <= most) ticks = finer;
  }
  for (let wanted = target - 1; ticks.length > most && wanted >= 1; wanted -= 1) {
    ticks = niceTicks(low, high, wanted);
  }
  return ticks.length > most ? ticks.filter((_, index) => index % 2 === 0) : ticks;
}

/** The x among all lines nearest to `x`: the cross-hair stands on a recorded point. */
export function snapX(lines: readonly { points: readonly Point[] }[], x: number): number | null {
  let best: number | null = null;
  for (const { points } of lines) {
    const at = points[nearestIndex(points, x)]?.x;
    if (at !== undefined && (best === null || Math.abs(at - x) < Math.abs(best - x))) best = at;
  }
  return best;
}

/** The point of a line at `x`: the nearest one, if `x` is not beyond the line's ends by more than a step. */
export function pointAt(points: readonly Point[], x: number): Point | null {
  const point = points[nearestIndex(points, x)];
  const first = points[0];
  const last = points[points.length - 1];
  if (!point || !first || !last) return null;
  const step = points.length > 1 ? (last.x - first.x) / (points.length - 1) : 0;
  return x < first.x - step || x > last.x + step ? null : point;
}

/** Names that may repeat, made different: `W4A4`, `W4A4 (2)`. */
export function uniqueNames(names: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return names.map((name) => {
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return count === 1 ? name : `${name} (${count})`;
  });
}

/** Rows by ascending x, one column per line as recorded; a line without a point there has an empty cell. */
export function linesTable(xName: string, lines: readonly LineSeries[]): ChartTable {
  const byX = new Map<number, Cell[]>();
  lines.forEach((line, column) => {
    for (const { x, y } of line.points) {
      const row = byX.get(x) ?? lines.map(() => null);
      row[column] = y;
      byX.set(x, row);
    }
  });
  const rows = [...byX].sort((a, b) => a[0] - b[0]).map(([x, cells]) => [x, ...cells]);
  return { columns: [xName, ...uniqueNames(lines.map((line) => line.label))], rows };
}
