/** What training does inside the layers: their error, their scales, the codes still changing; and the rate. */
import { useState } from 'react';
import { formatShort, Legend, SeriesFrame, seriesStyle } from '../../charts/index.js';
import type { EvaluationPoint, RunSummary } from '../../host/contract.js';
import {
  type EvaluationFigure,
  type LiveSeries,
  layerPoints,
  ratePoints,
  useSelection,
} from '../../host/index.js';
import { formatDb, formatNumber, formatShare, SegmentedControl } from '../../ui/index.js';
import { runMarks } from '../curves/index.js';
import { StepFigures } from './step-figures.js';

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

const none: readonly EvaluationPoint[] = [];

export interface DiagnosticsProps {
  run: RunSummary;
  series: LiveSeries | undefined;
}

const axes = [
  { value: 'epoch', label: 'Epoch', name: 'Layers by epoch' },
  { value: 'step', label: 'Step', name: 'Layers by step' },
] as const;

export function Diagnostics({ run, series }: DiagnosticsProps) {
  const [axis, setAxis] = useState<'epoch' | 'step'>('epoch');
  const selected = useSelection((state) => state.layers);
  const evaluations = series?.evaluations ?? none;
  const all = evaluations[0]?.layers.map((layer) => layer.name) ?? [];
  const names = drawnLayers(all, selected);
  const legend = names.map((name, index) => ({ id: name, label: name, ...seriesStyle(index) }));
  const shared = { run, evaluations, names };
  return (
    <section
      aria-label={`Layers of ${run.name}`}
      className="flex min-h-44 flex-[1_1_0] flex-col @max-[36rem]:min-h-[21rem]"
    >
      <div className="mb-1 flex min-h-5 items-center gap-3 px-0.5">
        <h3 className="shrink-0 text-xs text-ink3">
          Layers of {run.name}
          {all.length > names.length ? ` (${names.length} of ${all.length})` : ''}
        </h3>
        <Legend items={legend} className="!mb-0 flex-1" />
        <SegmentedControl
          label="Layers by"
          value={axis}
          segments={axes}
          onChange={(next) => setAxis(next)}
          size="sm"
        />
      </div>
      <div className="grid min-h-0 flex-1 grid-cols-4 gap-2.5 @max-[36rem]:grid-cols-2">
        {axis === 'epoch' ? (
          <>
            <LayerChart {...shared} title="SQNR, dB" figure="sqnrDb" format={(y) => formatDb(y, 2)} />
            <LayerChart
              {...shared}
              title="Mean scale"
              figure="scaleMean"
              format={(y) => formatNumber(y, 4)}
            />
            <LayerChart {...shared} title="Code flips" figure="flipShare" format={(y) => formatShare(y, 2)} />
          </>
        ) : (
          <StepFigures
            run={run}
            series={series}
            names={names}
            className="col-span-3 @max-[36rem]:col-span-2"
          />
        )}
        <RateChart run={run} series={series} />
      </div>
    </section>
  );
}

interface LayerChartProps {
  title: string;
  figure: EvaluationFigure;
  evaluations: readonly EvaluationPoint[];
  names: readonly string[];
  run: RunSummary;
  format(value: number): string;
}

function LayerChart({ title, figure, evaluations, names, run, format }: LayerChartProps) {
  const lines = names.map((name, index) => ({
    id: name,
    label: name,
    ...seriesStyle(index),
    points: layerPoints(evaluations, name, figure),
  }));
  const reach = { low: 0, high: run.training.epochs };
  return (
    <SeriesFrame
      title={title}
      series={lines}
      xLabel="epoch"
      formatX={(x) => formatShort(x, 3)}
      formatY={format}
      percent={figure === 'flipShare'}
      markers
      xRange={reach}
      marks={runMarks([run], 'epoch')}
      group="training epoch"
      subtitle=""
      legend={false}
    />
  );
}

function RateChart({ run, series }: DiagnosticsProps) {
  const lines = [{ id: 'rate', label: 'learning rate', ...seriesStyle(0), points: ratePoints(series) }];
  const total = run.progress.stepsTotal;
  const reach = { low: 0, high: total };
  return (
    <SeriesFrame
      title="Learning rate"
      subtitle=""
      series={lines}
      xLabel="step"
      formatY={(y) => formatNumber(y, 4)}
      xRange={reach}
      marks={runMarks([run], 'step')}
      group="training step"
    />
  );
}
