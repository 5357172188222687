/**
 * The colours of charts, as CSS variables of the application's theme, so that a chart follows dark
 * and light without a re-render. Every series also has a dash pattern and a marker: colour is never
 * the only carrier of a difference.
 */
export const chartColors = {
  surface: 'var(--bg1)',
  raised: 'var(--bg2)',
  line: 'var(--line)',
  ink: 'var(--ink)',
  label: 'var(--ink2)',
  tick: 'var(--ink3)',
  accent: 'var(--accent)',
  neutral: 'var(--f)',
  good: 'var(--ok)',
  warn: 'var(--warn)',
  bad: 'var(--bad)',
} as const;

export type MarkerShape = 'circle' | 'square' | 'triangle' | 'diamond' | 'cross' | 'ring';

export interface SeriesStyle {
  color: string;
  /** SVG stroke-dasharray; undefined is a solid line. */
  dash: string | undefined;
  marker: MarkerShape;
}

const seriesColors = ['var(--accent)', 'var(--w4)', 'var(--w1)', 'var(--w2)', 'var(--w8)', 'var(--f)'];

const seriesShapes: readonly Omit<SeriesStyle, 'color'>[] = [
  { dash: undefined, marker: 'circle' },
  { dash: '7 3', marker: 'square' },
  { dash: '2 3', marker: 'triangle' },
  { dash: '9 3 2 3', marker: 'diamond' },
  { dash: '4 2', marker: 'cross' },
  { dash: '1 3', marker: 'ring' },
  { dash: '12 4', marker: 'square' },
  { dash: '12 3 2 3 2 3', marker: 'triangle' },
];

const at = <T>(list: readonly T[], index: number) => list[index % list.length] as T;

/** Dash and marker that tell the `index`-th of several lines of one colour from the others. */
export function seriesShape(index: number): Omit<SeriesStyle, 'color'> {
  return at(seriesShapes, index);
}

/** A distinguishable style for the i-th series: its colours and its shapes repeat at different places. */
export function seriesStyle(index: number): SeriesStyle {
  return { color: at(seriesColors, index), ...seriesShape(index) };
}

export const chartFont = {
  family: 'var(--font-mono)',
  tickSize: 11,
} as const;
