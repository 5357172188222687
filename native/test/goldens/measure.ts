/** Errors against reference values, and the bounds of the reference vectors' README. */

/** Elementwise float32 results: relative to the largest magnitude of the tensor. */
export const elementwiseBound = 1e-6;
/** Sums: gradients of scales, GEMM results. */
export const sumBound = 2e-5;

export interface Measurement {
  /** What was compared: `dx`, `loss of step 7`. */
  readonly name: string;
  readonly error: number;
  readonly bound: number;
  /** Why the bound is not the README's. */
  readonly note?: string;
}

export function isWithin(measurement: Measurement): boolean {
  return measurement.error <= measurement.bound; // false for NaN
}

/** The one closest to (or furthest over) its bound. */
export function worst(measurements: readonly Measurement[]): Measurement {
  const [first, ...rest] = measurements;
  if (!first) throw new Error('a checker must measure something');
  return rest.reduce((a, b) => (badness(b) > badness(a) ? b : a), first);
}

function badness({ error, bound }: Measurement): number {
  if (Number.isNaN(error)) return Number.POSITIVE_INFINITY;
  if (bound === 0) return error === 0 ? 0 : Number.POSITIVE_INFINITY;
  return error / bound;
}

type Values = ArrayLike<number>;

/** Largest |actual − expected| over the largest |expected|. */
export function relativeError(actual: Values, expected: Values): number {
  if (actual.length !== expected.length) return Number.NaN;
  let difference = 0;
  let magnitude = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs((actual[i] ?? Number.NaN) - (expected[i] ?? Number.NaN));
    if (Number.isNaN(error)) return Number.NaN;
    difference = Math.max(difference, error);
    magnitude = Math.max(magnitude, Math.abs(expected[i] ?? 0));
  }
  if (difference === 0) return 0;
  return difference / (magnitude || 1);
}

/** Root mean square of actual − expected over that of expected. */
export function relativeRms(actual: Values, expected: Values): number {
  if (actual.length !== expected.length) return Number.NaN;
  let difference = 0;
  let magnitude = 0;
  for (let i = 0; i < expected.length; i++) {
    difference += ((actual[i] ?? Number.NaN) - (expected[i] ?? Number.NaN)) ** 2;
    magnitude += (expected[i] ?? 0) ** 2;
  }
  return Math.sqrt(difference / (magnitude || 1));
}

export function elementwise(name: string, actual: Values, expected: Values): Measurement {
  return { name, error: relativeError(actual, expected), bound: elementwiseBound };
}

export function sums(name: string, actual: Values, expected: Values): Measurement {
  return { name, error: relativeError(actual, expected), bound: sumBound };
}

/** Integers that must be equal; the error is the number of differences. */
export function equal(name: string, actual: Values, expected: Values): Measurement {
  if (actual.length !== expected.length) return { name, error: Number.NaN, bound: 0 };
  let differences = 0;
  for (let i = 0; i < expected.length; i++) if (actual[i] !== expected[i]) differences++;
  return { name, error: differences, bound: 0 };
}

/** |actual − expected| relative to `scale`, by default |expected|. */
export function close(
  name: string,
  actual: number,
  expected: number,
  bound: number,
  scale = Math.abs(expected),
): Measurement {
  const difference = Math.abs(actual - expected);
  return { name, error: difference === 0 ? 0 : difference / (scale || 1), bound };
}
