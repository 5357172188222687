/**
 * Pointer, wheel and keyboard on a plot. Drag zooms into a box, Shift+drag (or the middle button)
 * pans, the wheel zooms where it points, double click or 0 resets; +, − and the arrows do the same
 * from the keyboard. Ranges go to the owner, which may fetch finer data for them.
 */
import { type KeyboardEvent, type PointerEvent, useEffect, useRef, useState } from 'react';
import type { CrosshairStore } from './crosshair.js';
import type { PlotBox } from './geometry.js';
import type { Range } from './ticks.js';
import { asZoom, clampRange, panRange, zoomRange } from './zoom.js';

export interface GestureOptions {
  plot: PlotBox;
  /** Visible x range. */
  range: Range;
  /** Everything there is to see. */
  full: Range;
  crosshair: CrosshairStore;
  /** This chart's name in its cross-hair group. */
  owner: string;
  /** Absent: the chart does not zoom. Null: everything. */
  onRangeChange?: ((range: Range | null) => void) | undefined;
  /** A press without a drag, in units of the x axis. */
  onPick?: ((x: number) => void) | undefined;
  /** The next x in a direction, for moving the cross-hair by keyboard. */
  stepFrom?: ((x: number | null, direction: 1 | -1) => number) | undefined;
  /** L. */
  onToggleScale?: (() => void) | undefined;
}

export interface DragBox {
  from: number;
  to: number;
}

type Drag = { kind: 'box'; start: number } | { kind: 'pan'; start: number; range: Range };

/** A press that moves less than this is a click. */
const clickSlackPx = 4;
const wheelZoom = 1.0018;
const keyZoom = 0.7;
const keyPan = 0.15;

export function usePlotGestures(options: GestureOptions) {
  const [box, setBox] = useState<DragBox | null>(null);
  const [element, setElement] = useState<HTMLElement | null>(null);
  const drag = useRef<Drag | null>(null);
  const latest = useRef(options);
  useEffect(() => {
    latest.current = options;
  });

  useEffect(() => {
    if (!element) return;
    const onWheel = (event: WheelEvent) => wheel(event, element, latest.current);
    // Not passive, because the page must not scroll while the chart zooms.
    element.addEventListener('wheel', onWheel, { passive: false });
    return () => element.removeEventListener('wheel', onWheel);
  }, [element]);

  const pixelOf = (event: PointerEvent<HTMLElement>) =>
    event.clientX - event.currentTarget.getBoundingClientRect().left;

  return {
    box,
    ref: setElement,
    handlers: {
      onPointerDown(event: PointerEvent<HTMLElement>) {
        const pixel = pixelOf(event);
        if (!insidePlot(pixel, options.plot)) return;
        const pans = event.button === 1 || (event.button === 0 && event.shiftKey);
        if (event.button !== 0 && !pans) return;
        if (pans) event.preventDefault();
        drag.current = pans
          ? { kind: 'pan', start: pixel, range: options.range }
          : { kind: 'box', start: pixel };
        event.currentTarget.setPointerCapture?.(event.pointerId);
      },
      onPointerMove(event: PointerEvent<HTMLElement>) {
        moveDrag(drag.current, pixelOf(event), options, setBox);
      },
      onPointerUp(event: PointerEvent<HTMLElement>) {
        endDrag(drag.current, pixelOf(event), options);
        drag.current = null;
        setBox(null);
      },
      onPointerCancel() {
        drag.current = null;
        setBox(null);
      },
      onPointerLeave() {
        if (!drag.current) options.crosshair.set(null);
      },
      onDoubleClick() {
        options.onRangeChange?.(null);
      },
      onBlur() {
        options.crosshair.set(null);
      },
      onKeyDown(event: KeyboardEvent<HTMLElement>) {
        if (event.ctrlKey || event.metaKey || event.altKey || !pressKey(event, options)) return;
        event.preventDefault();
        event.stopPropagation();
      },
    },
  };
}

function insidePlot(pixel: number, plot: PlotBox): boolean {
  return pixel >= plot.x - 1 && pixel <= plot.x + plot.width + 1;
}

