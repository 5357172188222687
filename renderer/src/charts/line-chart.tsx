/** Lines over a common x: linear or log, smoothed on request and then said so, one cross-hair per group. */
import { useRef, useState } from 'react';
import { ComposedChart, Line, ZIndexLayer } from 'recharts';
import { gridLines, xAxis, yAxis } from './axes.js';
import { formatShort, percentFormatter, tickFormatter } from './format.js';
import type { Margins, PlotBox, Size } from './geometry.js';
import { alongLine, besideLine, clearestPlace, labelBox, type Place } from './labels.js';
import {
  type DrawnLine,
  drawnLine,
  type LineSeries,
  pointAt,
  snapX,
  xExtent,
  yDomain,
  yTicks,
} from './line-data.js';
import { markerPath, round } from './markers.js';
import { PlotSurface, type Readout, type ReadoutLine } from './plot-surface.js';
import { thinToPixels } from './series.js';
import { chartColors, chartFont } from './theme.js';
import {
  fittingTicks,
  integerTicks,
  makeScale,
  niceTicks,
  type Range,
  type Scale,
  type ScaleKind,
} from './ticks.js';

export interface VerticalMark {
  x: number;
  label: string;
}

export interface HorizontalMark {
  y: number;
  label: string;
}

export interface LineChartProps {
  label: string;
  series: readonly LineSeries[];
  scale: ScaleKind;
  onToggleScale?: (() => void) | undefined;
  /** Name of the x axis, also in the read-out. */
  xLabel: string;
  formatX?: ((x: number) => string) | undefined;
  formatY?: ((y: number) => string) | undefined;
  /** Shares 0–1, with ticks in percent. */
  percent?: boolean | undefined;
  /** Weight of the past in the moving average, 0 = none. */
  smoothing?: number | undefined;
  /** Draw a marker at every point: only for short lines. */
  markers?: boolean | undefined;
  /** Whole numbers on the x axis: epochs, steps. */
  integerX?: boolean | undefined;
  /** Limits the y axis never passes: 0 and 1 for shares. */
  bounds?: { low?: number; high?: number } | undefined;
  /** Show at least this much of x, so that a growing line does not rescale at every point. */
  xRange?: Range | undefined;
  marks?: readonly VerticalMark[] | undefined;
  /** Lines to compare with, kept inside the y axis. */
  goals?: readonly HorizontalMark[] | undefined;
  range: Range | null;
  onRangeChange: (range: Range | null) => void;
  group?: string | undefined;
}

const plainMargins: Margins = { top: 8, right: 12, bottom: 24, left: 52 };
/** The label of a line to compare with stands above it, also when it is the highest value. */
const goalMargins: Margins = { ...plainMargins, top: 18 };
const marksLayer = 150;
const maxMarkers = 64;
/** A mark's text may lie on so much of a curve; the summary names the mark in any case. */
const markCoverPx = 16;
const noMarks: readonly VerticalMark[] = [];
const noGoals: readonly HorizontalMark[] = [];

export function LineChart(props: LineChartProps) {
  const { series, scale, xRange, formatX, formatY, xLabel } = props;
  const smoothing = props.smoothing ?? 0;
  const steady = useSteady(series);
  const lines = steady.map((line) => drawnLine(line, smoothing, scale));
  const data = xExtent(lines);
  const full = xRange
    ? { low: Math.min(data.low, xRange.low), high: Math.max(data.high, xRange.high) }
    : data;
  const range = props.range ?? full;
  const lowBound = props.bounds?.low;
  const highBound = props.bounds?.high;
  const goals = props.goals ?? noGoals;
  const margins = goals.length > 0 ? goalMargins : plainMargins;
  const domain = yDomain(lines, range, scale, { low: lowBound, high: highBound }, goals);

  const readout = (x: number, plot: PlotBox): Readout | null => {
    const at = snapX(lines, x);
    if (at === null) return null;
    const y = makeScale(scale, domain, plot.y + plot.height, plot.y);
    return {
      x: at,
      title: `${xLabel} ${(formatX ?? formatShort)(at)}`,
      lines: lines.flatMap((line) => linesAt(line, at, formatY ?? formatShort, y)),
    };
  };
  const stepFrom = (x: number | null, direction: 1 | -1) => {
    if (x === null) return snapX(lines, (range.low + range.high) / 2) ?? range.low;
    const all = lines.flatMap((line) => line.points.map((point) => point.x)).sort((a, b) => a - b);
    const next = direction > 0 ? all.find((value) => value > x) : all.findLast((value) => value < x);
    return next ?? x;
  };

  return (
    <PlotSurface
      label={props.label}
      margins={margins}
      range={range}
      full={full}
      onRangeChange={props.onRangeChange}
      onToggleScale={props.onToggleScale}
      stepFrom={stepFrom}
      readout={readout}
      group={props.group}
    >
      {(size, plot) => (
        <LinePlot
          size={size}
          plot={plot}
          margins={margins}
          lines={lines}
          domain={domain}
          scale={scale}
          range={range}
          percent={props.percent ?? false}
          integerX={props.integerX ?? false}
          markers={props.markers ?? false}
          marks={props.marks ?? noMarks}
          goals={goals}
        />
      )}
    </PlotSurface>
  );
}

