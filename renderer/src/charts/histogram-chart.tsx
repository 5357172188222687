/** An exact histogram as a step area, with levels and limits standing on it. */
import { createContext, useContext } from 'react';
import { Area, AreaChart, ZIndexLayer } from 'recharts';
import { formatCount, formatShare } from '../ui/format.js';
import { gridLines, xAxis, yAxis } from './axes.js';
import { formatBin, formatCompact } from './format.js';
import type { Margins, PlotBox, Size } from './geometry.js';
import {
  type Bins,
  binEdges,
  binIndex,
  codeTicks,
  countDomain,
  countTicks,
  stepPoints,
  valueTicks,
  visiblePeak,
} from './histogram-data.js';
import {
  countPixel,
  HistogramOverlay,
  type LevelMarks,
  type LimitMark,
  limitRoomPx,
} from './histogram-overlay.js';
import { PlotSurface, type Readout, type ReadoutLine } from './plot-surface.js';
import { chartColors } from './theme.js';
import { makeScale, type Range, type Scale, type ScaleKind } from './ticks.js';

export interface OverlaySeries {
  label: string;
  /** On the same edges as the bins. */
  counts: readonly number[];
  color: string;
}

export interface HistogramChartProps {
  /** Spoken name of the chart. */
  label: string;
  bins: Bins;
  /** Sum of all counts, for percentages: the visible bins may be a part of it. */
  total: number;
  /** Name of one counted thing: `weights`. */
  unit: string;
  scale: ScaleKind;
  onToggleScale?: (() => void) | undefined;
  /** Visible values; null = all of `full`. */
  range: Range | null;
  full: Range;
  onRangeChange?: ((range: Range | null) => void) | undefined;
  over?: OverlaySeries | undefined;
  levels?: LevelMarks | undefined;
  limits?: readonly LimitMark[] | undefined;
  color?: string | undefined;
  /** Further lines of the read-out for a bin. */
  details?: ((bin: number, x: number) => readonly ReadoutLine[]) | undefined;
  /** Whole numbers on the x axis: codes. */
  integerX?: boolean | undefined;
  formatX?: ((x: number) => string) | undefined;
  xTitle?: ((bin: number) => string) | undefined;
  group?: string | undefined;
}

const noLimits: readonly LimitMark[] = [];
const axisRoom = 44;
/** Recharts puts graphical items on layer 100. */
const overlayLayer = 150;

export function HistogramChart(props: HistogramChartProps) {
  const { bins, over, scale, full, total, unit, details, xTitle } = props;
  const range = props.range ?? full;
  const hasLimits = (props.limits?.length ?? 0) > 0;
  const margins = {
    top: hasLimits ? limitRoomPx + 2 : 10,
    right: over ? axisRoom : 12,
    bottom: 24,
    left: axisRoom,
  };
  const domains = axesOf(bins, over, scale, range);

  const readout = (x: number, plot: PlotBox): Readout | null => {
    const bin = binIndex(bins, x);
    if (bin < 0) return null;
    const [low, high] = binEdges(bins, bin);
    const count = bins.counts[bin] ?? 0;
    const bottom = plot.y + plot.height;
    const y = makeScale(scale, domains.count, bottom, plot.y);
    const lines: ReadoutLine[] = [
      {
        label: unit,
        value: `${formatCount(count)} · ${formatShare(total > 0 ? count / total : 0, 2)}`,
        color: props.color ?? chartColors.neutral,
        dotY: countPixel(y, count),
      },
    ];
    if (over) {
      const overCount = over.counts[bin] ?? 0;
      const share = formatShare(total > 0 ? overCount / total : 0, 2);
      lines.push({ label: over.label, value: `${formatCount(overCount)} · ${share}`, color: over.color });
    }
    const title = xTitle?.(bin) ?? formatBin(low, high, bin === bins.counts.length - 1);
    return { x: (low + high) / 2, title, lines: [...lines, ...(details?.(bin, x) ?? [])] };
  };

  const stepFrom = (x: number | null, direction: 1 | -1) => {
    const from = x === null ? Math.floor(bins.counts.length / 2) : binIndex(bins, x);
    const next = Math.min(bins.counts.length - 1, Math.max(0, from + (x === null ? 0 : direction)));
    const [low, high] = binEdges(bins, next);
    return (low + high) / 2;
  };

  const { levels } = props;
  const limits = props.limits ?? noLimits;
  const standing = { levels, limits };
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
        <Standing.Provider value={standing}>
          <HistogramPlot
            size={size}
            plot={plot}
            margins={margins}
            bins={bins}
            over={over}
            scale={scale}
            range={range}
            domains={domains}
            color={props.color ?? chartColors.neutral}
            integerX={props.integerX ?? false}
            formatX={props.formatX}
          />
        </Standing.Provider>
      )}
    </PlotSurface>
  );
}

