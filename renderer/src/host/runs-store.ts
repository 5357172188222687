/** The series of runs as the charts draw them; their summaries live in the project. */
import { create } from 'zustand';
import { request } from './client.js';
import {
  type DiagnosticsPoint,
  type EvaluationPoint,
  isActive,
  type RunSummary,
  type StepPoint,
  type TrainingConfig,
} from './contract.js';
import { decimate } from './decimate.js';
import { notify } from './notices.js';
import { useProject } from './project-store.js';

export const maxSeriesPoints = 1500;

export interface LiveSeries {
  /** Ascending steps, at most 1500, peaks kept. */
  steps: StepPoint[];
  evaluations: EvaluationPoint[];
  /** Ascending steps, fewer of many layers: see maxFigureRows. */
  diagnostics: DiagnosticsPoint[];
  /** `live`: only points seen as they came. `loaded`: the recorded series was fetched. */
  source: 'live' | 'loading' | 'loaded';
}

interface RunsState {
  series: Record<string, LiveSeries>;
}

export const useRuns = create<RunsState>(() => ({ series: {} }));

const emptySeries: LiveSeries = { steps: [], evaluations: [], diagnostics: [], source: 'live' };

/** Rows (layers × points) that are kept of a run at most. */
const maxFigureRows = 60_000;

function keptDiagnostics(points: readonly DiagnosticsPoint[]): DiagnosticsPoint[] {
  const layers = Math.max(1, points[0]?.layers.length ?? 1);
  const most = Math.max(4, Math.min(maxSeriesPoints, Math.floor(maxFigureRows / layers)));
  return decimate(points, most, ({ layers: rows }) => Math.max(0, ...rows.map((row) => row.flipShare ?? 0)));
}

/** Two ascending lists as one, without doubles. */
function merge<T extends { step: number }>(older: readonly T[], newer: readonly T[]): T[] {
  const last = older[older.length - 1];
  const first = newer[0];
  if (!last || !first || first.step > last.step) return [...older, ...newer];
  const byStep = new Map<number, T>();
  for (const point of older) byStep.set(point.step, point);
  for (const point of newer) byStep.set(point.step, point);
  return [...byStep.values()].sort((a, b) => a.step - b.step);
}

function extended(
  series: LiveSeries,
  steps: readonly StepPoint[],
  evaluations: readonly EvaluationPoint[],
  diagnostics: readonly DiagnosticsPoint[],
): LiveSeries {
  return {
    source: series.source,
    steps: decimate(merge(series.steps, steps), maxSeriesPoints, (point) => point.loss),
    evaluations: decimate(
      merge(series.evaluations, evaluations),
      maxSeriesPoints,
      (point) => point.testAccuracy,
    ),
    diagnostics:
      diagnostics.length === 0 ? series.diagnostics : keptDiagnostics(merge(series.diagnostics, diagnostics)),
  };
}

export function appendPoints(
  runId: string,
  steps: readonly StepPoint[],
  evaluations: readonly EvaluationPoint[],
  diagnostics: readonly DiagnosticsPoint[] = [],
): void {
  useRuns.setState((state) => ({
    series: {
      ...state.series,
      [runId]: extended(state.series[runId] ?? emptySeries, steps, evaluations, diagnostics),
    },
  }));
}

/** Fetch the recorded series once; points that arrive meanwhile are kept. */
export async function loadSeries(runId: string): Promise<void> {
  const known = useRuns.getState().series[runId];
  if (known && known.source !== 'live') return;
  setSeries(runId, { ...(known ?? emptySeries), source: 'loading' });
  try {
    const recorded = await request('run.series', { runId, maxPoints: maxSeriesPoints });
    const live = useRuns.getState().series[runId] ?? emptySeries;
    const whole = extended({ ...recorded, source: 'loaded' }, live.steps, live.evaluations, live.diagnostics);
    setSeries(runId, whole);
  } catch (thrown) {
    const live = useRuns.getState().series[runId];
    if (live) setSeries(runId, { ...live, source: 'live' });
    notify(thrown, 'reading the series of a run');
  }
}

function setSeries(runId: string, series: LiveSeries): void {
  useRuns.setState((state) => ({ series: { ...state.series, [runId]: series } }));
}

export function clearSeries(): void {
  useRuns.setState({ series: {} });
}

/** Put a run's summary into the project, new runs last. */
export function applyRun(run: RunSummary): void {
  useProject.setState(({ project }) => {
    if (!project) return {};
    const known = project.runs.some((other) => other.id === run.id);
    const runs = known
      ? project.runs.map((other) => (other.id === run.id ? run : other))
      : [...project.runs, run];
    return { project: { ...project, runs } };
  });
}

/** The run that is training or paused now, if any. */
export function activeRun(runs: readonly RunSummary[]): RunSummary | undefined {
  return runs.find(isActive);
}

async function change(context: string, ask: () => Promise<RunSummary>): Promise<RunSummary | null> {
  try {
    const run = await ask();
    applyRun(run);
    return run;
  } catch (thrown) {
    notify(thrown, context);
    return null;
  }
}

export function startRun(name: string | null, training: TrainingConfig): Promise<RunSummary | null> {
  return change('starting a training', () => request('run.start', { name, training }));
}

export function pauseRun(runId: string): Promise<RunSummary | null> {
  return change('pausing the training', () => request('run.pause', { runId }));
}

export function resumeRun(runId: string): Promise<RunSummary | null> {
  return change('resuming the training', () => request('run.resume', { runId }));
}

export function cancelRun(runId: string): Promise<RunSummary | null> {
  return change('cancelling the training', () => request('run.cancel', { runId }));
}

export function renameRun(runId: string, name: string): Promise<RunSummary | null> {
  return change('renaming the run', () => request('run.rename', { runId, name }));
}

export async function deleteRun(runId: string): Promise<void> {
  try {
    await request('run.delete', { runId });
    useProject.setState(({ project }) => {
      if (!project) return {};
      return { project: { ...project, runs: project.runs.filter((run) => run.id !== runId) } };
    });
  } catch (thrown) {
    notify(thrown, 'deleting the run');
  }
}
