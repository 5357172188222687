/** One figure of the chosen layers by step: what training did inside them between two evaluations. */
import { useState } from 'react';
import { SeriesFrame, seriesStyle } from '../../charts/index.js';
import type { DiagnosticsPoint, LayerFigure, RunSummary } from '../../host/contract.js';
import { figurePoints, type LiveSeries } from '../../host/index.js';
import { formatDb, formatNumber, formatShare, Select } from '../../ui/index.js';
import { runMarks } from '../curves/index.js';

interface FigureWords {
  label: string;
  hint: string;
  kind: 'number' | 'share' | 'db';
}

const figureWords: Record<LayerFigure, FigureWords> = {
  flipShare: { label: 'Code flips', hint: 'weight codes changed since the record before', kind: 'share' },
  oscillatingShare: { label: 'Oscillating', hint: 'codes that go back and forth', kind: 'share' },
  frozenShare: { label: 'Frozen', hint: 'weights held at their mean code', kind: 'share' },
  weightScale: { label: 'Step size of weights', hint: 'mean scale', kind: 'number' },
  activationScale: { label: 'Step size of inputs', hint: 'scale', kind: 'number' },
  clippedWeights: { label: 'Clipped weights', hint: 'outside the grid', kind: 'share' },
  clippedInputs: { label: 'Clipped inputs', hint: 'of the batch, outside the grid', kind: 'share' },
  weightGradient: { label: 'Gradient of weights', hint: 'L2 norm, before clipping', kind: 'number' },
  scaleGradient: { label: 'Gradient of scales', hint: 'L2 norm, before clipping', kind: 'number' },
  sqnrDb: { label: 'SQNR, dB', hint: 'of the weights', kind: 'db' },
};
const choices = (Object.keys(figureWords) as LayerFigure[]).map((value) => ({
  value,
  label: figureWords[value].label,
  hint: figureWords[value].hint,
}));
const formats: Record<FigureWords['kind'], (y: number) => string> = {
  number: (y) => formatNumber(y, 4),
  share: (y) => formatShare(y, 2),
  db: (y) => formatDb(y, 2),
};

const none: readonly DiagnosticsPoint[] = [];

export interface StepFiguresProps {
  run: RunSummary;
  series: LiveSeries | undefined;
  /** Layers to draw, in the order of their colours. */
  names: readonly string[];
  className?: string | undefined;
}

export function StepFigures({ run, series, names, className }: StepFiguresProps) {
  const [figure, setFigure] = useState<LayerFigure>('flipShare');
  const points = series?.diagnostics ?? none;
  const { label, kind } = figureWords[figure];
  if (run.training.diagnosticsEvery === 0 && points.length === 0) {
    return (
      <p className={`${className ?? ''} card flex items-center justify-center p-4 text-center text-ink3`}>
        This run recorded its layers at evaluations only. Set Training › Diagnostics before the next one.
      </p>
    );
  }
  const lines = names.map((name, index) => ({
    id: name,
    label: name,
    ...seriesStyle(index),
    points: figurePoints(points, name, figure),
  }));
  const reach = { low: 0, high: run.progress.stepsTotal };
  return (
    <SeriesFrame
      title={label}
      subtitle=""
      series={lines}
      xLabel="step"
      formatY={formats[kind]}
      percent={kind === 'share'}
      logarithmic={kind === 'number'}
      xRange={reach}
      marks={runMarks([run], 'step')}
      group="training step"
      legend={false}
      className={className}
      tools={
        <Select
          label="Figure"
          value={figure}
          options={choices}
          onChange={(next) => setFigure(next)}
          className="w-44"
        />
      }
    />
  );
}
