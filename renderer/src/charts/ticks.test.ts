import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tickFormatter } from './format.js';
import { fittingTicks, integerTicks, logCountFloor, logTicks, makeScale, niceTicks } from './ticks.js';

describe('ticks', () => {
  it('are free of binary noise', () => {
    expect(niceTicks(-0.3, 0.3, 6)).toEqual([-0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.3]);
  });

  it('always lie inside the axis, ascend, and are at least two', () => {
    const range = fc.tuple(
      fc.double({ min: -1e6, max: 1e6, noNaN: true }),
      fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
    );
    fc.assert(
      fc.property(range, fc.integer({ min: 1, max: 12 }), ([low, width], target) => {
        const high = low + width;
        fc.pre(high > low);
        const ticks = niceTicks(low, high, target);
        // No tick is placed finer than doubles of its size lie apart.
        const slack = width * 1e-6 + Math.max(Math.abs(low), Math.abs(high)) * Number.EPSILON;
        expect(ticks.length).toBeGreaterThanOrEqual(2);
        expect(ticks.every((tick) => tick >= low - slack && tick <= high + slack)).toBe(true);
        expect(ticks.every((tick, index) => index === 0 || tick > (ticks[index - 1] ?? 0))).toBe(true);
      }),
    );
  });

  it('of a point are the point, not a loop without end', () => {
    expect(niceTicks(3, 3, 5)).toEqual([3]);
    expect(niceTicks(0, Number.POSITIVE_INFINITY, 5)).toEqual([0]);
  });

  it('of epochs are whole numbers', () => {
    expect(integerTicks(0, 3, 8)).toEqual([0, 1, 2, 3]);
    expect(integerTicks(-8.5, 7.5, 8).every(Number.isInteger)).toBe(true);
  });

  it('of a log axis are powers of ten, finer within one decade', () => {
    expect(logTicks(1, 12_000, 10)).toEqual([1, 10, 100, 1000, 10_000]);
    expect(logTicks(0.2, 0.9, 5)).toEqual([0.2, 0.5]);
  });

  it('never overlap', () => {
    for (const width of [60, 78, 120, 300, 900]) {
      const ticks = fittingTicks({ low: 0, high: 752 }, niceTicks, width, tickFormatter);
      const spacing = ticks.length > 1 ? (width * ((ticks[1] ?? 0) - (ticks[0] ?? 0))) / 752 : width;
      expect(spacing).toBeGreaterThan(3 * 6.7);
    }
  });
});

describe('makeScale', () => {
  it('inverts itself on both kinds of axis', () => {
    for (const kind of ['linear', 'log'] as const) {
      const scale = makeScale(kind, [logCountFloor, 2000], 300, 10);
      expect(scale.invert(scale(42))).toBeCloseTo(42, 9);
      expect(scale(logCountFloor)).toBe(300);
      expect(scale(2000)).toBeCloseTo(10, 9);
    }
  });
});
