import { fireEvent, render, screen } from '@testing-library/react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HistogramChart, type HistogramChartProps } from './histogram-chart.js';
import { giveSize, testSize } from './testing/layout.js';

let takeBack: () => void;
beforeEach(() => {
  takeBack = giveSize();
});
afterEach(() => takeBack());

const bins = { low: -1, high: 1, counts: [0, 10, 40, 0, 30, 20, 0, 0] };
const full = { low: -1, high: 1 };

function draw(change: Partial<HistogramChartProps> = {}) {
  const onRangeChange = vi.fn();
  const props: HistogramChartProps = {
    label: 'weights',
    bins,
    total: 100,
    unit: 'weights',
    scale: 'linear',
    range: null,
    full,
    onRangeChange,
    ...change,
  };
  const view = render(<HistogramChart {...props} />);
  const surface = screen.getByRole('application');
  surface.getBoundingClientRect = () => new DOMRect(0, 0, testSize.width, testSize.height);
  return { ...view, onRangeChange, surface };
}

describe('HistogramChart', () => {
  it.each(['linear', 'log'] as const)(
    'draws bins with zeros on a %s axis without a broken coordinate',
    (scale) => {
      const { container } = draw({
        scale,
        over: { label: 'quantized', counts: [0, 0, 100, 0, 0, 0, 0, 0], color: 'red' },
      });
      const paths = [...container.querySelectorAll('path')].map((path) => path.getAttribute('d') ?? '');
      expect(paths.length).toBeGreaterThan(3);
      expect(paths.join(' ')).not.toMatch(/NaN|Infinity/);
    },
  );

  it('puts its overlay where recharts puts the plot', () => {
    const { container } = draw({ levels: { values: [-1, 1], color: 'red' } });
    const clip = container.querySelector('clipPath rect');
    const left = Number(clip?.getAttribute('x'));
    const right = left + Number(clip?.getAttribute('width'));
    const lines = container.querySelector('.chart-levels')?.getAttribute('d');
    expect(lines?.match(/M([\d.]+)/g)?.map((move) => Number(move.slice(1)))).toEqual([left, right]);
  });

  it('stands a dot on each level at the height of its bin', () => {
    const { container } = draw({ levels: { values: [-0.4, 0.9], color: 'red' } });
    const dots = container.querySelector('.chart-level-dots')?.getAttribute('d') ?? '';
    const [high, low] = [...dots.matchAll(/M[\d.]+ ([\d.]+)/g)].map((match) => Number(match[1]));
    expect(high).toBeLessThan(low ?? 0);
    const bottom =
      Number(container.querySelector('clipPath rect')?.getAttribute('y')) +
      Number(container.querySelector('clipPath rect')?.getAttribute('height'));
    expect(low).toBeCloseTo(bottom, 0);
  });

  it('draws more than 64 levels as a rug, not as a wall', () => {
    const values = Array.from({ length: 256 }, (_, index) => -1 + index / 128);
    const { container } = draw({ levels: { values, color: 'red' } });
    expect(container.querySelector('.chart-level-dots')).toBeNull();
    expect(container.querySelector('.chart-levels')?.getAttribute('d')).toContain('v-9');
  });

  it('leaves out levels and limits outside the zoom', () => {
    const { container } = draw({
      range: { low: 0, high: 0.5 },
      levels: { values: [-0.5, 0.25], color: 'red' },
      limits: [{ value: -0.9, label: 'clip −0.9' }],
    });
    expect(container.querySelector('.chart-levels')?.getAttribute('d')?.match(/M/g)).toHaveLength(1);
    expect(screen.queryByText('clip −0.9')).toBeNull();
  });

  it('reads out the exact edges, count and share of the bin under the pointer', () => {
    const { surface, container } = draw();
    // The plot lies between the axes: 44 px on the left, 12 px on the right.
    const pixelOf = (value: number) => 44 + ((value + 1) / 2) * (testSize.width - 44 - 12);
    fireEvent.pointerMove(surface, { clientX: pixelOf(-0.4), clientY: 100 });
    const box = container.querySelector('.chart-readout');
    expect(box?.textContent).toContain('[−0.5000, −0.2500)');
    expect(box?.textContent).toContain('40 · 40.00 %');
  });

  it('zooms, pans and resets from the keyboard', () => {
    const { surface, onRangeChange } = draw();
    fireEvent.keyDown(surface, { key: '+' });
    const zoomed = onRangeChange.mock.calls[0]?.[0];
    expect(zoomed.high - zoomed.low).toBeCloseTo(1.4, 9);
    fireEvent.keyDown(surface, { key: '0' });
    expect(onRangeChange).toHaveBeenLastCalledWith(null);
  });

  it('pans a zoomed chart with the arrows, and never past its end', () => {
    const { surface, onRangeChange } = draw({ range: { low: 0.5, high: 1 } });
    fireEvent.keyDown(surface, { key: 'ArrowRight' });
    expect(onRangeChange).toHaveBeenLastCalledWith({ low: 0.5, high: 1 });
    fireEvent.keyDown(surface, { key: 'ArrowLeft' });
    expect(onRangeChange.mock.lastCall?.[0].low).toBeLessThan(0.5);
  });

  it('says the read-out aloud when the keyboard moves it', () => {
    const { surface, container } = draw();
    fireEvent.keyDown(surface, { key: 'ArrowRight' });
    expect(container.querySelector('[aria-live]')?.textContent).toMatch(/weights/);
  });

  it('zooms into a dragged box, and a click is no box', () => {
    const { surface, onRangeChange } = draw();
    const at = (value: number) => ({
      clientX: 44 + ((value + 1) / 2) * 584,
      clientY: 100,
      button: 0,
      pointerId: 1,
    });
    fireEvent.pointerDown(surface, at(-0.5));
    fireEvent.pointerMove(surface, at(0.5));
    fireEvent.pointerUp(surface, at(0.5));
    expect(onRangeChange.mock.calls[0]?.[0].low).toBeCloseTo(-0.5, 6);
    expect(onRangeChange.mock.calls[0]?.[0].high).toBeCloseTo(0.5, 6);
    fireEvent.pointerDown(surface, at(0.2));
    fireEvent.pointerUp(surface, at(0.2));
    expect(onRangeChange).toHaveBeenCalledTimes(1);
  });
});
