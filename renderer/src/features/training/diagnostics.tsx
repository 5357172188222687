/** What training does inside the layers: their error, their scales, the codes still changing; and the rate. */
import { useMemo } from 'react';
import {
  ChartFrame,
  formatShort,
  Legend,
  LineChart,
  type LineSeries,
  seriesStyle,
  useZoom,
} from '../../charts/index.js';
import type { EvaluationPoint, RunSummary } from '../../host/contract.js';
import { type LiveSeries, useSelection } from '../../host/index.js';
import { formatDb, formatNumber, formatShare } from '../../ui/index.js';
import { type LayerFigure, layerTable } from './tables.js';

/** More lines than this cannot be told apart. */
const maxLayers = 6;

/** The layers drawn: the selected ones first, in the model's order, at most six. */
export function drawnLayers(all: readonly string[], selected: readonly string[]): string[] {
  if (all.length <= maxLayers) return [...all];
  const wanted = new Set(selected);
  const first = all.filter((name) => wanted.has(name));
  const rest = all.filter((name) => !wanted.has(name));
  const kept = new Set([...first, ...rest].slice(0, maxLayers));
  return all.filter((name) => kept.has(name));
}

function layerLines(
  evaluations: readonly EvaluationPoint[],
  names: readonly string[],
  figure: LayerFigure,
): LineSeries[] {
  return names.map((name, index) => ({
    id: name,
    label: name,
    ...seriesStyle(index),
    points: evaluations.flatMap((point) => {
      const value = point.layers.find((layer) => layer.name === name)?.[figure];
      return value === null || value === undefined ? [] : [{ x: point.epoch, y: value }];
    }),
  }));
}

const none: readonly EvaluationPoint[] = [];

export interface DiagnosticsProps {
  run: RunSummary;
  series: LiveSeries | undefined;
}

export function Diagnostics({ run, series }: DiagnosticsProps) {
  const selected = useSelection((state) => state.layers);
  const evaluations = series?.evaluations ?? none;
  const all = useMemo(() => evaluations[0]?.layers.map((layer) => layer.name) ?? [], [evaluations]);
  const names = useMemo(() => drawnLayers(all, selected), [all, selected]);
  const legend = useMemo(
    () => names.map((name, index) => ({ id: name, label: name, ...seriesStyle(index) })),
    [names],
  );
  const shared = { evaluations, names, epochs: run.training.epochs };
  return (
    <section aria-label={`Layers of ${run.name}`} className="flex min-h-44 flex-[1_1_0] flex-col">
      <div className="flex min-h-5 items-baseline gap-3 px-0.5">
        <h3 className="shrink-0 text-xs text-ink3">
          Layers of {run.name}
          {all.length > names.length ? ` (${names.length} of ${all.length})` : ''}
        </h3>
        <Legend items={legend} />
      </div>
      <div className="grid min-h-0 flex-1 grid-cols-4 gap-2.5">
        <LayerChart {...shared} title="SQNR" figure="sqnrDb" format={(y) => formatDb(y, 2)} />
        <LayerChart {...shared} title="Mean scale" figure="scaleMean" format={(y) => formatNumber(y, 4)} />
        <LayerChart {...shared} title="Code flips" figure="flipShare" format={(y) => formatShare(y, 2)} />
        <RateChart run={run} series={series} />
      </div>
    </section>
  );
}

interface LayerChartProps {
  title: string;
  figure: LayerFigure;
  evaluations: readonly EvaluationPoint[];
  names: readonly string[];
  epochs: number;
  format(value: number): string;
}

function percentTick(y: number): string {
  return `${formatShort(y * 100, 3)} %`;
}

function LayerChart({ title, figure, evaluations, names, epochs, format }: LayerChartProps) {
  const [range, setRange] = useZoom();
  const lines = useMemo(() => layerLines(evaluations, names, figure), [evaluations, names, figure]);
  const table = useMemo(() => () => layerTable(evaluations, names, figure), [evaluations, names, figure]);
  const reach = useMemo(() => ({ low: 0, high: epochs }), [epochs]);
  const last = lines
    .map(
      (line) => `${line.label} ${line.points.length > 0 ? format(line.points.at(-1)?.y ?? 0) : 'none yet'}`,
    )
    .join(', ');
  return (
    <ChartFrame
      title={title}
      summary={`${title} of the layers by epoch. Last: ${last}.`}
      table={table}
      zoomed={range !== null}
      onResetZoom={() => setRange(null)}
    >
      <LineChart
        label={`${title} of the layers by epoch. ${last}`}
        series={lines}
        scale="linear"
        xLabel="epoch"
        integerX
        formatX={(x) => formatShort(x, 3)}
        formatY={format}
        formatTick={figure === 'flipShare' ? percentTick : undefined}
        markers
        xRange={reach}
        range={range}
        onRangeChange={setRange}
        group="training epoch"
      />
    </ChartFrame>
  );
}

function RateChart({ run, series }: DiagnosticsProps) {
  const [range, setRange] = useZoom();
  const lines = useMemo(
    () => [
      {
        id: 'rate',
        label: 'learning rate',
        ...seriesStyle(0),
        points: (series?.steps ?? []).map((point) => ({ x: point.step, y: point.learningRate })),
      },
    ],
    [series],
  );
  const table = useMemo(
    () => () => ({
      columns: ['step', 'learning rate'],
      rows: (series?.steps ?? []).map((point) => [point.step, point.learningRate]),
    }),
    [series],
  );
  const total = run.progress.stepsTotal;
  const reach = useMemo(() => ({ low: 0, high: total }), [total]);
  const now = lines[0]?.points.at(-1)?.y;
  return (
    <ChartFrame
      title="Learning rate"
      summary={`Learning rate by step, ${now === undefined ? 'none yet' : `now ${formatNumber(now, 3)}`}.`}
      table={table}
      zoomed={range !== null}
      onResetZoom={() => setRange(null)}
    >
      <LineChart
        label="Learning rate by step"
        series={lines}
        scale="linear"
        xLabel="step"
        integerX
        formatY={(y) => formatNumber(y, 4)}
        xRange={reach}
        range={range}
        onRangeChange={setRange}
        group="training step"
      />
    </ChartFrame>
  );
}