function valueAt(pixel: number, { plot, range }: Pick<GestureOptions, 'plot' | 'range'>): number {
  const share = Math.min(1, Math.max(0, (pixel - plot.x) / plot.width));
  return range.low + share * (range.high - range.low);
}

function moveDrag(
  drag: Drag | null,
  pixel: number,
  options: GestureOptions,
  setBox: (box: DragBox | null) => void,
): void {
  if (drag?.kind === 'pan') {
    const share = (drag.start - pixel) / options.plot.width;
    const next = panRange(drag.range, options.full, share);
    options.onRangeChange?.(asZoom(next, options.full));
    return;
  }
  if (drag && options.onRangeChange) {
    const { x, width } = options.plot;
    const to = Math.min(x + width, Math.max(x, pixel));
    setBox(Math.abs(to - drag.start) < clickSlackPx ? null : { from: drag.start, to });
  }
  options.crosshair.set(insidePlot(pixel, options.plot) ? valueAt(pixel, options) : null, options.owner);
}

function endDrag(drag: Drag | null, pixel: number, options: GestureOptions): void {
  if (drag?.kind !== 'box') return;
  if (Math.abs(pixel - drag.start) < clickSlackPx) {
    options.onPick?.(valueAt(pixel, options));
    return;
  }
  const from = valueAt(drag.start, options);
  const to = valueAt(pixel, options);
  const next = clampRange({ low: Math.min(from, to), high: Math.max(from, to) }, options.full);
  options.onRangeChange?.(asZoom(next, options.full));
}

function wheel(event: WheelEvent, element: HTMLElement, options: GestureOptions): void {
  if (!options.onRangeChange) return;
  const pixel = event.clientX - element.getBoundingClientRect().left;
  if (!insidePlot(pixel, options.plot)) return;
  event.preventDefault();
  const { range, full } = options;
  const lines = event.deltaMode === 1 ? 24 : 1;
  const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
  const next = sideways
    ? panRange(range, full, (event.deltaX * lines) / options.plot.width)
    : zoomRange(range, full, valueAt(pixel, options), wheelZoom ** (event.deltaY * lines));
  options.onRangeChange(asZoom(next, full));
}

/** True when the key meant something here. */
function pressKey(event: KeyboardEvent<HTMLElement>, options: GestureOptions): boolean {
  const { range, full, crosshair, onRangeChange } = options;
  const change = (next: Range) => onRangeChange?.(asZoom(next, full));
  const middle = crosshair.get().x ?? (range.low + range.high) / 2;
  switch (event.key) {
    case '+':
    case '=':
      change(zoomRange(range, full, middle, keyZoom));
      return true;
    case '-':
    case '_':
      change(zoomRange(range, full, middle, 1 / keyZoom));
      return true;
    case '0':
      onRangeChange?.(null);
      return true;
    case 'l':
    case 'L':
      options.onToggleScale?.();
      return options.onToggleScale !== undefined;
    case 'Enter':
    case ' ':
      if (crosshair.get().x !== null) options.onPick?.(middle);
      return options.onPick !== undefined;
    case 'Escape':
      if (crosshair.get().x === null) return false;
      crosshair.set(null);
      return true;
    case 'ArrowLeft':
    case 'ArrowRight':
      pressArrow(event.key === 'ArrowRight' ? 1 : -1, event.shiftKey, options);
      return true;
    default:
      return false;
  }
}

/** Arrows pan a zoomed chart; on an unzoomed one, or with Shift, they move the read-out. */
function pressArrow(direction: 1 | -1, shift: boolean, options: GestureOptions): void {
  const { range, full, crosshair, onRangeChange, stepFrom } = options;
  if (!shift && onRangeChange && asZoom(range, full)) {
    onRangeChange(asZoom(panRange(range, full, direction * keyPan), full));
    return;
  }
  const from = crosshair.get().x;
  const width = range.high - range.low;
  const fallback = (from ?? range.low + width / 2) + (direction * width) / 50;
  const next = stepFrom ? stepFrom(from, direction) : fallback;
  crosshair.set(Math.min(range.high, Math.max(range.low, next)), options.owner, true);
}
