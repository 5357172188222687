/** Training: the run in progress, its curves, the layers' diagnostics, and all runs so far. */
import { ChartActionsProvider } from '../../charts/index.js';
import type { RunSummary } from '../../host/contract.js';
import { activeRun, chartHost, useProject, useSelection, useSeries } from '../../host/index.js';
import { ScrollArea } from '../../ui/index.js';
import { AccuracyCurves, LossCurves, RunLegend } from '../curves/index.js';
import { Diagnostics } from './diagnostics.js';
import { RunHeader } from './run-header.js';
import { RunTable } from './run-table.js';
import { StartCard } from './start-card.js';

const noRuns: readonly RunSummary[] = [];
const maxOverlaid = 8;

/** The run the header and the diagnostics are about: the one training, else the one picked or started last. */
export function focusedRun(runs: readonly RunSummary[], picked: readonly string[]): RunSummary | undefined {
  const active = activeRun(runs);
  if (active) return active;
  const lastPicked = runs.find((run) => run.id === picked[picked.length - 1]);
  return lastPicked ?? runs[runs.length - 1];
}

/** The runs drawn over each other: the picked ones and the focused one, which comes first. */
export function overlaidRuns(runs: readonly RunSummary[], picked: readonly string[]): RunSummary[] {
  const focus = focusedRun(runs, picked);
  if (!focus) return [];
  const others = runs.filter((run) => run.id !== focus.id && picked.includes(run.id));
  return [focus, ...others].slice(0, maxOverlaid);
}

export function TrainingView() {
  const runs = useProject((state) => state.project?.runs ?? noRuns);
  const picked = useSelection((state) => state.runs);
  const overlaid = overlaidRuns(runs, picked);
  const ids = overlaid.map((run) => run.id);
  const series = useSeries(ids);
  const focus = overlaid[0];
  if (!focus) return <StartCard />;
  return (
    <ChartActionsProvider value={chartHost}>
      <ScrollArea className="@container flex flex-1 flex-col gap-2.5 px-3.5 py-2.5">
        <RunHeader run={focus} />
        <RunLegend runs={overlaid} />
        <div className="grid min-h-60 flex-[1.3_1_0] grid-cols-2 gap-2.5 @max-[36rem]:min-h-[26rem] @max-[36rem]:grid-cols-1">
          <LossCurves runs={overlaid} series={series} group="training" />
          <AccuracyCurves runs={overlaid} series={series} group="training" />
        </div>
        <Diagnostics run={focus} series={series[focus.id]} />
        <RunTable runs={runs} focus={focus} />
      </ScrollArea>
    </ChartActionsProvider>
  );
}
