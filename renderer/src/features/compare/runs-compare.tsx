/** The table of runs, their curves over each other, and accuracy against size. */
import { Columns3 } from 'lucide-react';
import type { ReactNode } from 'react';
import { CopyTable } from '../../charts/index.js';
import type { RunSummary } from '../../host/contract.js';
import { selectRuns, showTab, useProject, useSelection, useSeries } from '../../host/index.js';
import {
  Button,
  Card,
  Checkbox,
  DataTable,
  EmptyState,
  plural,
  rawTable,
  sortRows,
  useSort,
} from '../../ui/index.js';
import { AccuracyCurves, LossCurves, RunLegend } from '../curves/index.js';
import { useCompare } from './compare-store.js';
import { AccuracyBySize } from './run-charts.js';
import {
  deltaColumns,
  differing,
  leadingColumns,
  type RunColumn,
  resultColumns,
  settingColumns,
} from './run-columns.js';

const noRuns: readonly RunSummary[] = [];
const noLayers: readonly string[] = [];
/** Overlaid when nothing is picked: the newest. */
const drawnUnasked = 4;
const maxDrawn = 8;

export function drawnRuns(runs: readonly RunSummary[], picked: readonly string[]): RunSummary[] {
  const chosen = runs.filter((run) => picked.includes(run.id));
  return chosen.length > 0 ? chosen.slice(-maxDrawn) : runs.slice(-drawnUnasked);
}

/** All columns of the table; with `differencesOnly` those on which the compared runs differ. */
export function tableColumns(options: {
  rows: readonly RunSummary[];
  picked: readonly string[];
  baseline: RunSummary | undefined;
  differencesOnly: boolean;
  layers: readonly string[];
}): RunColumn[] {
  const { rows, picked, baseline, differencesOnly, layers } = options;
  const leading = leadingColumns(new Set(picked), baseline?.id ?? null);
  const deltas = baseline ? deltaColumns(baseline) : [];
  if (!differencesOnly) {
    const at = resultColumns.findIndex((column) => column.id === 'change') + 1;
    const left = resultColumns.slice(0, at).map((column) => makingRoom(column, deltas));
    const right = resultColumns.slice(at).map((column) => makingRoom(column, deltas));
    return [...leading, ...left, ...deltas, ...right];
  }
  const chosen = rows.filter((run) => picked.includes(run.id));
  const compared = chosen.length > 1 ? chosen : rows;
  return [...leading, ...differing([...resultColumns, ...deltas, ...settingColumns(layers)], compared)];
}

const saidByDeltas = ['before', 'effective', 'compression'];

/** What the differences to the pinned run say already gives way to them in a narrow window. */
function makingRoom(column: RunColumn, deltas: readonly RunColumn[]): RunColumn {
  return deltas.length > 0 && saidByDeltas.includes(column.id) ? { ...column, roomy: true } : column;
}

export function RunsCompare({ bar }: { bar: ReactNode }) {
  const runs = useProject((state) => state.project?.runs ?? noRuns);
  const drawn = useDrawn(runs);
  const ids = drawn.map((run) => run.id);
  const series = useSeries(ids);
  if (runs.length === 0) return <NoRuns bar={bar} />;
  return (
    <>
      <RunsTable bar={bar} runs={runs} />
      <RunLegend runs={drawn} />
      <div className="grid min-h-[30.5rem] flex-1 grid-cols-2 grid-rows-2 gap-2.5 @max-[36rem]:grid-cols-1 @max-[36rem]:grid-rows-[repeat(3,15rem)] @5xl:min-h-64 @5xl:grid-cols-3 @5xl:grid-rows-1">
        <AccuracyBySize runs={runs} drawn={drawn} />
        <AccuracyCurves runs={drawn} series={series} group="compare" />
        <LossCurves
          runs={drawn}
          series={series}
          group="compare"
          className="col-span-2 @max-[36rem]:col-span-1 @5xl:col-span-1"
        />
      </div>
    </>
  );
}

function useDrawn(runs: readonly RunSummary[]): RunSummary[] {
  const picked = useSelection((state) => state.runs);
  return drawnRuns(runs, picked);
}

function NoRuns({ bar }: { bar: ReactNode }) {
  return (
    <>
      <div className="shrink-0">{bar}</div>
      <EmptyState
        icon={<Columns3 />}
        title="No runs to compare yet"
        actions={<Button onClick={() => showTab('training')}>Go to Training</Button>}
      >
        Train the model at one set of bits, then at another: their accuracy, size and curves stand side by
        side here. The bit-widths of a single layer can be compared without training.
      </EmptyState>
    </>
  );
}

function RunsTable({ bar, runs }: { bar: ReactNode; runs: readonly RunSummary[] }) {
  const picked = useSelection((state) => state.runs);
  const layers = useProject((state) => state.project?.model.layers);
  const { baseline: baselineId, differencesOnly } = useCompare();
  const [sort, setSort] = useSort(null);
  const names = layers?.map((layer) => layer.name) ?? noLayers;
  const rows = [...runs].reverse();
  const baseline = runs.find((run) => run.id === baselineId);
  const columns = tableColumns({ rows, picked, baseline, differencesOnly, layers: names });
  const copied = () => rawTable(sortRows(rows, columns, sort), columns.slice(1));
  return (
    <section className="flex max-h-[46%] min-h-0 shrink-0 flex-col gap-2.5">
      <div className="flex shrink-0 flex-wrap items-center gap-x-4 gap-y-1 whitespace-nowrap">
        {bar}
        <div className="ml-auto flex items-center gap-x-4">
          <Checkbox
            label="Differences only"
            checked={differencesOnly}
            onChange={(on) => useCompare.setState({ differencesOnly: on })}
          />
          <Button
            size="sm"
            variant="ghost"
            onClick={() => selectRuns([])}
            blocked={picked.length === 0 ? 'Nothing is picked' : null}
          >
            Clear the picks
          </Button>
          <CopyTable title="comparison of runs" table={copied} />
        </div>
      </div>
      <Card className="!py-1.5">
        <DataTable
          label={`Comparison of ${plural(runs.length, 'run')}`}
          columns={columns}
          rows={rows}
          rowKey={(run) => run.id}
          sort={sort}
          onSort={setSort}
          isCurrent={(run) => run.id === baselineId}
        />
      </Card>
    </section>
  );
}