interface Domains {
  count: [number, number];
  over: [number, number];
}

/** Linear: the second series has an axis of its own, for its few bins are far higher. Log: one for both. */
function axesOf(bins: Bins, over: OverlaySeries | undefined, scale: ScaleKind, range: Range): Domains {
  const peak = visiblePeak(bins, bins.counts, range);
  const overPeak = over ? visiblePeak(bins, over.counts, range) : 0;
  if (scale === 'log') {
    const both = countDomain(Math.max(peak, overPeak), 'log');
    return { count: both, over: both };
  }
  return { count: countDomain(peak, 'linear'), over: countDomain(overPeak, 'linear') };
}

interface StandingMarks {
  levels: LevelMarks | undefined;
  limits: readonly LimitMark[];
}

/** Levels and limits go past the chart library: moving them with the bits must not redraw the histogram. */
const Standing = createContext<StandingMarks>({ levels: undefined, limits: [] });

function StandingOverlay(props: { bins: Bins; plot: PlotBox; x: Scale; y: Scale }) {
  return <HistogramOverlay {...props} {...useContext(Standing)} />;
}

interface HistogramPlotProps {
  size: Size;
  plot: PlotBox;
  margins: Margins;
  bins: Bins;
  over: OverlaySeries | undefined;
  scale: ScaleKind;
  range: Range;
  domains: Domains;
  color: string;
  integerX: boolean;
  formatX: ((x: number) => string) | undefined;
}

function HistogramPlot(props: HistogramPlotProps) {
  const { size, plot, margins, bins, over, scale, range, domains } = props;
  const points = stepPoints(bins, over?.counts, scale);
  const x = makeScale('linear', [range.low, range.high], plot.x, plot.x + plot.width);
  const y = makeScale(scale, domains.count, plot.y + plot.height, plot.y);
  const target = Math.max(2, Math.min(8, Math.floor(plot.height / 48)));
  return (
    <AreaChart
      width={size.width}
      height={size.height}
      data={points}
      margin={{ top: margins.top, right: over ? 0 : margins.right, bottom: 0, left: 0 }}
      accessibilityLayer={false}
    >
      {gridLines()}
      {xAxis({
        domain: [range.low, range.high],
        ticks: props.integerX ? codeTicks(range, plot.width) : valueTicks(range, plot.width),
        format: props.formatX,
        room: margins.bottom,
      })}
      {yAxis({
        domain: domains.count,
        ticks: countTicks(domains.count, scale, target),
        format: formatCompact,
        scale,
        room: margins.left,
      })}
      {over
        ? yAxis({
            id: 'over',
            side: 'right',
            color: over.color,
            domain: domains.over,
            ticks: countTicks(domains.over, scale, target),
            format: formatCompact,
            scale,
            room: margins.right,
          })
        : null}
      <Area
        type="stepAfter"
        dataKey="y"
        baseValue={domains.count[0]}
        fill={props.color}
        fillOpacity={0.42}
        stroke={props.color}
        strokeOpacity={0.75}
        strokeWidth={1}
        isAnimationActive={false}
        dot={false}
        activeDot={false}
      />
      {over ? (
        <Area
          yAxisId="over"
          type="stepAfter"
          dataKey="over"
          baseValue={domains.over[0]}
          fill={over.color}
          fillOpacity={0.22}
          stroke={over.color}
          strokeWidth={1.2}
          isAnimationActive={false}
          dot={false}
          activeDot={false}
        />
      ) : null}
      <ZIndexLayer zIndex={overlayLayer}>
        <StandingOverlay bins={bins} plot={plot} x={x} y={y} />
      </ZIndexLayer>
    </AreaChart>
  );
}
