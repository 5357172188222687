/** What stands on a histogram: lines for levels, dots where they meet it, dashed lines at the limits. */
import type { PlotBox } from './geometry.js';
import { type Bins, binIndex } from './histogram-data.js';
import { circle, round } from './markers.js';
import { chartColors, chartFont } from './theme.js';
import { logCountFloor, type Scale } from './ticks.js';

export interface LevelMarks {
  /** Ascending positions on the x axis. */
  values: readonly number[];
  color: string;
}

export interface LimitMark {
  value: number;
  label: string;
}

/** More lines than this hide the histogram: they become a rug of short ticks on the axis. */
export const maxLevelLines = 64;
const rugPx = 9;
const dotRadiusPx = 3;
/** The labels of the limits stand above the plot, where no level crosses them. */
export const limitRoomPx = 16;

interface OverlayProps {
  bins: Bins;
  levels: LevelMarks | undefined;
  limits: readonly LimitMark[];
  plot: PlotBox;
  x: Scale;
  y: Scale;
}

export function HistogramOverlay(props: OverlayProps) {
  return (
    <g className="chart-overlay">
      {props.levels ? <Levels {...props} levels={props.levels} /> : null}
      <Limits limits={props.limits} plot={props.plot} x={props.x} />
    </g>
  );
}

/** One path for all lines and one for all dots: 64 levels cost two elements. */
function Levels({ bins, levels, plot, x, y }: OverlayProps & { levels: LevelMarks }) {
  const bottom = plot.y + plot.height;
  const visible = levels.values.filter((value) => value >= x.domain[0] && value <= x.domain[1]);
  if (levels.values.length > maxLevelLines && visible.length > maxLevelLines) {
    const rug = visible.map((value) => `M${round(x(value))} ${bottom}v${-rugPx}`).join('');
    return <path className="chart-levels" d={rug} stroke={levels.color} strokeWidth={1} fill="none" />;
  }
  const lines: string[] = [];
  const dots: string[] = [];
  for (const value of visible) {
    const at = round(x(value));
    lines.push(`M${at} ${bottom}V${plot.y}`);
    const count = bins.counts[binIndex(bins, value)] ?? 0;
    const top = round(Math.max(plot.y, y(Math.max(count, y.domain[0], 0))));
    dots.push(circle(at, Math.min(bottom, top), dotRadiusPx));
  }
  return (
    <>
      <path
        className="chart-levels"
        d={lines.join('')}
        stroke={levels.color}
        strokeWidth={1.2}
        strokeOpacity={0.85}
        fill="none"
      />
      <path className="chart-level-dots" d={dots.join('')} fill={levels.color} stroke={chartColors.surface} />
    </>
  );
}

function Limits({ limits, plot, x }: Pick<OverlayProps, 'limits' | 'plot' | 'x'>) {
  const shown = limits.filter(({ value }) => value >= x.domain[0] && value <= x.domain[1]);
  return shown.map(({ value, label }, index) => {
    const at = round(x(value));
    // The label turns inwards where it would leave the plot, and outwards otherwise.
    const roomNeeded = label.length * chartFont.tickSize * 0.62 + 8;
    const wantsLeft = index === 0 && shown.length > 1;
    const left = wantsLeft ? at - plot.x > roomNeeded : plot.x + plot.width - at < roomNeeded;
    return (
      <g key={label}>
        <path
          d={`M${at} ${plot.y - limitRoomPx + 2}V${plot.y + plot.height}`}
          stroke={chartColors.bad}
          strokeDasharray="4 4"
          fill="none"
        />
        <text
          x={left ? at - 5 : at + 5}
          y={plot.y - 4}
          textAnchor={left ? 'end' : 'start'}
          fill={chartColors.label}
          stroke={chartColors.surface}
          strokeWidth={3}
          paintOrder="stroke"
          fontSize={chartFont.tickSize}
          fontFamily={chartFont.family}
        >
          {label}
        </text>
      </g>
    );
  });
}

/** Where a count stands on its axis; 0 on the floor of a log axis. */
export function countPixel(y: Scale, count: number): number {
  return y(Math.max(count, y.domain[0] === logCountFloor ? logCountFloor : 0));
}
