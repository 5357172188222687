import { describe, expect, it } from 'vitest';
import {
  binEdges,
  binIndex,
  coarseFactor,
  coarser,
  countDomain,
  stepPoints,
  visiblePeak,
} from './histogram-data.js';
import { logCountFloor } from './ticks.js';

const bins = { low: -1, high: 1, counts: [0, 5, 3, 0] };

describe('a histogram as a step area', () => {
  it('has a point at every lower edge and closes the last bin at its upper edge', () => {
    expect(stepPoints(bins, undefined, 'linear').map(({ x, y }) => [x, y])).toEqual([
      [-1, 0],
      [-0.5, 5],
      [0, 3],
      [0.5, 0],
      [1, 0],
    ]);
  });

  it('puts empty bins on the floor of a log axis instead of at minus infinity', () => {
    const drawn = stepPoints(bins, [0, 0, 8, 0], 'log');
    expect(drawn.every(({ y, over }) => y >= logCountFloor && over >= logCountFloor)).toBe(true);
    expect(countDomain(8, 'log')[0]).toBe(logCountFloor);
    expect(countDomain(0, 'log')[1]).toBeGreaterThan(logCountFloor);
  });

  it('gives each value to exactly one bin, the upper end to the last', () => {
    expect([-1, -0.5, -0.0001, 0, 1].map((x) => binIndex(bins, x))).toEqual([0, 1, 1, 2, 3]);
    expect([-1.01, 1.01, Number.NaN].map((x) => binIndex(bins, x))).toEqual([-1, -1, -1]);
    expect(binEdges(bins, 3)[1]).toBe(1);
  });

  it('scales its axis to what is visible', () => {
    expect(visiblePeak(bins, bins.counts, { low: 0.1, high: 1 })).toBe(3);
    expect(visiblePeak(bins, bins.counts, { low: -1, high: 1 })).toBe(5);
  });

  it('sums neighbours without losing a count', () => {
    expect(coarser([1, 2, 3, 4, 5, 6, 7, 8], 4)).toEqual([10, 26]);
    expect(coarseFactor(256, 140, 2)).toBe(4);
    expect(coarseFactor(256, 600, 2)).toBe(1);
    expect(coarseFactor(255, 10, 2)).toBe(1);
  });
});
