/** Runs in one picture: accuracy against size. */
import { ChartFrame, formatDelta, ScatterStrip, type StripPoint } from '../../charts/index.js';
import type { RunSummary } from '../../host/contract.js';
import { accuracyChange, commonWeightBits, toggleRun } from '../../host/index.js';
import { formatBytes, formatShare } from '../../ui/index.js';
import { runColor } from '../curves/index.js';

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
          color: runColor(run),
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
  const points = sizePoints(runs, drawn);
  const float = runs.find((run) => run.result)?.result?.floatAccuracy;
  const table = () => ({
    columns: ['run', 'packed bytes', 'accuracy after training'],
    rows: points.map((point) => [point.title, point.x, point.y]),
  });
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
