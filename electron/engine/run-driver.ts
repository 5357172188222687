/**
 * The one training there can be: launches a ready session, records it, and writes its end to disk. The
 * service above decides what may be started; this makes sure that what was started is never lost.
 */
import { type ErrorInfo, QatError, type RunSummary } from '../contract/index.js';
import { decimateDiagnostics, decimateMinMax } from '../store/index.js';
import { asQatError } from './call-options.js';
import type { EngineContext } from './context.js';
import { LiveRun, type LiveRunOutcome } from './live-run.js';
import { captureState } from './network-state.js';
import type { OpenProject } from './open-project.js';
import type { RunPoints } from './run-points.js';
import { deleteCheckpoint, type RunRecord, saveRun } from './run-record.js';
import { runResult, storedSize } from './run-result.js';
import { type ReadySession, requireDataset } from './run-setup.js';
import { writeStateFile } from './state-file.js';

export interface ActiveRun {
  project: OpenProject;
  record: RunRecord;
  live: LiveRun;
  /** Resolves when everything about the run is on disk and its native side is freed. */
  ended: Promise<void>;
}

/** Step points in one `run.points` event at most; the file has all of them. */
const pointsPerEvent = 500;
const evaluationsPerEvent = 100;
const diagnosticsPerEvent = 50;

export class RunDriver {
  readonly #context: EngineContext;
  #active: ActiveRun | null = null;
  /** A start or resume is under way: no second one may begin. */
  #starting = false;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  get active(): ActiveRun | null {
    return this.#active;
  }

  /** A run trains, is paused, or is being prepared. */
  get busy(): boolean {
    return this.#active !== null || this.#starting;
  }

  /** The run when it is the one in training. */
  activeRun(runId: string): ActiveRun | null {
    return this.#active?.record.summary.id === runId ? this.#active : null;
  }

  /** @throws E-RUN-STATE while something trains or is about to */
  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    if (this.busy) {
      const name = this.#active
        ? `“${this.#active.record.summary.name}” has not ended`
        : 'A training is being prepared';
      throw new QatError(
        'E-RUN-STATE',
        `${name}; one run trains at a time.`,
        'Wait until it has finished, or cancel it, then start the next one.',
      );
    }
    this.#starting = true;
    try {
      return await work();
    } finally {
      this.#starting = false;
    }
  }

  /** Starts the session; its native side now belongs to the run. */
  launch(project: OpenProject, record: RunRecord, ready: ReadySession): RunSummary {
    const live: LiveRun = new LiveRun({
      ...ready,
      progress: record.summary.progress,
      trainedMs: record.trainedMs,
      recorder: {
        append: (points) => project.runs.appendSeries(record.summary.id, points),
        saveCheckpoint: async (bytes, trainedMs) => {
          await project.runs.writeCheckpoint(record.summary.id, bytes);
          record.trainedMs = trainedMs;
          record.summary = { ...record.summary, progress: live.progress };
          await saveRun(project.runs, record);
        },
      },
      listener: {
        points: (points) => this.#emitPoints(record.summary.id, points),
        progress: (progress, state) => {
          record.summary = { ...record.summary, progress, state };
          this.#emitChanged(record);
        },
      },
    });
    const ended = live.run().then((outcome) => this.#end(project, record, live, outcome));
    this.#active = { project, record, live, ended };
    this.#emitChanged(record);
    return record.summary;
  }

  /** Suspends what trains (it becomes `interrupted`, at a checkpoint) and waits until it is on disk. */
  async suspend(): Promise<void> {
    const active = this.#active;
    if (!active) return;
    active.live.suspend();
    await active.ended;
  }

  async #end(project: OpenProject, record: RunRecord, live: LiveRun, outcome: LiveRunOutcome): Promise<void> {
    record.trainedMs = live.trainedMs;
    const progress = { ...live.progress, remainingMs: null };
    record.summary = { ...record.summary, progress };
    try {
      await this.#settle(project, record, live, outcome);
    } catch (thrown) {
      record.summary = { ...record.summary, state: 'failed', error: asQatError(thrown).toInfo() };
    }
    const { error, name } = record.summary;
    if (error) this.#report(name, error);
    try {
      await saveRun(project.runs, record);
    } catch (thrown) {
      this.#report(name, asQatError(thrown).toInfo());
    } finally {
      live.dispose();
      this.#active = null;
      this.#emitChanged(record);
    }
  }

  async #settle(
    project: OpenProject,
    record: RunRecord,
    live: LiveRun,
    outcome: LiveRunOutcome,
  ): Promise<void> {
    const { id } = record.summary;
    if (outcome.kind === 'suspended' || outcome.kind === 'unrecorded') {
      const error = outcome.kind === 'unrecorded' ? outcome.error : null;
      record.summary = { ...record.summary, state: 'interrupted', error };
      return;
    }
    if (outcome.kind === 'failed') {
      record.summary = { ...record.summary, state: 'failed', error: outcome.error };
    } else {
      const state = captureState(live.network, live.plan);
      await writeStateFile(project.runs.paths(id).weights, state, live.plan.graph);
      if (outcome.kind === 'finished') await this.#finish(project, record, live);
      record.summary = { ...record.summary, state: outcome.kind };
    }
    await deleteCheckpoint(project.runs, id);
  }

  async #finish(project: OpenProject, record: RunRecord, live: LiveRun): Promise<void> {
    const after = await live.network.evaluate(requireDataset(project).test, 'fakeQuant');
    const { floatAccuracy, accuracyBefore, trainedMs } = record;
    const accuracies = {
      floatAccuracy,
      accuracyBefore,
      accuracyAfter: after.accuracy,
      lossAfter: after.loss,
    };
    record.summary = {
      ...record.summary,
      progress: { ...record.summary.progress, testAccuracy: after.accuracy },
      result: runResult(accuracies, storedSize(live.network, live.plan), trainedMs),
    };
  }

  #emitPoints(runId: string, { steps, evaluations, diagnostics }: RunPoints): void {
    const drawn = decimateMinMax(steps, (point) => point.loss, pointsPerEvent);
    const { emit } = this.#context;
    for (let from = 0; from === 0 || from < evaluations.length; from += evaluationsPerEvent) {
      emit({
        type: 'run.points',
        runId,
        steps: from === 0 ? drawn : [],
        diagnostics: from === 0 ? decimateDiagnostics(diagnostics, diagnosticsPerEvent) : [],
        evaluations: evaluations.slice(from, from + evaluationsPerEvent),
      });
    }
  }

  #emitChanged(record: RunRecord): void {
    this.#context.emit({ type: 'run.changed', run: record.summary });
  }

  #report(name: string, error: ErrorInfo): void {
    this.#context.emit({ type: 'error', error, context: `Training ${name}`.slice(0, 300) });
  }
}
