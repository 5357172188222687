/** Runs in words: their bits, their state, their accuracy. */
import {
  bitsLabel,
  type Configuration,
  type RunState,
  type RunSummary,
  type TrainingConfig,
} from './contract.js';

/** `W4A4`; with different layers the most common first: `W4A4 ×2, W8A8`. */
export function configurationLabel(configuration: Configuration): string {
  const counts = new Map<string, number>();
  for (const config of Object.values(configuration)) {
    const label = bitsLabel(config);
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  const sorted = [...counts].sort((a, b) => b[1] - a[1]);
  if (sorted.length <= 1) return sorted[0]?.[0] ?? '';
  return sorted.map(([label, count]) => (count > 1 ? `${label} ×${count}` : label)).join(', ');
}

/** The weight bits that colour a run: those of all its quantized layers, or null when they differ. */
export function commonWeightBits(configuration: Configuration): number | null {
  const all = Object.values(configuration).map((config) => config.weight.bits);
  const quantized = new Set(all.filter((bits) => bits !== 32));
  const [only] = quantized;
  if (only === undefined) return all.length > 0 ? 32 : null;
  return quantized.size === 1 ? only : null;
}

/** `cosine`, `step: × 0.1 every 2 epochs`. */
export function scheduleText({ schedule, stepEpochs, stepFactor }: TrainingConfig): string {
  if (schedule !== 'step') return schedule;
  return `× ${stepFactor} every ${stepEpochs === 1 ? 'epoch' : `${stepEpochs} epochs`}`;
}

export interface StateWords {
  word: string;
  tone: 'ok' | 'warn' | 'bad' | 'accent' | 'idle';
}

const states: Record<RunState, StateWords> = {
  running: { word: 'training', tone: 'accent' },
  paused: { word: 'paused', tone: 'warn' },
  finished: { word: 'finished', tone: 'ok' },
  cancelled: { word: 'cancelled', tone: 'idle' },
  failed: { word: 'failed', tone: 'bad' },
  interrupted: { word: 'interrupted', tone: 'warn' },
};

export function runState(run: Pick<RunSummary, 'state'>): StateWords {
  return states[run.state];
}

/** Accuracy after training minus that of the float model, in percentage points; null before the end. */
export function accuracyChange(run: RunSummary): number | null {
  return run.result ? (run.result.accuracyAfter - run.result.floatAccuracy) * 100 : null;
}
