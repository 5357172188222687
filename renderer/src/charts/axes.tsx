/** Axes and grid alike in every chart: hairlines, few round ticks, figures in the monospace face. */
import { CartesianGrid, XAxis, YAxis } from 'recharts';
import { tickFormatter } from './format.js';
import { chartColors, chartFont } from './theme.js';
import type { ScaleKind } from './ticks.js';

const tickStyle = {
  fill: chartColors.tick,
  fontSize: chartFont.tickSize,
  fontFamily: chartFont.family,
};
const noTooltipPadding = { top: 0, bottom: 0 };

interface AxisProps {
  domain: readonly [number, number];
  ticks: readonly number[];
  format?: ((value: number) => string) | undefined;
  scale?: ScaleKind | undefined;
  /** Room for ticks and label, CSS pixels. */
  room: number;
  label?: string | undefined;
}

const asNumbers = (values: readonly number[]) => [...values];

/** Recharts finds axes by element type, so these are functions that return the elements, not components. */
export function xAxis({ domain, ticks, format, scale = 'linear', room, label }: AxisProps) {
  return (
    <XAxis
      dataKey="x"
      type="number"
      scale={scale}
      domain={[domain[0], domain[1]]}
      ticks={asNumbers(ticks)}
      tickFormatter={format ?? tickFormatter(ticks)}
      interval={0}
      height={room}
      allowDataOverflow
      tickLine={false}
      tickSize={0}
      tickMargin={9}
      tick={tickStyle}
      axisLine={{ stroke: chartColors.line }}
      {...(label
        ? {
            label: {
              value: label,
              position: 'insideBottomRight',
              offset: 0,
              ...tickStyle,
              textAnchor: 'end',
            },
          }
        : {})}
    />
  );
}

export function yAxis(props: AxisProps & { side?: 'left' | 'right'; id?: string; color?: string }) {
  const { domain, ticks, format, scale = 'linear', room, side = 'left', id, color } = props;
  return (
    <YAxis
      {...(id === undefined ? {} : { yAxisId: id })}
      orientation={side}
      type="number"
      scale={scale}
      domain={[domain[0], domain[1]]}
      ticks={asNumbers(ticks)}
      tickFormatter={format ?? tickFormatter(ticks)}
      interval={0}
      width={room}
      padding={noTooltipPadding}
      allowDataOverflow
      tickLine={false}
      tickSize={0}
      tickMargin={7}
      tick={color ? { ...tickStyle, fill: color } : tickStyle}
      axisLine={false}
    />
  );
}

export function gridLines() {
  return <CartesianGrid vertical={false} syncWithTicks stroke={chartColors.line} strokeOpacity={0.6} />;
}
