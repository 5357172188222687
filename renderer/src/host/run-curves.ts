/** The points of runs' curves, in the shape charts draw. */
import type { EvaluationPoint, RunSummary } from './contract.js';
import type { LiveSeries } from './runs-store.js';

export interface CurvePoint {
  x: number;
  y: number;
}

/** Training loss by step. */
export function lossPoints(series: LiveSeries | undefined): CurvePoint[] {
  return (series?.steps ?? []).map(({ step, loss }) => ({ x: step, y: loss }));
}

/** Test accuracy by epoch. */
export function accuracyPoints(series: LiveSeries | undefined): CurvePoint[] {
  return (series?.evaluations ?? []).map(({ epoch, testAccuracy }) => ({ x: epoch, y: testAccuracy }));
}

/** Learning rate by step. */
export function ratePoints(series: LiveSeries | undefined): CurvePoint[] {
  return (series?.steps ?? []).map(({ step, learningRate }) => ({ x: step, y: learningRate }));
}

export type LayerFigure = 'sqnrDb' | 'scaleMean' | 'flipShare';

/** A figure of one layer by epoch; an exact layer has no finite SQNR and so no point. */
export function layerPoints(
  evaluations: readonly EvaluationPoint[],
  layer: string,
  figure: LayerFigure,
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