/** The series of before while they draw the same: a chart whose data stand still is not drawn again. */
function useSteady(series: readonly LineSeries[]): readonly LineSeries[] {
  const last = useRef(series);
  const same =
    series.length === last.current.length &&
    series.every((line, index) => {
      const old = last.current[index];
      return (
        old?.points === line.points &&
        old.id === line.id &&
        old.label === line.label &&
        old.color === line.color &&
        old.dash === line.dash &&
        old.marker === line.marker
      );
    });
  if (!same) last.current = series;
  return last.current;
}

function linesAt(
  line: DrawnLine,
  x: number,
  format: (y: number) => string,
  y: (value: number) => number,
): ReadoutLine[] {
  const point = pointAt(line.points, x);
  if (!point) return [];
  const raw = line.smoothed ? pointAt(line.raw, x) : null;
  const value = raw ? `${format(point.y)} (recorded ${format(raw.y)})` : format(point.y);
  return [{ label: line.label, value, color: line.color, dash: line.dash, dotY: y(point.y) }];
}

interface LinePlotProps {
  size: Size;
  plot: PlotBox;
  margins: Margins;
  lines: readonly DrawnLine[];
  domain: [number, number];
  scale: ScaleKind;
  range: Range;
  percent: boolean;
  integerX: boolean;
  markers: boolean;
  marks: readonly VerticalMark[];
  goals: readonly HorizontalMark[];
}

function LinePlot(props: LinePlotProps) {
  const { size, plot, margins, lines, domain, scale, range } = props;
  const { low, high } = range;
  const drawn = lines.map((line) => ({
    line,
    points: thinToPixels(line.points, low, high, plot.width),
    raw: line.smoothed ? thinToPixels(line.raw, low, high, plot.width) : null,
  }));
  const make = props.integerX ? integerTicks : niceTicks;
  const xTicks = fittingTicks({ low, high }, make, plot.width, tickFormatter);
  const ticks = yTicks(domain, scale, plot.height);
  return (
    <ComposedChart
      width={size.width}
      height={size.height}
      margin={{ top: margins.top, right: margins.right, bottom: 0, left: 0 }}
      accessibilityLayer={false}
    >
      {gridLines()}
      {xAxis({ domain: [range.low, range.high], ticks: xTicks, room: margins.bottom })}
      {yAxis({
        domain,
        ticks,
        format: props.percent ? percentFormatter(ticks) : undefined,
        scale,
        room: margins.left,
      })}
      {drawn.map(({ line, raw }) => (raw ? plainLine(line, raw, `${line.id}-raw`, 0.28) : null))}
      {drawn.map(({ line, points }) => plainLine(line, points, line.id, 1))}
      <ZIndexLayer zIndex={marksLayer}>
        <Marks {...props} />
      </ZIndexLayer>
    </ComposedChart>
  );
}

