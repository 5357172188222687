/** Figures of axes and read-outs; what the rest of the app also formats comes from the kit. */
import { formatNumber } from '../ui/format.js';

const minus = '\u2212';

function withMinus(text: string): string {
  return text.replace(/-/g, minus);
}

/** Drop zeros that say nothing: `0.1400` → `0.14`, `2.30e−5` → `2.3e−5`. */
export function trimZeros(text: string): string {
  return text.replace(/(\.\d*?)0+(?=e|$)/, '$1').replace(/\.(?=e|$)/, '');
}

/** A value to `digits` significant digits without trailing zeros: `−0.14`. */
export function formatShort(value: number, digits = 4): string {
  return trimZeros(formatNumber(value, digits));
}

/** A value with exactly `decimals` digits after the point; a zero has no sign. */
export function formatFixed(value: number | null | undefined, decimals: number): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const text = value.toFixed(decimals);
  return withMinus(Number(text) === 0 ? text.replace('-', '') : text);
}

/** `+0.35`, `−1.20`, `0.00`: a difference always shows its sign. */
export function formatDelta(value: number | null | undefined, decimals: number): string {
  const text = formatFixed(value, decimals);
  return value !== null && value !== undefined && Number(value.toFixed(decimals)) > 0 ? `+${text}` : text;
}

/** `1.5k`, `12M`: for axis ticks of counts. */
export function formatCompact(value: number): string {
  const size = Math.abs(value);
  for (const [limit, suffix] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (size >= limit) return `${withMinus(trimZeros((value / limit).toPrecision(3)))}${suffix}`;
  }
  return formatShort(value, 3);
}

/** Format the ticks of one axis alike: as many decimals as their step needs, exponents where it is tiny. */
export function tickFormatter(ticks: readonly number[]): (value: number) => string {
  const largest = ticks.reduce((size, tick) => Math.max(size, Math.abs(tick)), 0);
  if (largest === 0) return () => '0';
  if (largest < 1e-3 || largest >= 1e6) return (value) => formatShort(value, 4);
  let decimals = 0;
  const needsMore = (tick: number) => Math.abs(tick - Number(tick.toFixed(decimals))) > largest * 1e-7;
  while (decimals < 9 && ticks.some(needsMore)) decimals += 1;
  return (value) => formatFixed(value, decimals);
}

/** Ticks of shares as percent: `88 %`, or `88.2 %` where their step needs it. */
export function percentFormatter(ticks: readonly number[]): (value: number) => string {
  const format = tickFormatter(ticks.map((tick) => tick * 100));
  // No break: recharts would wrap the label there when it is wider than its axis.
  return (value) => `${format(value * 100)}\u00a0%`;
}

/** `[−0.002607, −0.000153)`: both edges with the decimals their distance needs. */
export function formatBin(low: number, high: number, closed: boolean): string {
  const decimals = 3 - Math.floor(Math.log10(Math.max(high - low, Number.MIN_VALUE)));
  const format = (edge: number) =>
    decimals > 9 || decimals < 0 ? formatNumber(edge, 6) : formatFixed(edge, Math.max(0, decimals));
  return `[${format(low)}, ${format(high)}${closed ? ']' : ')'}`;
}
