/** What a native session has done since it was asked last, as points of a run's series: layers by their tensors' names. */
import type { SessionProgress } from '../../native/index.js';
import type { DiagnosticsPoint, EvaluationPoint, StepPoint } from '../contract/index.js';

export interface RunPoints {
  steps: StepPoint[];
  evaluations: EvaluationPoint[];
  diagnostics: DiagnosticsPoint[];
}

export function runPoints(
  drained: Pick<SessionProgress, 'steps' | 'evaluations'>,
  layerOfNode: ReadonlyMap<string, string>,
): RunPoints {
  const renamed = <Layer extends { name: string }>(layers: readonly Layer[]): Layer[] =>
    layers.map((layer) => ({ ...layer, name: layerOfNode.get(layer.name) ?? layer.name }));
  return {
    steps: drained.steps.map(({ layers: _layers, ...step }) => step),
    evaluations: drained.evaluations.map((point) => ({
      ...point,
      testAccuracy: requireAccuracy(point.testAccuracy),
      layers: renamed(point.layers),
    })),
    diagnostics: drained.steps.flatMap(({ step, epoch, layers }) =>
      layers ? [{ step, epoch, layers: renamed(layers) }] : [],
    ),
  };
}

/** Runs train on labels, so there always is one. */
function requireAccuracy(accuracy: number | null): number {
  if (accuracy === null) throw new Error('a training on labels came without an accuracy');
  return accuracy;
}
