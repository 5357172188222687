/** Points over x, each its own thing: rows, bit-widths, runs. All markers of one look are one element. */
import { ComposedChart, ZIndexLayer } from 'recharts';
import { gridLines, xAxis, yAxis } from './axes.js';
import { percentFormatter, tickFormatter } from './format.js';
import type { Margins, PlotBox, Size } from './geometry.js';
import { alongLine, type Box, clearestPlace, labelBox, placeLabels } from './labels.js';
import { yTicks } from './line-data.js';
import { markerPath, round } from './markers.js';
import { PlotSurface, type Readout, type ReadoutLine } from './plot-surface.js';
import { extent, nearestIndex } from './series.js';
import { chartColors, chartFont, type MarkerShape } from './theme.js';
import { fittingTicks, integerTicks, makeScale, niceTicks, type Range, type Scale } from './ticks.js';

export interface StripPoint {
  id: string;
  x: number;
  y: number;
  color: string;
  marker?: MarkerShape | undefined;
  /** Larger, with an outline in the ink's colour. */
  emphasis?: boolean | undefined;
  /** Written beside the point. */
  text?: string | undefined;
  title: string;
  lines: readonly ReadoutLine[];
}

export interface ScatterStripProps {
  label: string;
  /** Ascending in x. */
  points: readonly StripPoint[];
  /** Join the points with a thin line. */
  joined?: boolean | undefined;
  radius?: number | undefined;
  integerX?: boolean | undefined;
  xTicks?: readonly number[] | undefined;
  /** Axis limits; by default what the points need. */
  xDomain?: Range | undefined;
  yDomain?: Range | undefined;
  /** A horizontal line: zero error. */
  baseline?: number | undefined;
  baselineLabel?: string | undefined;
  formatX?: ((x: number) => string) | undefined;
  /** Shares 0–1, with ticks in percent. */
  percent?: boolean | undefined;
  range?: Range | null | undefined;
  onRangeChange?: ((range: Range | null) => void) | undefined;
  onPick?: ((point: StripPoint) => void) | undefined;
  group?: string | undefined;
}

const margins: Margins = { top: 10, right: 22, bottom: 24, left: 56 };
const pointsLayer = 150;

function padded(range: Range | null, share: number): Range {
  if (!range) return { low: 0, high: 1 };
  const air = (range.high - range.low) * share || Math.abs(range.high) * 0.1 || 0.5;
  return { low: range.low - air, high: range.high + air };
}

export function ScatterStrip(props: ScatterStripProps) {
  const { points, baseline, onPick } = props;
  const full = props.xDomain ?? padded(extent(points.map((point) => point.x)), 0.06);
  const values = points.map((point) => point.y);
  const domain =
    props.yDomain ?? padded(extent(baseline === undefined ? values : [...values, baseline]), 0.1);
  const range = props.range ?? full;

  const readout = (x: number, plot: PlotBox): Readout | null => {
    const point = points[nearestIndex(points, x)];
    if (!point) return null;
    const y = makeScale('linear', [domain.low, domain.high], plot.y + plot.height, plot.y);
    const [first, ...rest] = point.lines;
    const lines = first ? [{ ...first, color: point.color, dotY: y(point.y) }, ...rest] : [];
    return { x: point.x, title: point.title, lines };
  };
  const stepFrom = (x: number | null, direction: 1 | -1) => {
    const from = x === null ? Math.floor(points.length / 2) : nearestIndex(points, x) + direction;
    return points[Math.min(points.length - 1, Math.max(0, from))]?.x ?? range.low;
  };
  const pick = (x: number) => {
    const point = points[nearestIndex(points, x)];
    if (point) onPick?.(point);
  };

  return (
    <PlotSurface
      label={props.label}
      margins={margins}
      range={range}
      full={full}
      onRangeChange={props.onRangeChange}
      onPick={onPick ? pick : undefined}
      stepFrom={stepFrom}
      readout={readout}
      group={props.group}
    >
      {(size, plot) => <StripPlot {...props} size={size} plot={plot} xRange={range} yRange={domain} />}
    </PlotSurface>
  );
}

interface StripPlotProps extends ScatterStripProps {
  size: Size;
  plot: PlotBox;
  xRange: Range;
  yRange: Range;
}

function StripPlot(props: StripPlotProps) {
  const { size, plot, xRange, yRange } = props;
  const x = makeScale('linear', [xRange.low, xRange.high], plot.x, plot.x + plot.width);
  const y = makeScale('linear', [yRange.low, yRange.high], plot.y + plot.height, plot.y);
  const format = props.formatX;
  const xTicks = fittingTicks(
    xRange,
    props.integerX ? integerTicks : niceTicks,
    plot.width,
    (ticks) => format ?? tickFormatter(ticks),
  );
  const ticks = yTicks([yRange.low, yRange.high], 'linear', plot.height);
  return (
    <ComposedChart
      width={size.width}
      height={size.height}
      margin={{ top: margins.top, right: margins.right, bottom: 0, left: 0 }}
      accessibilityLayer={false}
    >
      {gridLines()}
      {xAxis({
        domain: [xRange.low, xRange.high],
        ticks: props.xTicks ?? xTicks,
        format: props.formatX,
        room: margins.bottom,
      })}
      {yAxis({
        domain: [yRange.low, yRange.high],
        ticks,
        format: props.percent ? percentFormatter(ticks) : undefined,
        room: margins.left,
      })}
      <ZIndexLayer zIndex={pointsLayer}>
        <Points {...props} scaleX={x} scaleY={y} />
      </ZIndexLayer>
    </ComposedChart>
  );
}

