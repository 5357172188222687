/** A card with lines over a common x: smoothing, logarithm, zoom, legend, table and picture in one. */
import { type ReactNode, useState } from 'react';
import { plural } from '../ui/format.js';
import { ChartFrame, ToolToggle } from './chart-frame.js';
import { formatShort } from './format.js';
import { Legend } from './legend.js';
import { type HorizontalMark, LineChart, useZoom, type VerticalMark } from './line-chart.js';
import { type LineSeries, leftOutCount, linesTable } from './line-data.js';
import type { Range, ScaleKind } from './ticks.js';

export interface SeriesFrameProps {
  title: string;
  subtitle?: string | undefined;
  series: readonly LineSeries[];
  xLabel: string;
  formatX?: ((x: number) => string) | undefined;
  formatY: (y: number) => string;
  /** Shares 0–1, with ticks in percent. */
  percent?: boolean | undefined;
  /** Weight of the past in the moving average; offers a switch, on at first. */
  smoothing?: number | undefined;
  /** Offers a logarithmic y axis. */
  logarithmic?: boolean | undefined;
  markers?: boolean | undefined;
  bounds?: { low?: number; high?: number } | undefined;
  xRange?: Range | undefined;
  goals?: readonly HorizontalMark[] | undefined;
  /** Where something begins. */
  marks?: readonly VerticalMark[] | undefined;
  group?: string | undefined;
  /** False where the legend stands elsewhere. */
  legend?: boolean | undefined;
  tools?: ReactNode;
  className?: string | undefined;
}

export function SeriesFrame(props: SeriesFrameProps) {
  const { title, series, smoothing, xLabel, formatY } = props;
  const [scale, setScale] = useState<ScaleKind>('linear');
  const [smoothed, setSmoothed] = useState(smoothing !== undefined);
  const [range, setRange] = useZoom();
  const toggleScale = () => setScale((now) => (now === 'log' ? 'linear' : 'log'));
  const table = () => linesTable(xLabel, series);
  const missing = leftOutCount(series, scale);
  const last = series.map((line) => {
    const point = line.points.at(-1);
    return `${line.label} ${point ? formatY(point.y) : 'no points yet'}`;
  });
  const marks = (props.marks ?? []).map((mark) => ` From ${xLabel} ${formatShort(mark.x)}: ${mark.label}.`);
  const summary = `${title} by ${xLabel}. Last: ${last.join(', ')}.${marks.join('')}`;
  const average =
    smoothing !== undefined && smoothed ? `by ${xLabel} · EMA ${formatShort(smoothing)}` : `by ${xLabel}`;
  return (
    <ChartFrame
      title={title}
      subtitle={props.subtitle ?? average}
      note={missing > 0 ? `${plural(missing, 'value')} ≤ 0 not shown` : null}
      summary={summary}
      table={table}
      scale={props.logarithmic ? scale : undefined}
      onScaleChange={setScale}
      zoomed={range !== null}
      onResetZoom={() => setRange(null)}
      tools={
        <>
          {props.tools}
          {smoothing === undefined ? null : (
            <ToolToggle
              label={`EMA: smooth with an exponential moving average, weight ${smoothing}`}
              on={smoothed}
              onChange={setSmoothed}
            >
              EMA
            </ToolToggle>
          )}
        </>
      }
      legend={props.legend !== false && series.length > 1 ? <Legend items={series} /> : null}
      className={props.className}
    >
      <LineChart
        label={summary}
        series={series}
        scale={scale}
        onToggleScale={props.logarithmic ? toggleScale : undefined}
        xLabel={xLabel}
        integerX
        formatX={props.formatX}
        formatY={formatY}
        percent={props.percent}
        smoothing={smoothing !== undefined && smoothed ? smoothing : 0}
        markers={props.markers}
        bounds={props.bounds}
        xRange={props.xRange}
        goals={props.goals}
        marks={props.marks}
        range={range}
        onRangeChange={setRange}
        group={props.group}
      />
    </ChartFrame>
  );
}