function plainLine(line: DrawnLine, points: DrawnLine['points'], key: string, opacity: number) {
  return (
    <Line
      key={key}
      data={points}
      dataKey="y"
      type="linear"
      stroke={line.color}
      strokeOpacity={opacity}
      strokeWidth={opacity < 1 ? 1 : 1.6}
      {...(line.dash && opacity === 1 ? { strokeDasharray: line.dash } : {})}
      isAnimationActive={false}
      dot={false}
      activeDot={false}
    />
  );
}

/** Markers of short lines, vertical marks, and lines to compare with. */
function Marks(props: LinePlotProps) {
  const { plot, lines, domain, scale, range, markers, goals } = props;
  const x = makeScale('linear', [range.low, range.high], plot.x, plot.x + plot.width);
  const y = makeScale(scale, domain, plot.y + plot.height, plot.y);
  const visible = (point: { x: number }) => point.x >= range.low && point.x <= range.high;
  const marks = props.marks.filter(visible);
  return (
    <g>
      {marks.map((mark) => (
        <path
          key={`${mark.label}-${mark.x}`}
          className="chart-mark"
          d={`M${round(x(mark.x))} ${plot.y}v${plot.height}`}
          stroke={chartColors.tick}
          strokeDasharray="2 3"
          fill="none"
        />
      ))}
      {goals.map((goal) => (
        <path
          key={`${goal.label}-${goal.y}`}
          d={`M${plot.x} ${round(y(goal.y))}h${plot.width}`}
          stroke={chartColors.tick}
          strokeDasharray="6 4"
          fill="none"
        />
      ))}
      {markTexts(props, marks, x, y).map((place) => (
        <text
          key={`${place.text} ${place.x} ${place.y}`}
          x={round(place.x)}
          y={round(place.y)}
          textAnchor={place.anchor}
          fontSize={chartFont.tickSize}
          fontFamily={chartFont.family}
          fill={chartColors.tick}
          stroke={chartColors.surface}
          strokeWidth={3}
          paintOrder="stroke"
        >
          {place.text}
        </text>
      ))}
      {lines.map((line) => {
        const points = line.points.filter(visible);
        if (points.length > (markers ? maxMarkers : 1)) return null;
        const shape = line.marker ?? 'circle';
        const path = points.map((point) => markerPath(shape, x(point.x), y(point.y), 3)).join('');
        return (
          <path
            key={line.id}
            d={path}
            fill={line.color}
            fillRule={shape === 'ring' ? 'evenodd' : 'nonzero'}
          />
        );
      })}
    </g>
  );
}

/** The texts of marks and goals, each where the fewest curves pass behind it; one without room is left to the summary. */
function markTexts(props: LinePlotProps, marks: readonly VerticalMark[], x: Scale, y: Scale): Place[] {
  const { plot, lines, goals, size } = props;
  const inside = { left: plot.x, top: 0, right: size.width, bottom: plot.y + plot.height };
  const curves = lines.map((line) =>
    thinToPixels(line.points, props.range.low, props.range.high, plot.width).map((point) => ({
      x: x(point.x),
      y: y(point.y),
    })),
  );
  const goalLines = goals.map((goal) => [
    { x: plot.x, y: y(goal.y) },
    { x: plot.x + plot.width, y: y(goal.y) },
  ]);
  const markLines = marks.map((mark) => [
    { x: x(mark.x), y: plot.y },
    { x: x(mark.x), y: plot.y + plot.height },
  ]);
  const placed: Place[] = [];
  const put = (places: readonly Place[], paths: typeof curves, mostPx?: number) => {
    const place = clearestPlace(places, {
      inside,
      paths,
      taken: placed.map(labelBox),
      ...(mostPx === undefined ? {} : { mostPx }),
    });
    if (place) placed.push(place);
  };
  for (const goal of goals) {
    put(alongLine(goal.label, y(goal.y), plot), [...curves, ...markLines]);
  }
  for (const mark of marks) {
    const others = markLines.filter((_, index) => marks[index]?.x !== mark.x);
    put(besideLine(mark.label, x(mark.x), plot), [...curves, ...goalLines, ...others], markCoverPx);
  }
  return placed;
}

/** Zoom kept by the chart's owner when nobody else needs it. */
export function useZoom(): [Range | null, (range: Range | null) => void] {
  return useState<Range | null>(null);
}
