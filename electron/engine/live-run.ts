/**
 * One native training session while it exists: drains it at most 30 times a second, has every point
 * recorded before it is shown, takes checkpoints, and ends in exactly one of its outcomes.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type {
  NativeScales,
  Network,
  SessionProgress,
  SessionState,
  Tensor,
  TrainingSession,
} from '../../native/index.js';
import type { ErrorInfo, RunProgress } from '../contract/index.js';
import { QatError } from '../contract/index.js';
import { asQatError } from './call-options.js';
import type { NetworkPlan } from './network-plan.js';
import { type RunPoints, runPoints } from './run-points.js';

/** 30 drains a second. */
const drainEveryMs = 1000 / 30;
/** Besides the one after every evaluation; at most this much training is repeated after a crash. */
const checkpointEveryMs = 3000;
/** Progress alone is announced ten times a second. */
const announceEveryMs = 100;
/** No remaining time is shown before this many steps: the first ones are slower. */
const estimateAfterSteps = 20;

export type LiveRunOutcome =
  | { kind: 'finished' | 'cancelled' | 'suspended' }
  | { kind: 'failed'; error: ErrorInfo }
  /** Recording failed (full disk): the session was stopped, its last checkpoint holds. */
  | { kind: 'unrecorded'; error: ErrorInfo };

/** Where the points go. Calls never overlap; the next drain waits for them. */
export interface RunRecorder {
  append(points: RunPoints): Promise<void>;
  saveCheckpoint(bytes: Uint8Array, trainedMs: number): Promise<void>;
}

export interface LiveRunListener {
  /** Recorded points, for showing. */
  points(points: RunPoints): void;
  progress(progress: RunProgress, state: 'running' | 'paused'): void;
}

export interface LiveRunParts {
  session: TrainingSession;
  network: Network;
  plan: NetworkPlan;
  /** As of the checkpoint the session was restored from, or of the start. */
  progress: RunProgress;
  trainedMs: number;
  recorder: RunRecorder;
  listener: LiveRunListener;
}

export class LiveRun {
  readonly #parts: LiveRunParts;
  readonly #layerOfNode: ReadonlyMap<string, string>;
  readonly #nodeOfLayer: ReadonlyMap<string, string>;
  #progress: RunProgress;
  #trainedMs: number;
  #runningSince: number | null = null;
  #wanted: 'running' | 'paused' = 'running';
  #suspending = false;
  #ended: SessionState | null = null;
  #failure: SessionProgress['error'] = null;
  #stepsHere = 0;
  #lastCheckpointAt = performance.now();
  #lastAnnouncedAt = 0;
  #checkpointDue = false;

  constructor(parts: LiveRunParts) {
    this.#parts = parts;
    this.#progress = parts.progress;
    this.#trainedMs = parts.trainedMs;
    this.#layerOfNode = new Map(parts.plan.layers.map(({ node, layer }) => [node, layer]));
    this.#nodeOfLayer = new Map(parts.plan.layers.map(({ node, layer }) => [layer, node]));
  }

  get progress(): RunProgress {
    return this.#progress;
  }

  get state(): 'running' | 'paused' {
    return this.#wanted;
  }

  get plan(): NetworkPlan {
    return this.#parts.plan;
  }

  /** Only between the outcome and `dispose`: while it trains the network belongs to the session. */
  get network(): Network {
    return this.#parts.network;
  }

  /** Milliseconds spent training, pauses left out. */
  get trainedMs(): number {
    return this.#trainedMs + (this.#runningSince === null ? 0 : performance.now() - this.#runningSince);
  }

  /** Trains to the end, a cancel or a suspend; everything is recorded when it resolves. */
  async run(): Promise<LiveRunOutcome> {
    const { session } = this.#parts;
    void session.done.then((state) => {
      this.#ended = state;
    });
    this.#runningSince = performance.now();
    session.start();
    try {
      await this.#pump();
    } catch (thrown) {
      session.cancel();
      await session.done;
      return { kind: 'unrecorded', error: asQatError(thrown).toInfo() };
    } finally {
      this.#stopClock();
    }
    return this.#outcome();
  }