function Points(props: PointsProps) {
  const { points, plot, xRange, scaleX, scaleY, baseline, radius = 2.5 } = props;
  const visible = points.filter((point) => point.x >= xRange.low && point.x <= xRange.high);
  const text = { fontSize: chartFont.tickSize, fontFamily: chartFont.family, fill: chartColors.tick };
  const halo = { stroke: chartColors.surface, strokeWidth: 3, paintOrder: 'stroke' };
  const right = plot.x + plot.width;
  const baselineText = baselineLabel(props);
  const labels = pointLabels(props, visible, baselineText ? [labelBox(baselineText)] : []);
  return (
    <g>
      {baseline === undefined ? null : (
        <path
          d={`M${plot.x} ${round(scaleY(baseline))}H${right}`}
          stroke={chartColors.tick}
          strokeDasharray={props.baselineLabel ? '6 4' : undefined}
          fill="none"
        />
      )}
      {baselineText ? (
        <text x={baselineText.x} y={baselineText.y} textAnchor={baselineText.anchor} {...halo} {...text}>
          {baselineText.text}
        </text>
      ) : null}
      {props.joined ? (
        <path
          d={visible.map((p, i) => `${i ? 'L' : 'M'}${round(scaleX(p.x))} ${round(scaleY(p.y))}`).join('')}
          stroke={chartColors.accent}
          strokeWidth={1.6}
          fill="none"
        />
      ) : null}
      {byLook(visible).map(({ color, path, key }) => (
        <path
          key={key}
          d={path(scaleX, scaleY, radius)}
          fill={color}
          // Only rings have holes; overlapping markers of another shape must not cut each other out.
          fillRule={key.endsWith(' ring') ? 'evenodd' : 'nonzero'}
        />
      ))}
      {visible
        .filter((point) => point.emphasis)
        .map((point) => (
          <path
            key={point.id}
            d={markerPath(point.marker ?? 'circle', scaleX(point.x), scaleY(point.y), radius * 1.7)}
            fill={point.color}
            fillRule="evenodd"
            stroke={chartColors.ink}
            strokeWidth={1.5}
          />
        ))}
      {labels.map(({ id, text: words, ...place }) => (
        <text key={id} x={round(place.x)} y={round(place.y)} textAnchor={place.anchor} {...halo} {...text}>
          {words}
        </text>
      ))}
    </g>
  );
}

type PointsProps = StripPlotProps & { scaleX: Scale; scaleY: Scale };

/** At the end of the line that is farther from the points near it. */
function baselineLabel({ baseline, baselineLabel: label, points, plot, scaleX, scaleY }: PointsProps) {
  if (baseline === undefined || !label) return null;
  const inside = {
    left: 0,
    top: 0,
    right: plot.x + plot.width + margins.right,
    bottom: plot.y + plot.height,
  };
  const markers = points.map((point) => [{ x: scaleX(point.x), y: scaleY(point.y) }]);
  return clearestPlace(alongLine(label, scaleY(baseline), plot), { inside, paths: markers });
}

function pointLabels(props: PointsProps, visible: readonly StripPoint[], obstacles: readonly Box[]) {
  const { plot, scaleX, scaleY, joined, radius = 2.5 } = props;
  const named = visible.map((point) => ({
    id: point.id,
    x: scaleX(point.x),
    y: scaleY(point.y),
    text: point.text ?? '',
    first: point.emphasis,
    radius: point.emphasis ? radius * 1.7 : radius,
  }));
  const inside = {
    left: plot.x,
    top: 0,
    right: plot.x + plot.width + margins.right,
    bottom: plot.y + plot.height,
  };
  const options = { inside, obstacles, joined: joined ?? false };
  return placeLabels(named, options).filter(({ text }) => text !== '');
}

interface Look {
  key: string;
  color: string;
  path(x: Scale, y: Scale, radius: number): string;
}

/** Points of the same colour and shape become one path. */
function byLook(points: readonly StripPoint[]): Look[] {
  const looks = new Map<string, StripPoint[]>();
  for (const point of points) {
    const key = `${point.color} ${point.marker ?? 'circle'}`;
    const group = looks.get(key);
    if (group) group.push(point);
    else looks.set(key, [point]);
  }
  return [...looks].map(([key, group]) => ({
    key,
    color: group[0]?.color ?? chartColors.accent,
    path: (x, y, radius) =>
      group.map((point) => markerPath(point.marker ?? 'circle', x(point.x), y(point.y), radius)).join(''),
  }));
}
