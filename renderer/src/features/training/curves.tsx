/** Loss and accuracy of the overlaid runs. */
import { useCallback, useMemo, useState } from 'react';
import {
  ChartFrame,
  formatFixed,
  formatShort,
  Legend,
  LineChart,
  type LineSeries,
  leftOutCount,
  type ScaleKind,
  seriesStyle,
  ToolToggle,
  useZoom,
} from '../../charts/index.js';
import type { RunSummary } from '../../host/contract.js';
import type { SeriesByRun } from '../../host/index.js';
import { formatNumber, formatShare, plural } from '../../ui/index.js';
import { accuracyTable, lossTable } from './tables.js';

export interface CurvesProps {
  runs: readonly RunSummary[];
  series: SeriesByRun;
}

const smoothingWeight = 0.9;
const shareBounds = { low: 0, high: 1 };

function useLines(
  { runs, series }: CurvesProps,
  pointsOf: (series: SeriesByRun[string]) => LineSeries['points'],
): LineSeries[] {
  return useMemo(
    () =>
      runs.map((run, index) => {
        const found = series[run.id];
        return { id: run.id, label: run.name, ...seriesStyle(index), points: found ? pointsOf(found) : [] };
      }),
    [runs, series, pointsOf],
  );
}

const lossPoints = (series: SeriesByRun[string]) =>
  series.steps.map(({ step, loss }) => ({ x: step, y: loss }));
const accuracyPoints = (series: SeriesByRun[string]) =>
  series.evaluations.map(({ epoch, testAccuracy }) => ({ x: epoch, y: testAccuracy }));

/** The axis reaches to the end of the longest run, so that a live line grows into it. */
function useReach(runs: readonly RunSummary[], lengthOf: (run: RunSummary) => number) {
  const high = Math.max(1, ...runs.map(lengthOf));
  return useMemo(() => ({ low: 0, high }), [high]);
}

const stepsOf = (run: RunSummary) => run.progress.stepsTotal;
const epochsOf = (run: RunSummary) => run.training.epochs;

export function LossChart(props: CurvesProps) {
  const [scale, setScale] = useState<ScaleKind>('linear');
  const [smoothed, setSmoothed] = useState(true);
  const [range, setRange] = useZoom();
  const lines = useLines(props, lossPoints);
  const reach = useReach(props.runs, stepsOf);
  const toggle = useCallback(() => setScale((now) => (now === 'log' ? 'linear' : 'log')), []);
  const table = useMemo(() => () => lossTable(props.runs, props.series), [props.runs, props.series]);
  const missing = leftOutCount(lines, scale);
  const summary = lines
    .map(
      (line) =>
        `${line.label}: ${line.points.length === 0 ? 'no points yet' : formatNumber(line.points.at(-1)?.y ?? 0, 3)}`,
    )
    .join(', ');
  return (
    <ChartFrame
      title="Loss"
      subtitle={smoothed ? `EMA ${smoothingWeight}` : 'as recorded'}
      note={missing > 0 ? `${plural(missing, 'point')} ≤ 0 not shown` : null}
      summary={`Training loss by step. Last values: ${summary}.`}
      table={table}
      scale={scale}
      onScaleChange={setScale}
      zoomed={range !== null}
      onResetZoom={() => setRange(null)}
      tools={
        <ToolToggle label="Smooth with an exponential moving average" on={smoothed} onChange={setSmoothed}>
          EMA
        </ToolToggle>
      }
      legend={lines.length > 1 ? <Legend items={lines} /> : null}
    >
      <LineChart
        label={`Training loss by step. ${summary}`}
        series={lines}
        scale={scale}
        onToggleScale={toggle}
        xLabel="step"
        integerX
        formatY={(y) => formatNumber(y, 4)}
        smoothing={smoothed ? smoothingWeight : 0}
        xRange={reach}
        range={range}
        onRangeChange={setRange}
        group="training step"
      />
    </ChartFrame>
  );
}

export function AccuracyChart(props: CurvesProps) {
  const [range, setRange] = useZoom();
  const lines = useLines(props, accuracyPoints);
  const reach = useReach(props.runs, epochsOf);
  const table = useMemo(() => () => accuracyTable(props.runs, props.series), [props.runs, props.series]);
  const float = props.runs.find((run) => run.result)?.result?.floatAccuracy;
  const goals = useMemo(
    () => (float === undefined ? [] : [{ y: float, label: `float ${formatShare(float, 2)}` }]),
    [float],
  );
  const summary = lines
    .map(
      (line) =>
        `${line.label}: ${line.points.length === 0 ? 'none yet' : formatShare(line.points.at(-1)?.y ?? 0, 2)}`,
    )
    .join(', ');
  return (
    <ChartFrame
      title="Test accuracy"
      subtitle="by epoch"
      summary={`Test accuracy by epoch. Last values: ${summary}.`}
      table={table}
      zoomed={range !== null}
      onResetZoom={() => setRange(null)}
      legend={lines.length > 1 ? <Legend items={lines} /> : null}
    >
      <LineChart
        label={`Test accuracy by epoch. ${summary}`}
        series={lines}
        scale="linear"
        xLabel="epoch"
        integerX
        formatX={(x) => formatShort(x, 3)}
        formatY={(y) => formatShare(y, 2)}
        formatTick={(y) => `${formatFixed(y * 100, 0)} %`}
        markers
        bounds={shareBounds}
        xRange={reach}
        goals={goals}
        range={range}
        onRangeChange={setRange}
        group="training epoch"
      />
    </ChartFrame>
  );
}
