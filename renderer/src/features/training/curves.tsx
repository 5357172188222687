/** Loss and accuracy of the overlaid runs. */
import { useMemo } from 'react';
import { formatShort, type LineSeries, SeriesFrame, seriesStyle } from '../../charts/index.js';
import type { RunSummary } from '../../host/contract.js';
import { accuracyPoints, lossPoints, reachOf, type SeriesByRun } from '../../host/index.js';
import { formatNumber, formatShare } from '../../ui/index.js';

export interface CurvesProps {
  runs: readonly RunSummary[];
  series: SeriesByRun;
}

const smoothingWeight = 0.9;
const shareBounds = { low: 0, high: 1 };

function useLines({ runs, series }: CurvesProps, pointsOf: typeof lossPoints): LineSeries[] {
  return useMemo(
    () =>
      runs.map((run, index) => ({
        id: run.id,
        label: run.name,
        ...seriesStyle(index),
        points: pointsOf(series[run.id]),
      })),
    [runs, series, pointsOf],
  );
}

export function LossChart(props: CurvesProps) {
  const lines = useLines(props, lossPoints);
  const { steps } = reachOf(props.runs);
  const reach = useMemo(() => ({ low: 0, high: steps }), [steps]);
  return (
    <SeriesFrame
      title="Loss"
      series={lines}
      xLabel="step"
      formatY={(y) => formatNumber(y, 4)}
      smoothing={smoothingWeight}
      logarithmic
      xRange={reach}
      group="training step"
    />
  );
}

export function AccuracyChart(props: CurvesProps) {
  const lines = useLines(props, accuracyPoints);
  const { epochs } = reachOf(props.runs);
  const reach = useMemo(() => ({ low: 0, high: epochs }), [epochs]);
  const float = props.runs.find((run) => run.result)?.result?.floatAccuracy;
  const goals = useMemo(
    () => (float === undefined ? [] : [{ y: float, label: `float ${formatShare(float, 2)}` }]),
    [float],
  );
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
      group="training epoch"
    />
  );
}
