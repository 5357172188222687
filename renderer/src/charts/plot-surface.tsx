/**
 * The area a chart is drawn in: measures itself, takes the gestures, and shows cross-hair, drag box
 * and read-out above the drawing. Moving the pointer redraws only those, never the chart.
 */
import { type ReactNode, useCallback, useId, useLayoutEffect, useRef } from 'react';
import './charts.css';
import { type CrosshairStore, useCrosshair, useCrosshairStore } from './crosshair.js';
import { type Margins, type PlotBox, plotBox, type Size } from './geometry.js';
import { markerPath } from './markers.js';
import type { MarkerShape } from './theme.js';
import type { Range } from './ticks.js';
import { usePlotGestures } from './use-plot-gestures.js';
import { useSize } from './use-size.js';

export interface ReadoutLine {
  label: string;
  value: string;
  /** Swatch of the series this line belongs to. */
  color?: string | undefined;
  dash?: string | undefined;
  /** Pixel height of a dot on the cross-hair. */
  dotY?: number | undefined;
}

export interface Readout {
  /** Where the cross-hair snaps to, in units of the x axis. */
  x: number;
  title: string;
  lines: readonly ReadoutLine[];
}

export interface PlotSurfaceProps {
  /** What is drawn, for who cannot see it. */
  label: string;
  margins: Margins;
  range: Range;
  full: Range;
  onRangeChange?: ((range: Range | null) => void) | undefined;
  onPick?: ((x: number) => void) | undefined;
  onToggleScale?: (() => void) | undefined;
  stepFrom?: ((x: number | null, direction: 1 | -1) => number) | undefined;
  readout: (x: number, plot: PlotBox) => Readout | null;
  /** Charts of one group share their cross-hair. */
  group?: string | undefined;
  /** Draws the chart; called when size or content change. */
  children: (size: Size, plot: PlotBox) => ReactNode;
}

export function PlotSurface(props: PlotSurfaceProps) {
  const [sizeRef, size] = useSize();
  const crosshair = useCrosshairStore(props.group);
  const hintId = useId();
  const plot = plotBox(size ?? { width: 1, height: 1 }, props.margins);
  const gestures = usePlotGestures({ ...props, plot, crosshair, owner: hintId });
  const zooms = props.onRangeChange !== undefined;
  const gestureRef = gestures.ref;
  // By hand: React detaches and attaches again a ref that changes.
  const ref = useCallback(
    (element: HTMLDivElement | null) => {
      sizeRef(element);
      gestureRef(element);
    },
    [sizeRef, gestureRef],
  );
  return (
    <div
      className={zooms ? 'chart-surface chart-surface-zooms' : 'chart-surface'}
      ref={ref}
      role="application"
      aria-label={props.label}
      aria-describedby={hintId}
      aria-roledescription="chart"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the chart is operated by keyboard (zoom, pan, read-out)
      tabIndex={0}
      {...gestures.handlers}
    >
      <span id={hintId} className="chart-hidden">
        {zooms
          ? 'Plus and minus zoom, arrows pan or move the read-out, Shift with arrows moves the read-out, 0 resets.'
          : 'Arrows move the read-out.'}
      </span>
      {size && size.width > 0 && size.height > 0 ? props.children(size, plot) : null}
      {gestures.box ? (
        <div
          className="chart-box"
          style={{
            left: Math.min(gestures.box.from, gestures.box.to),
            width: Math.abs(gestures.box.to - gestures.box.from),
            top: plot.y,
            height: plot.height,
          }}
        />
      ) : null}
      <CrosshairLayer
        store={crosshair}
        owner={hintId}
        plot={plot}
        range={props.range}
        readout={props.readout}
      />
    </div>
  );
}

interface CrosshairLayerProps {
  store: CrosshairStore;
  owner: string;
  plot: PlotBox;
  range: Range;
  readout: (x: number, plot: PlotBox) => Readout | null;
}

/** The box keeps clear of the pointer and inside the chart. */
const readoutGapPx = 12;

function CrosshairLayer({ store, owner, plot, range, readout }: CrosshairLayerProps) {
  const { x, spoken, owner: pointedAt } = useCrosshair(store);
  const shown = x === null || x < range.low || x > range.high ? null : readout(x, plot);
  const pixel = shown ? plot.x + ((shown.x - range.low) / (range.high - range.low || 1)) * plot.width : 0;
  if (!shown || pixel < plot.x - 1 || pixel > plot.x + plot.width + 1) {
    return <div className="chart-hidden" aria-live="polite" />;
  }
  return (
    <>
      <div className="chart-crosshair" style={{ left: pixel, top: plot.y, height: plot.height }} />
      {shown.lines.map((line) =>
        line.dotY === undefined || !Number.isFinite(line.dotY) ? null : (
          <div
            key={line.label}
            className="chart-crosshair-dot"
            style={{ left: pixel, top: line.dotY, borderColor: line.color }}
          />
        ),
      )}
      {pointedAt === owner ? <ReadoutBox readout={shown} pixel={pixel} top={plot.y + 6} /> : null}
      <div className="chart-hidden" aria-live="polite">
        {spoken && pointedAt === owner
          ? `${shown.title}: ${shown.lines.map((line) => `${line.label} ${line.value}`).join(', ')}`
          : ''}
      </div>
    </>
  );
}

interface ReadoutBoxProps {
  readout: Readout;
  pixel: number;
  top: number;
}

/** Right of the cross-hair where there is room inside the view, else left, else against the view's edge. */
function placeReadout(box: HTMLElement, pixel: number): void {
  const surface = box.parentElement?.getBoundingClientRect();
  if (!surface) return;
  const view = (box.closest('main') ?? document.documentElement).getBoundingClientRect();
  const width = box.offsetWidth;
  const right = pixel + readoutGapPx;
  const left = pixel - readoutGapPx - width;
  const fitsRight = surface.left + right + width <= view.right;
  const place = fitsRight ? right : Math.max(left, view.left - surface.left + 2);
  box.style.left = `${Math.round(place)}px`;
}

function ReadoutBox({ readout, pixel, top }: ReadoutBoxProps) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (box.current) placeReadout(box.current, pixel);
  });
  return (
    <div ref={box} className="chart-readout" style={{ top }}>
      <div className="chart-readout-title">{readout.title}</div>
      {readout.lines.map((line) => (
        <div className="chart-readout-line" key={line.label}>
          <span>
            {line.color ? <Swatch color={line.color} dash={line.dash} /> : null}
            {line.label}
          </span>
          <b>{line.value}</b>
        </div>
      ))}
    </div>
  );
}

interface SwatchProps {
  color: string;
  dash?: string | undefined;
  marker?: MarkerShape | undefined;
}

/** A short piece of the series' own line, with its marker. */
export function Swatch({ color, dash, marker }: SwatchProps) {
  return (
    <svg className="chart-swatch" width="22" height="8" aria-hidden="true">
      <line x1="1" x2="21" y1="4" y2="4" stroke={color} strokeWidth="1.8" strokeDasharray={dash} />
      {marker ? <path d={markerPath(marker, 11, 4, 3)} fill={color} fillRule="evenodd" /> : null}
    </svg>
  );
}
