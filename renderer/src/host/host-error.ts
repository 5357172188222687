/** A refused request: the main process's `ErrorInfo` as something that can be thrown and caught. */
import type { ErrorCode, ErrorInfo } from './contract.js';

export class HostError extends Error {
  readonly code: ErrorCode;
  readonly remedy: string;
  /** What the window asked for when it was refused, or where it came from. */
  readonly context: string;

  constructor(info: ErrorInfo, context: string) {
    super(info.message);
    this.name = 'HostError';
    this.code = info.code;
    this.remedy = info.remedy;
    this.context = context;
  }
}

/** Anything thrown, as a HostError; what is not one keeps its message under E-INTERNAL. */
export function toHostError(thrown: unknown, context: string): HostError {
  if (thrown instanceof HostError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new HostError(
    {
      code: 'E-INTERNAL',
      message: message || 'An unknown error occurred.',
      remedy: 'Try again. If it happens again, report it with the log (Help > Open Log Folder).',
    },
    context,
  );
}

export function isCancelled(thrown: unknown): boolean {
  return thrown instanceof HostError && thrown.code === 'E-CANCELLED';
}
