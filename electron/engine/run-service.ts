/**
 * Trainings of the open project. One trains at a time; each is recorded point by point and checkpointed,
 * so that it can be paused, resumed, interrupted by a crash and resumed to the same bits.
 */
import { randomBytes } from 'node:crypto';
import {
  type ProjectState,
  QatError,
  type RouteInput,
  type RunSeries,
  type RunSummary,
  type TrainingConfig,
} from '../contract/index.js';
import { asQatError, type CallOptions } from './call-options.js';
import type { EngineContext } from './context.js';
import type { JobControl } from './jobs.js';
import { withCancel } from './native-call.js';
import type { OpenProject } from './open-project.js';
import { RunDriver } from './run-driver.js';
import { addRun, deleteCheckpoint, type RunRecord, readRun, saveRun } from './run-record.js';
import {
  measureFloatAccuracy,
  newRunId,
  type ReadySession,
  readySession,
  requireDataset,
  runName,
  trainedConfiguration,
} from './run-setup.js';
import { RunWeights, type WeightSource } from './run-weights.js';

export class RunService {
  readonly #context: EngineContext;
  readonly #driver: RunDriver;
  readonly #weights: RunWeights;

  constructor(context: EngineContext) {
    this.#context = context;
    this.#driver = new RunDriver(context);
    this.#weights = new RunWeights(context.addon);
  }

