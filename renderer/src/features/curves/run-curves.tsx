/** Loss by step and accuracy by epoch of several runs over each other, for every view that shows runs. */
import { formatShort, Legend, type LineSeries, SeriesFrame } from '../../charts/index.js';
import type { RunSummary } from '../../host/contract.js';
import { accuracyPoints, lossPoints, reachOf, type SeriesByRun } from '../../host/index.js';
import { formatNumber, formatShare } from '../../ui/index.js';
import { runMarks } from './run-marks.js';
import { runStyles } from './run-style.js';

export interface RunCurvesProps {
  runs: readonly RunSummary[];
  series: SeriesByRun;
  /** Views that share a cross-hair have the same. */
  group: string;
  className?: string | undefined;
}

const smoothingWeight = 0.9;
const shareBounds = { low: 0, high: 1 };

function namedLines(runs: readonly RunSummary[]) {
  const styles = runStyles(runs);
  return runs.flatMap((run, index) => {
    const style = styles[index];
    return style ? [{ id: run.id, label: run.name, ...style }] : [];
  });
}

function linesOf({ runs, series }: RunCurvesProps, pointsOf: typeof lossPoints): LineSeries[] {
  return namedLines(runs).map((line) => ({ ...line, points: pointsOf(series[line.id]) }));
}

/** One legend for the curves below it: the same run looks the same in each. */
export function RunLegend({ runs }: Pick<RunCurvesProps, 'runs'>) {
  if (runs.length < 2) return null;
  return <Legend items={namedLines(runs)} className="!-my-1 px-0.5" />;
}

export function LossCurves(props: RunCurvesProps) {
  const lines = linesOf(props, lossPoints);
  const { steps } = reachOf(props.runs);
  const reach = { low: 0, high: steps };
  return (
    <SeriesFrame
      title="Training loss"
      series={lines}
      xLabel="step"
      formatY={(y) => formatNumber(y, 4)}
      smoothing={smoothingWeight}
      logarithmic
      xRange={reach}
      marks={runMarks(props.runs, 'step')}
      group={`${props.group} step`}
      legend={false}
      className={props.className}
    />
  );
}

export function AccuracyCurves(props: RunCurvesProps) {
  const lines = linesOf(props, accuracyPoints);
  const { epochs } = reachOf(props.runs);
  const reach = { low: 0, high: epochs };
  const float = props.runs.find((run) => run.result)?.result?.floatAccuracy;
  const goals = float === undefined ? [] : [{ y: float, label: `float ${formatShare(float, 2)}` }];
  return (
    <SeriesFrame
      title="Test accuracy"
      series={lines}
      xLabel="epoch"
      formatX={(x) => formatShort(x, 3)}
      formatY={(y) => formatShare(y, 2)}
      percent
      markers
      bounds={shareBounds}
      xRange={reach}
      goals={goals}
      marks={runMarks(props.runs, 'epoch')}
      group={`${props.group} epoch`}
      legend={false}
      className={props.className}
    />
  );
}
