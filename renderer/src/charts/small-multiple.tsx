/**
 * One of several small histograms on the same axes, with the error at each value as a strip below it.
 * The owner gives all of them the same ranges; that is what makes them comparable.
 */
import { formatNumber, formatShare } from '../ui/format.js';
import { formatBin, tickFormatter } from './format.js';
import type { Margins, PlotBox, Size } from './geometry.js';
import {
  type Bins,
  binEdges,
  binIndex,
  coarseFactor,
  coarser,
  countDomain,
  type StepPoint,
  stepPoints,
  valueTicks,
  visiblePeak,
} from './histogram-data.js';
import { circle, round } from './markers.js';
import { PlotSurface, type Readout } from './plot-surface.js';
import { chartColors, chartFont } from './theme.js';
import { makeScale, type Range, type Scale, type ScaleKind, ticksInside } from './ticks.js';

export interface SmallMultipleProps {
  label: string;
  bins: Bins;
  /** Counts of the second series on the same edges, drawn in `color` on its own height. */
  over: readonly number[];
  overLabel: string;
  /** Mean difference in each bin; NaN where there is nothing. */
  strip: readonly number[];
  stripLabel: string;
  /** Half height of the strip's axis: the same for all multiples. */
  stripLimit: number;
  color: string;
  scale: ScaleKind;
  range: Range;
  total: number;
  /** Positions of the levels, drawn as ticks under the histogram. */
  levels: readonly number[];
  onPick?: (() => void) | undefined;
  group?: string | undefined;
}

const stripPx = 40;
const gapPx = 12;
const margins: Margins = { top: 4, right: 2, bottom: 20 + stripPx + gapPx, left: 2 };
const tickPx = 5;
/** Bins narrower than this are summed: on so few pixels they would only flicker. */
const smallestBinPx = 2;

export function SmallMultiple(props: SmallMultipleProps) {
  const { bins, over, overLabel, strip, stripLabel, color, total } = props;
  const readout = (x: number): Readout | null => {
    const bin = binIndex(bins, x);
    if (bin < 0) return null;
    const [low, high] = binEdges(bins, bin);
    const share = (count: number) => formatShare(total > 0 ? count / total : 0, 2);
    const error = strip[bin];
    return {
      x: (low + high) / 2,
      title: formatBin(low, high, bin === bins.counts.length - 1),
      lines: [
        { label: 'w', value: share(bins.counts[bin] ?? 0), color: chartColors.neutral },
        { label: overLabel, value: share(over[bin] ?? 0), color },
        { label: stripLabel, value: error === undefined ? '–' : formatNumber(error, 3) },
      ],
    };
  };
  return (
    <PlotSurface
      label={props.label}
      margins={margins}
      range={props.range}
      full={props.range}
      readout={readout}
      onPick={props.onPick}
      group={props.group}
    >
      {(size, plot) => <SmallPlot {...props} size={size} plot={plot} />}
    </PlotSurface>
  );
}

function SmallPlot(props: SmallMultipleProps & { size: Size; plot: PlotBox }) {
  const { scale, range, color, size, plot } = props;
  const visibleBins = plot.width * ((props.bins.high - props.bins.low) / (range.high - range.low || 1));
  const factor = coarseFactor(props.bins.counts.length, visibleBins, smallestBinPx);
  const bins = { ...props.bins, counts: coarser(props.bins.counts, factor) };
  const over = coarser(props.over, factor);
  const points = stepPoints(bins, over, scale);
  const counts = countDomain(visiblePeak(bins, bins.counts, range), scale);
  const overs = countDomain(visiblePeak(bins, over, range), scale);
  const x = makeScale('linear', [range.low, range.high], plot.x, plot.x + plot.width);
  const fitting = valueTicks(range, plot.width * 1.2);
  const ticks = ticksInside(fitting, x, size.width, tickFormatter(fitting));
  const format = tickFormatter(ticks);
  const yCount = makeScale(scale, counts, plot.height, 0);
  const yOver = makeScale(scale, overs, plot.height, 0);
  const xInside = makeScale('linear', [range.low, range.high], 0, plot.width);
  const bottom = plot.y + plot.height;
  // Its own drawing, not one of the chart library's: four of these change with every selected layer.
  return (
    <svg
      aria-hidden="true"
      className="chart-drawing recharts-surface"
      width={size.width}
      height={size.height}
      viewBox={`0 0 ${size.width} ${size.height}`}
    >
      <svg x={plot.x} y={plot.y} width={plot.width} height={plot.height} aria-hidden="true">
        <path d={stepArea(points, 'y', xInside, yCount)} fill={chartColors.neutral} fillOpacity={0.34} />
        <path
          d={stepArea(points, 'over', xInside, yOver)}
          fill={color}
          fillOpacity={0.5}
          stroke={color}
          strokeOpacity={0.8}
          strokeWidth={0.8}
        />
      </svg>
      <path d={`M${plot.x} ${bottom}h${plot.width}`} stroke={chartColors.line} />
      {ticks.map((tick) => (
        <text
          key={tick}
          x={round(x(tick))}
          y={bottom + 17}
          textAnchor="middle"
          fill={chartColors.tick}
          fontSize={chartFont.tickSize}
          fontFamily={chartFont.family}
        >
          {format(tick)}
        </text>
      ))}
      <Strip {...props} x={x} />
    </svg>
  );
}

/** A closed path of steps, each from one bin's edge to the next. */
function stepArea(points: readonly StepPoint[], series: 'y' | 'over', x: Scale, y: Scale): string {
  const first = points[0];
  if (!first) return '';
  const floor = round(y(y.domain[0]));
  let path = `M${round(x(first.x))} ${floor}`;
  for (const point of points) path += `H${round(x(point.x))}V${round(y(point[series]))}`;
  return `${path}V${floor}Z`;
}

function Strip(props: SmallMultipleProps & { plot: PlotBox; size: Size; x: Scale }) {
  const { bins, strip, stripLimit, color, plot, size, levels, range, x } = props;
  const top = size.height - stripPx - 2;
  const middle = top + stripPx / 2;
  const y = makeScale('linear', [-stripLimit, stripLimit], top + stripPx, top);
  let dots = '';
  let beyond = '';
  strip.forEach((error, index) => {
    const [low, high] = binEdges(bins, index);
    const at = (low + high) / 2;
    if (!Number.isFinite(error) || at < range.low || at > range.high) return;
    const pixel = y(error);
    if (pixel < top) beyond += circle(x(at), top, 0.8);
    else if (pixel > top + stripPx) beyond += circle(x(at), top + stripPx, 0.8);
    else dots += circle(x(at), pixel, 1.15);
  });
  const ticks = levels
    .filter((level) => level >= range.low && level <= range.high)
    .map((level) => `M${round(x(level))} ${plot.y + plot.height}v${-tickPx}`)
    .join('');
  return (
    <g>
      {levels.length <= 64 ? <path d={ticks} stroke={color} strokeWidth={1.4} /> : null}
      <path d={`M${plot.x} ${round(middle)}h${plot.width}`} stroke={chartColors.line} />
      <path d={dots} fill={color} />
      {/* The errors of the far tails go on outside: faint marks at the edge, not a line of values. */}
      <path d={beyond} fill={color} fillOpacity={0.4} />
    </g>
  );
}
