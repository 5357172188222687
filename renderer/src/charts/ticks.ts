/** Tick positions and the two axis scales. */

export interface Range {
  low: number;
  high: number;
}

export type ScaleKind = 'linear' | 'log';

/** Round ticks (1, 2 or 5 times a power of ten) inside [low, high]; about `target` of them, at least 2. */
export function niceTicks(low: number, high: number, target: number): number[] {
  if (!(high > low) || !Number.isFinite(high - low)) return [low];
  const ticks = ticksOf(low, high, target);
  return ticks.length < 2 && target < 8 ? niceTicks(low, high, target + 1) : ticks;
}

function ticksOf(low: number, high: number, target: number): number[] {
  const raw = (high - low) / Math.max(1, target);
  const power = 10 ** Math.floor(Math.log10(raw));
  const factor = raw / power;
  const step = power * (factor < 1.5 ? 1 : factor < 3.5 ? 2 : factor < 7.5 ? 5 : 10);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  const ticks: number[] = [];
  // Divide by the inverse where the step is a fraction: 3 * 0.1 is not 0.3, 3 / 10 is.
  const inverse = Math.round(1 / step);
  for (let index = first; index <= last && ticks.length < 100; index += 1) {
    ticks.push(step < 1 ? index / inverse : index * step);
  }
  return ticks.map((tick) => (tick === 0 ? 0 : tick));
}

/** Width of one character of a tick label, and the least gap between two, in CSS pixels. */
const characterPx = 6.7;
const labelGapPx = 10;

/** The densest ticks of `range` whose labels do not touch on `widthPx` pixels. */
export function fittingTicks(
  range: Range,
  make: (low: number, high: number, target: number) => number[],
  widthPx: number,
  formatFor: (ticks: readonly number[]) => (value: number) => string,
): number[] {
  const { low, high } = range;
  const spacing = (ticks: readonly number[]) =>
    ticks.length < 2 ? widthPx : ((Number(ticks[1]) - Number(ticks[0])) / (high - low)) * widthPx;
  let fewest: number[] = [];
  for (let target = Math.max(2, Math.min(8, Math.floor(widthPx / 24))); target >= 1; target -= 1) {
    const ticks = make(low, high, target);
    const format = formatFor(ticks);
    const widest = ticks.reduce((size, tick) => Math.max(size, format(tick).length), 0) * characterPx;
    if (spacing(ticks) >= widest + labelGapPx) return ticks;
    fewest = ticks;
  }
  // Too many even so: every second one, such that 0 stays when it is among them.
  const zero = Math.max(0, fewest.indexOf(0));
  return fewest.filter((_, index) => (index - zero) % 2 === 0);
}

/** Without the ticks whose labels would leave a drawing `widthPx` wide. */
export function ticksInside(
  ticks: readonly number[],
  x: (value: number) => number,
  widthPx: number,
  format: (value: number) => string,
): number[] {
  return ticks.filter((tick) => {
    const half = (format(tick).length * characterPx) / 2;
    return x(tick) - half >= 0 && x(tick) + half <= widthPx;
  });
}

/** Whole-number ticks for axes of epochs, steps, codes and bits. */
export function integerTicks(low: number, high: number, target: number): number[] {
  const ticks = niceTicks(low, high, Math.min(target, Math.max(1, high - low)));
  return ticks.filter((tick) => Number.isInteger(tick));
}

/** Powers of ten inside [low, high], thinned to `target`; 1-2-5 steps where less than two decades show. */
export function logTicks(low: number, high: number, target: number): number[] {
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  const count = last - first + 1;
  if (count < 2) {
    const fine: number[] = [];
    for (let exponent = first - 1; exponent <= last + 1; exponent += 1) {
      for (const factor of [1, 2, 5]) {
        const tick = factor * 10 ** exponent;
        if (tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9)) fine.push(tick);
      }
    }
    return fine;
  }
  const every = Math.max(1, Math.ceil(count / Math.max(1, target)));
  const ticks: number[] = [];
  for (let exponent = first; exponent <= last; exponent += every) ticks.push(10 ** exponent);
  return ticks;
}

/**
 * The floor of a logarithmic count axis. A count of 0 has no logarithm: it is drawn on this floor,
 * below the count of 1, and the read-out still says 0.
 */
export const logCountFloor = 0.5;

export interface Scale {
  (value: number): number;
  invert(pixel: number): number;
  domain: readonly [number, number];
}

/** Map `domain` onto pixels `from`…`to`; values are not clamped. Log domains must be positive. */
export function makeScale(
  kind: ScaleKind,
  domain: readonly [number, number],
  from: number,
  to: number,
): Scale {
  const forward = kind === 'log' ? Math.log10 : (value: number) => value;
  const back = kind === 'log' ? (value: number) => 10 ** value : (value: number) => value;
  const start = forward(domain[0]);
  const span = forward(domain[1]) - start || 1;
  const scale = (value: number) => from + ((forward(value) - start) / span) * (to - from);
  const invert = (pixel: number) => back(start + ((pixel - from) / (to - from || 1)) * span);
  return Object.assign(scale, { invert, domain });
}
