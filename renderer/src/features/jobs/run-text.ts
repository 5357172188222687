/** A training's progress in words. */
import type { RunSummary } from '../../host/contract.js';
import { formatDuration, formatShare } from '../../ui/index.js';

/** `epoch 4.3 of 8 · training loss 0.291 · accuracy 88.4 %` */
export function progressText({ progress, training }: RunSummary): string {
  const epoch = Math.min(training.epochs, progress.epoch);
  const parts = [`epoch ${epoch.toFixed(1)} of ${training.epochs}`];
  if (progress.loss !== null) parts.push(`training loss ${progress.loss.toFixed(3)}`);
  if (progress.testAccuracy !== null) parts.push(`accuracy ${formatShare(progress.testAccuracy)}`);
  return parts.join(' · ');
}

/** Time left; empty while the main process does not know it yet. */
export function remainingText(remainingMs: number | null): string {
  return remainingMs === null ? '' : `${formatDuration(remainingMs)} left`;
}
