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

const seriesStyles: readonly SeriesStyle[] = [
  { color: 'var(--accent)', dash: undefined, marker: 'circle' },
  { color: 'var(--w4)', dash: '7 3', marker: 'square' },
  { color: 'var(--w1)', dash: '2 3', marker: 'triangle' },
  { color: 'var(--w2)', dash: '9 3 2 3', marker: 'diamond' },
  { color: 'var(--w8)', dash: '4 2', marker: 'cross' },
  { color: 'var(--f)', dash: '1 3', marker: 'ring' },
];

/** A distinguishable style for the i-th series; after six the dash patterns shift against the colours. */
export function seriesStyle(index: number): SeriesStyle {
  const count = seriesStyles.length;
  const color = seriesStyles[index % count] as SeriesStyle;
  if (index < count) return color;
  const shape = seriesStyles[(index + Math.floor(index / count)) % count] as SeriesStyle;
  return { color: color.color, dash: shape.dash ?? '12 4', marker: shape.marker };
}

export const chartFont = {
  family: 'var(--font-mono)',
  tickSize: 11,
} as const;
