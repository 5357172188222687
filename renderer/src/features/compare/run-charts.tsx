/** Runs over each other: accuracy against size, accuracy by epoch, loss by step. */
import { useMemo } from 'react';
import {
  ChartFrame,
  formatDelta,
  formatShort,
  type LineSeries,
  ScatterStrip,
  SeriesFrame,
  type StripPoint,
  seriesStyle,
} from '../../charts/index.js';
import type { RunSummary } from '../../host/contract.js';
import {
  accuracyChange,
  accuracyPoints,
  commonWeightBits,
  lossPoints,
  reachOf,
  type SeriesByRun,
  toggleRun,
} from '../../host/index.js';
import { bitsColor, formatBytes, formatNumber, formatShare } from '../../ui/index.js';

interface CurvesProps {
  runs: readonly RunSummary[];
  series: SeriesByRun;
  className?: string;
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

export function LossCurves(props: CurvesProps) {
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
      group="compare step"
      className={props.className}
    />
  );
}

export function AccuracyCurves(props: CurvesProps) {
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
      group="compare epoch"
      className={props.className}
    />
  );
}

/** One point per finished run, ascending in size; the picked ones emphasized. */
export function sizePoints(runs: readonly RunSummary[], drawn: readonly RunSummary[]): StripPoint[] {
  const chosen = new Set(drawn.map((run) => run.id));
  return runs
    .flatMap((run): StripPoint[] => {
      const { result } = run;
      if (!result) return [];
      const bits = commonWeightBits(run.configuration);
      return [
        {
          id: run.id,
          x: result.packedBytes,
          y: result.accuracyAfter,
          color: bits === null ? 'var(--accent)' : bitsColor(bits),
          marker: bits === null ? 'diamond' : 'circle',
          emphasis: chosen.has(run.id),
          text: run.name.length > 18 ? `${run.name.slice(0, 17)}…` : run.name,
          title: run.name,
          lines: [
            { label: 'after training', value: formatShare(result.accuracyAfter, 2) },
            { label: 'against float', value: `${formatDelta(accuracyChange(run), 2)} pt` },
            { label: 'packed', value: formatBytes(result.packedBytes) },
            { label: 'bits/weight', value: result.effectiveBits.toFixed(2) },
          ],
        },
      ];
    })
    .sort((a, b) => a.x - b.x);
}

export function AccuracyBySize({
  runs,
  drawn,
}: {
  runs: readonly RunSummary[];
  drawn: readonly RunSummary[];
}) {
  const points = useMemo(() => sizePoints(runs, drawn), [runs, drawn]);
  const float = runs.find((run) => run.result)?.result?.floatAccuracy;
  const table = useMemo(
    () => () => ({
      columns: ['run', 'packed bytes', 'accuracy after training'],
      rows: points.map((point) => [point.title, point.x, point.y]),
    }),
    [points],
  );
  const words = points
    .map((point) => `${point.title} ${formatBytes(point.x)} ${formatShare(point.y, 2)}`)
    .join(', ');
  return (
    <ChartFrame
      title="Accuracy by size"
      subtitle="after training"
      summary={`Accuracy after training against packed size: ${words}.`}
      table={table}
      empty={
        points.length === 0
          ? { title: 'No finished run yet', text: 'A run appears here when its training has ended.' }
          : null
      }
    >
      <ScatterStrip
        label={`Accuracy after training against packed size. ${words}`}
        points={points}
        radius={3.5}
        formatX={formatBytes}
        percent
        baseline={float}
        baselineLabel={float === undefined ? undefined : `float ${formatShare(float, 2)}`}
        onPick={({ id }) => toggleRun(id)}
      />
    </ChartFrame>
  );
}
