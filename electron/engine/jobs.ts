/**
 * Long tasks as the job bar shows them: title, share done, time left, cancel. A job is announced when it
 * starts (or when it proves long), at most ten times a second while it runs, and once at its end, so
 * `job.changed` stays bounded.
 */
import { randomUUID } from 'node:crypto';
import type { AppEvent, Job } from '../contract/index.js';
import { asQatError, type CallOptions, throwIfAborted } from './call-options.js';

const announceEveryMs = 100;
/** No remaining time is shown before the job has run this long and got this far: early estimates jump. */
const estimateAfterMs = 1500;
const estimateAfterFraction = 0.05;

export interface JobControl {
  readonly id: string;
  readonly signal: AbortSignal;
  progress(fraction: number | null, detail: string): void;
}

export interface JobOptions extends CallOptions {
  /** Shown only when it is still running after this long; what ends before that is never heard of. */
  announceAfterMs?: number;
}

interface RunningJob {
  controller: AbortController;
  /** Resolves when the job has ended, well or not. */
  ended: Promise<unknown>;
}

export class Jobs {
  readonly #running = new Map<string, RunningJob>();
  readonly #emit: (event: AppEvent) => void;

  constructor(emit: (event: AppEvent) => void) {
    this.#emit = emit;
  }

  /** Asks the job to stop; its call then ends with E-CANCELLED. Unknown and ended jobs are ignored. */
  cancel(jobId: string): void {
    this.#running.get(jobId)?.controller.abort();
  }

  cancelAll(): void {
    for (const { controller } of this.#running.values()) controller.abort();
  }

  /** Asks every job but the named one to stop, and waits until each has ended. */
  async stopAll(exceptId?: string): Promise<void> {
    const others = [...this.#running].filter(([id]) => id !== exceptId).map(([, job]) => job);
    for (const { controller } of others) controller.abort();
    await Promise.all(others.map(({ ended }) => ended));
  }

  /** Runs `work` as an announced job; aborting the caller's signal or `cancel(id)` aborts `work`'s signal. */
  async run<T>(
    kind: Job['kind'],
    title: string,
    options: JobOptions | undefined,
    work: (job: JobControl) => Promise<T>,
  ): Promise<T> {
    throwIfAborted(options?.signal);
    const id = options?.jobId ?? `job-${randomUUID()}`;
    const controller = new AbortController();
    const stop = () => controller.abort();
    options?.signal?.addEventListener('abort', stop, { once: true });
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#running.set(id, { controller, ended });
    const announcer = new Announcer(this.#emit, { id, kind, title }, options?.announceAfterMs ?? 0);
    try {
      const result = await work({
        id,
        signal: controller.signal,
        progress: (fraction, detail) => {
          announcer.progress(fraction, detail);
          options?.onProgress?.(fraction, detail);
        },
      });
      announcer.end('done');
      return result;
    } catch (thrown) {
      const error = asQatError(thrown);
      announcer.end(error.code === 'E-CANCELLED' ? 'cancelled' : 'failed');
      throw error;
    } finally {
      options?.signal?.removeEventListener('abort', stop);
      this.#running.delete(id);
      end();
    }
  }
}

class Announcer {
  readonly #emit: (event: AppEvent) => void;
  readonly #startedAt = performance.now();
  readonly #waiting: NodeJS.Timeout | undefined;
  #announced = false;
  #lastAt = 0;
  #job: Job;

  constructor(emit: (event: AppEvent) => void, job: Pick<Job, 'id' | 'kind' | 'title'>, afterMs: number) {
    this.#emit = emit;
    this.#job = {
      ...job,
      title: job.title.slice(0, 300),
      fraction: null,
      detail: '',
      remainingMs: null,
      cancellable: true,
      state: 'running',
    };
    if (afterMs > 0) this.#waiting = setTimeout(() => this.#announce(), afterMs);
    else this.#announce();
  }

  #announce(): void {
    this.#announced = true;
    this.#send();
  }

  progress(fraction: number | null, detail: string): void {
    const clamped = fraction === null ? null : Math.min(1, Math.max(0, fraction));
    this.#job = {
      ...this.#job,
      fraction: clamped,
      detail: detail.slice(0, 300),
      remainingMs: this.#remainingMs(clamped),
    };
    if (this.#announced && performance.now() - this.#lastAt >= announceEveryMs) this.#send();
  }

  end(state: 'done' | 'failed' | 'cancelled'): void {
    const fraction = state === 'done' ? 1 : this.#job.fraction;
    this.#job = { ...this.#job, fraction, remainingMs: null, cancellable: false, state };
    clearTimeout(this.#waiting);
    if (this.#announced) this.#send();
  }

  #remainingMs(fraction: number | null): number | null {
    const elapsedMs = performance.now() - this.#startedAt;
    if (fraction === null || fraction < estimateAfterFraction || elapsedMs < estimateAfterMs) return null;
    return (elapsedMs * (1 - fraction)) / fraction;
  }

  #send(): void {
    this.#lastAt = performance.now();
    this.#emit({ type: 'job.changed', job: this.#job });
  }
}