  /** Freezes the configuration and starts training. Resolves once the session runs. */
  async start(
    input: { name: string | null; training: TrainingConfig },
    options?: CallOptions,
  ): Promise<RunSummary> {
    const project = this.#context.current();
    requireDataset(project);
    const configuration = trainedConfiguration(project);
    const taken = new Set(project.runs.list().map((run) => run.name));
    const name = input.name ?? runName(configuration, taken);
    return this.#driver.exclusively(() =>
      this.#context.jobs.run('prepare', `Prepare training ${name}`, options, async (job) => {
        const floatAccuracy = await this.#floatAccuracy(project, job);
        job.progress(null, 'Scales');
        const ready = await readySession(this.#context, project, configuration, input.training, job.signal);
        return this.#guard(ready, async () => {
          const accuracyBefore = await this.#accuracyBefore(project, ready, job);
          const { stepsTotal } = ready.session.drain();
          const summary: RunSummary = {
            id: newRunId(new Date(), randomBytes(4).toString('hex')),
            name,
            createdAt: new Date().toISOString(),
            state: 'running',
            configuration,
            training: input.training,
            progress: freshProgress(Math.max(1, stepsTotal)),
            result: null,
            error: null,
          };
          const kernels = this.#context.addon.info().isa;
          const libraries = this.#context.libraries.hashesOf(configuration);
          const record: RunRecord = {
            summary,
            floatAccuracy,
            accuracyBefore,
            trainedMs: 0,
            kernels,
            libraries,
          };
          await addRun(project.runs, record);
          return this.#driver.launch(project, record, ready);
        });
      }),
    );
  }

  async pause(input: RouteInput<'run.pause'>): Promise<RunSummary> {
    const { runs } = this.#context.current();
    const active = this.#driver.activeRun(input.runId);
    if (!active) throw wrongState(runs.get(input.runId), 'paused', 'Only a run that is training can be.');
    active.live.pause();
    await saveRun(runs, active.record);
    return active.record.summary;
  }

  /** Goes on with a paused run, or with an interrupted one from its checkpoint, to the same bits. */
  async resume(input: RouteInput<'run.resume'>, options?: CallOptions): Promise<RunSummary> {
    const project = this.#context.current();
    const active = this.#driver.activeRun(input.runId);
    if (active) {
      active.live.resume();
      await saveRun(project.runs, active.record);
      return active.record.summary;
    }
    const summary = project.runs.get(input.runId);
    if (summary.state !== 'interrupted')
      throw wrongState(summary, 'resumed', 'Start a new training instead.');
    return this.#driver.exclusively(() =>
      this.#context.jobs.run('prepare', `Resume training ${summary.name}`, options, (job) =>
        this.#restore(project, summary, job),
      ),
    );
  }

  /** Ends the training; what was recorded stays. Resolves when it has ended. */
  async cancel(input: RouteInput<'run.cancel'>): Promise<RunSummary> {
    const { runs } = this.#context.current();
    const active = this.#driver.activeRun(input.runId);
    if (active) {
      active.live.cancel();
      await active.ended;
      return runs.get(input.runId);
    }
    const summary = runs.get(input.runId);
    if (summary.state !== 'interrupted') throw wrongState(summary, 'cancelled', 'It has already ended.');
    await deleteCheckpoint(runs, summary.id);
    return this.#update({ ...summary, state: 'cancelled' });
  }

  async rename(input: RouteInput<'run.rename'>): Promise<RunSummary> {
    const active = this.#driver.activeRun(input.runId);
    if (active) active.record.summary = { ...active.record.summary, name: input.name };
    const summary = active?.record.summary ?? this.#context.current().runs.get(input.runId);
    return this.#update({ ...summary, name: input.name });
  }

  /** Deletes the run and its files, ending it first when it trains. */
  async delete(input: RouteInput<'run.delete'>): Promise<ProjectState> {
    const project = this.#context.current();
    const active = this.#driver.activeRun(input.runId);
    if (active) {
      active.live.cancel();
      await active.ended;
    }
    await project.runs.delete(input.runId);
    this.#weights.forget(input.runId);
    return project.announce();
  }

  /** The recorded series, decimated to `maxPoints` with the extremes kept. */
  async series(input: RouteInput<'run.series'>): Promise<RunSeries> {
    return this.#context.current().runs.readSeries(input.runId, input.maxPoints);
  }

  /** A run's weights, live while it trains, else as saved. @throws E-RUN-UNKNOWN, E-RUN-STATE */
  async weights(project: OpenProject, runId: string): Promise<WeightSource> {
    const active = this.#driver.activeRun(runId);
    if (active) return this.#weights.live(active.live, active.record.summary);
    const summary = project.runs.get(runId);
    return this.#weights.saved(summary, project.runs.paths(runId).weights);
  }

  /** All runs, with the newest progress of the one that trains. */
  list(project: OpenProject): RunSummary[] {
    const active = this.#driver.active;
    return project.runs
      .list()
      .map((run) => (active && active.record.summary.id === run.id ? active.record.summary : run));
  }

  /** @throws E-RUN-STATE while a run trains, is paused or is being prepared: the data set is in use */
  refuseWhileTraining(): void {
    if (!this.#driver.busy) return;
    throw new QatError('E-RUN-STATE', 'A run is training on the data set.', 'Cancel it or let it finish.');
  }

  /** Suspends what trains and waits until it is on disk; saved weights are forgotten. */
  async suspend(): Promise<void> {
    await this.#driver.suspend();
    this.#weights.clear();
  }

  async #restore(project: OpenProject, summary: RunSummary, job: JobControl): Promise<RunSummary> {
    job.progress(null, 'Checkpoint');
    const checkpoint = await project.runs.readCheckpoint(summary.id);
    const record = await readRun(project.runs, summary.id);
    const { configuration, training } = summary;
    if (checkpoint) refuseOtherLibraries(record.libraries, this.#context.libraries.hashesOf(configuration));
    const ready = await readySession(this.#context, project, configuration, training, job.signal);
    return this.#guard(ready, async () => {
      if (checkpoint) ready.session.restore(checkpoint);
      const { step, stepsTotal } = ready.session.drain();
      const before = checkpoint ? record.summary.progress : freshProgress(stepsTotal);
      record.trainedMs = checkpoint ? record.trainedMs : 0;
      record.summary = {
        ...record.summary,
        state: 'running',
        error: null,
        progress: { ...before, step, stepsTotal: Math.max(1, stepsTotal), remainingMs: null },
      };
      await saveRun(project.runs, record);
      return this.#driver.launch(project, record, ready);
    });
  }

  async #floatAccuracy(project: OpenProject, job: JobControl): Promise<number> {
    job.progress(null, 'Float accuracy');
    project.floatAccuracy ??= await measureFloatAccuracy(this.#context, project, job.signal);
    return project.floatAccuracy;
  }

  async #accuracyBefore(project: OpenProject, ready: ReadySession, job: JobControl): Promise<number> {
    job.progress(null, 'Accuracy before training');
    const before = await withCancel(this.#context.addon, job.signal, (token) =>
      ready.network.evaluate(requireDataset(project).test, 'fakeQuant', token),
    );
    return before.accuracy;
  }

  /** Frees a session that could not be launched. */
  async #guard<T>(ready: ReadySession, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      ready.session.dispose();
      ready.network.dispose();
      throw asQatError(thrown);
    }
  }

  async #update(run: RunSummary): Promise<RunSummary> {
    await this.#context.current().runs.update(run);
    this.#context.emit({ type: 'run.changed', run });
    return run;
  }
}

function freshProgress(stepsTotal: number): RunSummary['progress'] {
  return { step: 0, stepsTotal, epoch: 0, loss: null, testAccuracy: null, stepMs: null, remainingMs: null };
}

/** @throws E-CHECKPOINT */
function refuseOtherLibraries(then: Record<string, string>, now: Record<string, string>): void {
  for (const [id, sha256] of Object.entries(now)) {
    if (then[id] === sha256) continue;
    throw new QatError(
      'E-CHECKPOINT',
      `The run was begun with another file of the quantizer library ${id}.`,
      'Add the library as it was, or start a new training.',
    );
  }
}

function wrongState(run: RunSummary, verb: string, remedy: string): QatError {
  return new QatError('E-RUN-STATE', `Run “${run.name}” is ${run.state} and cannot be ${verb}.`, remedy);
}
