/** Figures as text. A thin space groups digits, a true minus sign marks negatives. */

const thinSpace = '\u2009';
const minus = '\u2212';

/** 269 322 */
export function formatCount(value: number): string {
  return Math.round(value)
    .toString()
    .replace('-', minus)
    .replace(/\B(?=(\d{3})+(?!\d))/g, thinSpace);
}

/** 1.03 MB; decimal units. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/** Four significant digits; powers of ten for the very large and small. */
export function formatNumber(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'not a number' : value > 0 ? '∞' : `${minus}∞`;
  if (value === 0) return '0';
  const size = Math.abs(value);
  const text =
    size < 1e-3 || size >= 1e6
      ? value.toExponential(Math.max(0, digits - 2))
      : value.toPrecision(digits).replace(/e\+?/, 'e');
  return text.replace('e+', 'e').replace(/-/g, minus);
}

/** 0.4213 → 42.1 % */
export function formatShare(share: number, digits = 1): string {
  if (share > 0 && share < 0.5 * 10 ** -(digits + 2)) return `<${(10 ** -digits).toFixed(digits)} %`;
  return `${(share * 100).toFixed(digits)} %`;
}

/** 20.41 dB, or `exact` when there is no error at all. */
export function formatDb(db: number | null, digits = 2): string {
  return db === null ? 'exact' : `${db.toFixed(digits).replace('-', minus)} dB`;
}

/** 0:14, 3:05, 2:15:00 */
export function formatDuration(ms: number): string {
  const total = Math.max(0, Math.round(ms / 1000));
  const seconds = String(total % 60).padStart(2, '0');
  const minutes = Math.floor(total / 60) % 60;
  const hours = Math.floor(total / 3600);
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${seconds}` : `${minutes}:${seconds}`;
}

/** 256 × 784 */
export function formatShape(shape: readonly number[]): string {
  return shape.join(' × ');
}

/** 24 Nov 2026, 10:04 */
export function formatTime(iso: string | Date): string {
  const date = typeof iso === 'string' ? new Date(iso) : iso;
  return date.toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
