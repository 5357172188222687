/** Whose weights and which row are looked at. */
import { type LayerLens, lookAtRow, lookAtRun, runState, useProject } from '../../host/index.js';
import { NumberField, SegmentedControl, Select, StateDot } from '../../ui/index.js';

const model = 'model';
const noRuns: readonly never[] = [];

export function LensBar({ lens }: { lens: LayerLens }) {
  const runs = useProject((state) => state.project?.runs ?? noRuns);
  const { layer, row, run } = lens;
  if (!layer) return null;
  const options = [
    { value: model, label: 'the model (float)', hint: 'as loaded' },
    ...runs
      .filter((candidate) => candidate.configuration[layer.name])
      .map((candidate) => ({ value: candidate.id, label: candidate.name, hint: runState(candidate).word }))
      .reverse(),
  ];
  return (
    <div className="flex min-w-0 shrink-0 flex-wrap items-center gap-2 text-sm whitespace-nowrap text-ink2">
      <span>Weights of</span>
      <div className="w-44 min-w-0">
        <Select
          label="Whose weights"
          value={run?.id ?? model}
          options={options}
          onChange={(value) => lookAtRun(value === model ? null : value)}
        />
      </div>
      {run?.state === 'running' ? (
        <span className="flex items-center gap-1.5">
          <StateDot tone="accent" label="Live" />
          live, epoch {run.progress.epoch.toFixed(1)}
        </span>
      ) : null}
      <span className="flex-1" />
      <span className="flex items-center gap-2">
        <span>Output channels</span>
        <SegmentedControl
          label="Output channels"
          value={row === null ? 'all' : 'one'}
          segments={[
            { value: 'all', label: `all ${layer.rows}` },
            { value: 'one', label: 'one' },
          ]}
          onChange={(value) => lookAtRow(layer.name, value === 'all' ? null : (row ?? 0))}
          className="min-w-32"
        />
        {row === null ? null : (
          <div className="relative w-16 [&_[role=alert]]:absolute [&_[role=alert]]:top-full [&_[role=alert]]:right-0 [&_[role=alert]]:z-10 [&_[role=alert]]:rounded-md [&_[role=alert]]:border [&_[role=alert]]:border-bad [&_[role=alert]]:bg-bg2 [&_[role=alert]]:px-2 [&_[role=alert]]:py-0.5 [&_[role=alert]]:whitespace-nowrap">
            <NumberField
              label="Output channel"
              value={row}
              min={0}
              max={layer.rows - 1}
              integer
              onChange={(value) => lookAtRow(layer.name, value)}
            />
          </div>
        )}
      </span>
    </div>
  );
}
