/** What every service call may be given besides its input, and the helpers that honour it. */
import { QatError, toErrorInfo } from '../contract/index.js';

export interface CallOptions {
  /** Aborting it ends the call with E-CANCELLED; native work stops at its next tile. */
  signal?: AbortSignal;
  /** The job id under which progress is announced (`job.changed`); by default a new one. */
  jobId?: string;
  /** Called with the share of the work done (0–1, null = unknown) and what is being done. */
  onProgress?: (fraction: number | null, detail: string) => void;
}

export function cancelledError(): QatError {
  return new QatError('E-CANCELLED', 'The task was cancelled.', 'Start it again when you want its result.');
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw cancelledError();
}

/** Whatever was thrown, as the product's one error; the original stays as its cause. */
export function asQatError(thrown: unknown): QatError {
  if (thrown instanceof QatError) return thrown;
  const info = toErrorInfo(thrown);
  return new QatError(info.code, info.message, info.remedy, { cause: thrown });
}
