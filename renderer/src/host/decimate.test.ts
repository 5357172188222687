import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decimate } from './decimate.js';

const identity = (value: number) => value;

describe('decimate', () => {
  it('keeps few enough points, the ends and the extremes, in order (property)', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { maxLength: 400 }),
        fc.integer({ min: 4, max: 60 }),
        (values, maxPoints) => {
          const points = values.map((value, step) => ({ step, value }));
          const kept = decimate(points, maxPoints, (point) => point.value);
          expect(kept.length).toBeLessThanOrEqual(Math.max(maxPoints, Math.min(values.length, 2)));
          expect(kept[0]).toEqual(points[0]);
          expect(kept[kept.length - 1]).toEqual(points[points.length - 1]);
          const steps = kept.map((point) => point.step);
          expect(steps).toEqual([...new Set(steps)].sort((a, b) => a - b));
          if (points.length > 0) {
            const keptValues = kept.map((point) => point.value);
            expect(Math.max(...keptValues)).toBe(Math.max(...values));
            expect(Math.min(...keptValues)).toBe(Math.min(...values));
          }
        },
      ),
    );
  });

  it('keeps a point that is not finite: a diverged loss must be seen', () => {
    const values = Array.from({ length: 500 }, () => 1);
    values[250] = Number.POSITIVE_INFINITY;
    expect(decimate(values, 20, identity)).toContain(Number.POSITIVE_INFINITY);
  });

  it('leaves a short line alone', () => {
    expect(decimate([3, 1, 2], 10, identity)).toEqual([3, 1, 2]);
  });
});
