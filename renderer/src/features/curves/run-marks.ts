/** The moments from which a training is another one. */
import type { VerticalMark } from '../../charts/index.js';
import type { RunSummary } from '../../host/contract.js';

function beginnings({ training }: RunSummary): { epoch: number; label: string }[] {
  const { quantizeFromEpoch, freezeThreshold, freezeNormFromEpoch } = training;
  const found: { epoch: number; label: string }[] = [];
  if (quantizeFromEpoch > 0) found.push({ epoch: quantizeFromEpoch, label: 'quantized' });
  // A weight is held for its codes, which there are from then on.
  if (freezeThreshold > 0) found.push({ epoch: quantizeFromEpoch, label: 'weights freeze' });
  if (freezeNormFromEpoch !== null) found.push({ epoch: freezeNormFromEpoch, label: 'norm frozen' });
  return found;
}

/** Of all the runs, each beginning once. */
export function runMarks(runs: readonly RunSummary[], axis: 'epoch' | 'step'): VerticalMark[] {
  const marks = new Map<string, VerticalMark>();
  for (const run of runs) {
    const scale = axis === 'epoch' ? 1 : run.progress.stepsTotal / run.training.epochs;
    for (const { epoch, label } of beginnings(run)) {
      marks.set(`${epoch * scale} ${label}`, { x: epoch * scale, label });
    }
  }
  return [...marks.values()].sort((a, b) => a.x - b.x);
}
