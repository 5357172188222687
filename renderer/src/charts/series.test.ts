import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { extent, maxLinePoints, nearestIndex, type Point, smooth, thin, thinToPixels } from './series.js';

const wave = (count: number): Point[] =>
  Array.from({ length: count }, (_, index) => ({
    x: index,
    y: Math.sin(index / 7) + (index === 4321 ? 50 : 0),
  }));

describe('thinToPixels', () => {
  it('draws at most 1500 points whatever is recorded, and keeps the spike and both ends', () => {
    const points = wave(20_000);
    const drawn = thinToPixels(points, 0, 19_999, 4000);
    expect(drawn.length).toBeLessThanOrEqual(maxLinePoints);
    expect(drawn).toContain(points[4321]);
    expect(drawn[0]).toBe(points[0]);
    expect(drawn.at(-1)).toBe(points.at(-1));
  });

  it('shows the recorded points themselves where there is room, with a neighbour outside on each side', () => {
    const points = wave(20_000);
    expect(thinToPixels(points, 100.5, 110.5, 400).map(({ x }) => x)).toEqual([
      100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111,
    ]);
  });

  it('keeps the order of x', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ noNaN: true, min: -5, max: 5 }), { minLength: 1, maxLength: 400 }),
        fc.integer({ min: 1, max: 60 }),
        (ys, width) => {
          const drawn = thinToPixels(
            ys.map((y, x) => ({ x, y })),
            0,
            ys.length - 1,
            width,
          );
          expect(drawn.every((point, index) => index === 0 || point.x > (drawn[index - 1]?.x ?? 0))).toBe(
            true,
          );
          expect(Math.max(...drawn.map(({ y }) => y))).toBe(Math.max(...ys));
          expect(Math.min(...drawn.map(({ y }) => y))).toBe(Math.min(...ys));
        },
      ),
    );
  });

  it('has nothing to draw of nothing', () => {
    expect(thinToPixels([], 0, 1, 100)).toEqual([]);
  });
});

describe('smooth', () => {
  it('leaves a constant alone from its first point on', () => {
    const constant = Array.from({ length: 50 }, (_, x) => ({ x, y: 2.5 }));
    for (const { y } of smooth(constant, 0.9)) expect(y).toBeCloseTo(2.5, 12);
  });

  it('is the recorded line at weight 0 and skips what is not a number', () => {
    const points = [
      { x: 0, y: 1 },
      { x: 1, y: Number.NaN },
      { x: 2, y: 3 },
    ];
    expect(smooth(points, 0)).toBe(points);
    expect(smooth(points, 0.5).map(({ x }) => x)).toEqual([0, 2]);
  });
});

describe('looking up', () => {
  it('finds the nearest point', () => {
    const points = [0, 1, 4, 9].map((x) => ({ x }));
    expect([-5, 0.4, 0.6, 2.4, 2.6, 100].map((x) => nearestIndex(points, x))).toEqual([0, 0, 1, 1, 2, 3]);
    expect(nearestIndex([], 1)).toBe(-1);
  });

  it('ignores what is not finite in the extent', () => {
    expect(extent([Number.NaN, 2, -1, Number.POSITIVE_INFINITY])).toEqual({ low: -1, high: 2 });
    expect(extent([Number.NaN])).toBeNull();
  });

  it('thins evenly with both ends', () => {
    expect(thin([0, 1, 2, 3, 4, 5, 6, 7, 8], 3)).toEqual([0, 4, 8]);
    expect(thin([1, 2], 5)).toEqual([1, 2]);
  });
});
