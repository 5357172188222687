/** The points of runs' curves, in the shape charts draw. */
import type { DiagnosticsPoint, EvaluationPoint, LayerFigure, RunSummary, StepPoint } from './contract.js';
import type { LiveSeries } from './runs-store.js';

export interface CurvePoint {
  x: number;
  y: number;
}

/** The same array gives the same points, so that an unchanged curve is not redrawn. */
function remembered<T extends object>(
  make: (source: readonly T[]) => CurvePoint[],
): (source: readonly T[]) => CurvePoint[] {
  const known = new WeakMap<readonly T[], CurvePoint[]>();
  return (source) => {
    const points = known.get(source) ?? make(source);
    known.set(source, points);
    return points;
  };
}

const noSteps: readonly StepPoint[] = [];
const noEvaluations: readonly EvaluationPoint[] = [];
const losses = remembered<StepPoint>((steps) => steps.map(({ step, loss }) => ({ x: step, y: loss })));
const rates = remembered<StepPoint>((steps) =>
  steps.map(({ step, learningRate }) => ({ x: step, y: learningRate })),
);
const accuracies = remembered<EvaluationPoint>((evaluations) =>
  evaluations.map(({ epoch, testAccuracy }) => ({ x: epoch, y: testAccuracy })),
);

/** Training loss by step. */
export function lossPoints(series: LiveSeries | undefined): CurvePoint[] {
  return losses(series?.steps ?? noSteps);
}

/** Test accuracy by epoch. */
export function accuracyPoints(series: LiveSeries | undefined): CurvePoint[] {
  return accuracies(series?.evaluations ?? noEvaluations);
}

/** Learning rate by step. */
export function ratePoints(series: LiveSeries | undefined): CurvePoint[] {
  return rates(series?.steps ?? noSteps);
}

/** A figure of one layer by step; a step where the layer has no such thing is left out. */
export function figurePoints(
  diagnostics: readonly DiagnosticsPoint[],
  layer: string,
  figure: LayerFigure,
): CurvePoint[] {
  return diagnostics.flatMap((point) => {
    const value = point.layers.find((candidate) => candidate.name === layer)?.[figure];
    return value === null || value === undefined ? [] : [{ x: point.step, y: value }];
  });
}

export type EvaluationFigure = 'sqnrDb' | 'scaleMean' | 'flipShare';

/** A figure of one layer by epoch; an exact layer has no finite SQNR and so no point. */
export function layerPoints(
  evaluations: readonly EvaluationPoint[],
  layer: string,
  figure: EvaluationFigure,
): CurvePoint[] {
  return evaluations.flatMap((point) => {
    const value = point.layers.find((candidate) => candidate.name === layer)?.[figure];
    return value === null || value === undefined ? [] : [{ x: point.epoch, y: value }];
  });
}

/** The x axes reach to the end of the longest run, so that a live line grows into them. */
export function reachOf(runs: readonly RunSummary[]): { steps: number; epochs: number } {
  return {
    steps: Math.max(1, ...runs.map((run) => run.progress.stepsTotal)),
    epochs: Math.max(1, ...runs.map((run) => run.training.epochs)),
  };
}