  pause(): void {
    if (this.#wanted === 'paused') return;
    this.#parts.session.pause();
    this.#stopClock();
    this.#wanted = 'paused';
    // What was trained so far must not be lost if the pause outlasts the app.
    this.#checkpointDue = true;
    this.#announce(true);
  }

  resume(): void {
    if (this.#wanted === 'running') return;
    this.#parts.session.resume();
    this.#runningSince = performance.now();
    this.#wanted = 'running';
    this.#announce(true);
  }

  cancel(): void {
    this.#parts.session.cancel();
  }

  /** Stops after a last checkpoint, so that the run can go on another day from exactly here. */
  suspend(): void {
    this.#suspending = true;
    this.#checkpointDue = true;
  }

  snapshotTensor(layer: string): Tensor {
    return this.#parts.session.snapshotTensor(`${this.#node(layer)}.weight`);
  }

  snapshotScales(layer: string): NativeScales {
    return this.#parts.session.snapshotScales(this.#node(layer));
  }

  dispose(): void {
    this.#parts.session.dispose();
    this.#parts.network.dispose();
  }

  #node(layer: string): string {
    const node = this.#nodeOfLayer.get(layer);
    if (node !== undefined) return node;
    throw new QatError(
      'E-LAYER-UNKNOWN',
      `The run does not train a layer named ${layer}.`,
      'Choose a trained layer.',
    );
  }

  async #pump(): Promise<void> {
    for (;;) {
      // Read before draining: what the session did before it ended is then in this drain.
      const ended = this.#ended !== null;
      await this.#record();
      if (ended) return;
      const due = this.#checkpointDue || performance.now() - this.#lastCheckpointAt >= checkpointEveryMs;
      if (due && (this.#wanted === 'running' || this.#checkpointDue)) await this.#checkpoint();
      if (this.#suspending && this.#ended === null) this.#parts.session.cancel();
      await delay(drainEveryMs);
    }
  }

  async #record(): Promise<void> {
    const drained = this.#parts.session.drain();
    if (drained.error) this.#failure = drained.error;
    const points = runPoints(drained, this.#layerOfNode);
    const { evaluations } = points;
    if (points.steps.length > 0 || evaluations.length > 0) {
      await this.#parts.recorder.append(points);
      this.#parts.listener.points(points);
    }
    // The evaluation before the first step needs no checkpoint: there is nothing to lose yet.
    if (evaluations.some((point) => point.step > 0)) this.#checkpointDue = true;
    this.#stepsHere += drained.steps.length;
    this.#progress = nextProgress(this.#progress, drained, this.#stepsHere);
    this.#announce(evaluations.length > 0);
  }

  async #checkpoint(): Promise<void> {
    if (this.#ended !== null) return;
    this.#checkpointDue = false;
    let bytes: Uint8Array;
    try {
      bytes = await this.#parts.session.checkpoint();
    } catch (thrown) {
      // The session ended while it was asked: its outcome, not the checkpoint, is what counts now.
      if (this.#ended !== null || (await endedSoon(this.#parts.session))) return;
      throw thrown;
    }
    // Points up to the checkpoint must be in the file before it: a resume never takes them again.
    await this.#record();
    await this.#parts.recorder.saveCheckpoint(bytes, this.trainedMs);
    this.#lastCheckpointAt = performance.now();
  }

  #announce(now: boolean): void {
    const at = performance.now();
    if (!now && at - this.#lastAnnouncedAt < announceEveryMs) return;
    this.#lastAnnouncedAt = at;
    this.#parts.listener.progress(this.#progress, this.#wanted);
  }

  #stopClock(): void {
    this.#trainedMs = this.trainedMs;
    this.#runningSince = null;
  }

  #outcome(): LiveRunOutcome {
    if (this.#ended === 'failed') {
      const error = asQatError(
        Object.assign(new Error(this.#failure?.message ?? 'The training failed.'), this.#failure),
      );
      return { kind: 'failed', error: error.toInfo() };
    }
    if (this.#ended === 'finished') return { kind: 'finished' };
    return { kind: this.#suspending ? 'suspended' : 'cancelled' };
  }
}

/** True when the session's thread ends within a moment. */
async function endedSoon(session: TrainingSession): Promise<boolean> {
  return Promise.race([session.done.then(() => true), delay(50).then(() => false)]);
}

function nextProgress(before: RunProgress, drained: SessionProgress, stepsHere: number): RunProgress {
  const lastStep = drained.steps.at(-1);
  const lastEvaluation = drained.evaluations.at(-1);
  const step = Math.max(before.step, drained.step);
  const stepMs = drained.stepMs ?? before.stepMs;
  const stepsTotal = Math.max(1, drained.stepsTotal);
  const known = stepMs !== null && stepsHere >= estimateAfterSteps;
  return {
    step,
    stepsTotal,
    epoch: lastStep?.epoch ?? before.epoch,
    loss: lastStep?.loss ?? before.loss,
    testAccuracy: lastEvaluation?.testAccuracy ?? before.testAccuracy,
    stepMs,
    remainingMs: known ? stepMs * (stepsTotal - step) : null,
  };
}
