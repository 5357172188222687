import { describe, expect, it } from 'vitest';
import { drawnLine, leftOutCount, linesTable, pointAt, snapX, yDomain, yTicks } from './line-data.js';

const line = (id: string, ys: number[], start = 0) => ({
  id,
  label: id,
  color: 'red',
  points: ys.map((y, index) => ({ x: start + index, y })),
});

describe('lines', () => {
  it('leave out of a log axis what has no logarithm, and say how much', () => {
    const series = line('loss', [1, 0, -2, 4]);
    expect(drawnLine(series, 0, 'log').points.map(({ y }) => y)).toEqual([1, 4]);
    expect(drawnLine(series, 0, 'linear').points).toHaveLength(4);
    expect(leftOutCount([series], 'log')).toBe(2);
    expect(leftOutCount([series], 'linear')).toBe(0);
  });

  it('keep the recorded line behind the smoothed one', () => {
    const drawn = drawnLine(line('loss', [1, 3, 1, 3]), 0.5, 'linear');
    expect(drawn.smoothed).toBe(true);
    expect(drawn.raw.map(({ y }) => y)).toEqual([1, 3, 1, 3]);
    expect(drawn.points[1]?.y).toBeCloseTo(7 / 3, 12);
  });

  it('get an axis that is positive on log, inside its bounds, and never flat', () => {
    const range = { low: 0, high: 3 };
    const at = (ys: number[], scale: 'linear' | 'log') =>
      yDomain([drawnLine(line('a', ys), 0, scale)], range, scale, { low: 0, high: 1 });
    expect(at([0.5, 2], 'log')[0]).toBeGreaterThan(0);
    expect(at([0.9, 1], 'linear')[1]).toBe(1);
    const [low, high] = at([0.5, 0.5], 'linear');
    expect(high).toBeGreaterThan(low);
    expect(at([], 'log')[0]).toBeGreaterThan(0);
  });

  it('have tick labels that do not touch, however low the chart', () => {
    for (const height of [30, 41, 60, 78, 140, 200, 400]) {
      for (const [low, high] of [
        [0.79, 0.88],
        [3.4, 4.6],
        [0, 2e-4],
        [85, 88.1],
      ] as const) {
        const ticks = yTicks([low, high], 'linear', height);
        expect(ticks.length).toBeGreaterThan(0);
        const rowPx = ((ticks[1] ?? Infinity) - (ticks[0] ?? 0)) * (height / (high - low));
        expect(rowPx).toBeGreaterThanOrEqual(12);
      }
    }
  });

  it('keep a goal inside the axis', () => {
    const [, high] = yDomain(
      [drawnLine(line('a', [0.1, 0.2]), 0, 'linear')],
      { low: 0, high: 2 },
      'linear',
      {},
      [{ y: 0.9 }],
    );
    expect(high).toBeGreaterThan(0.9);
  });

  it('snap the cross-hair to a recorded point and do not invent values beyond a line', () => {
    const lines = [line('short', [1, 2]), line('long', [1, 2, 3, 4, 5, 6])];
    expect(snapX(lines, 4.4)).toBe(4);
    expect(pointAt(lines[0]?.points ?? [], 4)).toBeNull();
    expect(pointAt(lines[1]?.points ?? [], 4)?.y).toBe(5);
  });

  it('become a table by x, with empty cells and names that differ', () => {
    const table = linesTable('step', [line('W4A4', [10, 11]), line('W4A4', [20, 21], 1)]);
    expect(table.columns).toEqual(['step', 'W4A4', 'W4A4 (2)']);
    expect(table.rows).toEqual([
      [0, 10, null],
      [1, 11, 20],
      [2, null, 21],
    ]);
  });
});
