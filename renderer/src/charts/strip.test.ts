import { describe, expect, it } from 'vitest';
import { commonLimit, occupied } from './strip.js';

describe('strips', () => {
  it('show nothing where there is nothing', () => {
    expect(occupied([0, 3, 1], [9, 0.5, -0.25])).toEqual([Number.NaN, 0.5, -0.25]);
  });

  it('share the largest value, without the far tails', () => {
    const counts = [1, 50_000, 50_000];
    expect(
      commonLimit(counts, [
        [9, 0.5, -0.25],
        [9, -0.75, Number.NaN],
      ]),
    ).toBe(0.75);
  });

  it('have an axis even when every value is exact', () => {
    expect(commonLimit([10, 10], [[0, 0]])).toBe(1);
  });
});
