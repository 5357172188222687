import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asZoom, clampRange, panRange, rangeWidth, zoomRange } from './zoom.js';

const full = { low: -1, high: 3 };

describe('zooming', () => {
  it('keeps the anchor where it is on screen', () => {
    const next = zoomRange(full, full, 0, 0.5);
    const share = (range: typeof full) => (0 - range.low) / rangeWidth(range);
    expect(share(next)).toBeCloseTo(share(full), 12);
    expect(rangeWidth(next)).toBeCloseTo(2, 12);
  });

  it('never leaves what there is to see, however it is zoomed and panned', () => {
    const step = fc.tuple(
      fc.double({ min: -3, max: 5, noNaN: true }),
      fc.double({ min: 0.1, max: 8, noNaN: true }),
      fc.double({ min: -2, max: 2, noNaN: true }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let range = full;
        for (const [anchor, factor, share] of steps) {
          range = panRange(zoomRange(range, full, anchor, factor), full, share);
          expect(range.low).toBeGreaterThanOrEqual(full.low - 1e-9);
          expect(range.high).toBeLessThanOrEqual(full.high + 1e-9);
          expect(range.high).toBeGreaterThan(range.low);
        }
      }),
    );
  });

  it('is no zoom when everything shows', () => {
    expect(asZoom(zoomRange({ low: 0, high: 1 }, full, 0.5, 100), full)).toBeNull();
    expect(asZoom({ low: 0, high: 1 }, full)).toEqual({ low: 0, high: 1 });
  });

  it('stops before float32 has nothing more to show', () => {
    expect(rangeWidth(clampRange({ low: 1, high: 1 }, full))).toBeGreaterThan(0);
  });
});
