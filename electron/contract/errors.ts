/**
 * The one error shape of the product. Every failure a user can meet is a `QatError`: a stable code,
 * what happened, and what to do about it. Handlers never reject; the router sends `ErrorInfo`.
 */
import { z } from 'zod';

/** Stable codes. The family before the first dash-separated pair names the part that refused. */
export const errorCodes = [
  'E-INTERNAL',
  'E-CANCELLED',
  'E-REQUEST-INVALID',
  'E-SENDER-REFUSED',
  'E-FILE-MISSING',
  'E-FILE-NOT-A-FILE',
  'E-FILE-UNREADABLE',
  'E-FILE-FORMAT-UNKNOWN',
  'E-FILE-TOO-LARGE',
  'E-FILE-CHANGED',
  'E-DISK-FULL',
  'E-DISK-READ-ONLY',
  'E-DISK-WRITE',
  'E-SAFETENSORS-TRUNCATED',
  'E-SAFETENSORS-HEADER',
  'E-SAFETENSORS-DTYPE',
  'E-SAFETENSORS-SHAPE',
  'E-SAFETENSORS-OFFSETS',
  'E-SAFETENSORS-DUPLICATE',
  'E-SAFETENSORS-LIMIT',
  'E-IDX-MAGIC',
  'E-IDX-TRUNCATED',
  'E-IDX-SHAPE',
  'E-IDX-LIMIT',
  'E-GZIP',
  'E-MODEL-EMPTY',
  'E-MODEL-GRAPH',
  'E-WEIGHT-NOT-FINITE',
  'E-WEIGHT-SHAPE',
  'E-QUANTIZER-INVALID',
  'E-QUANTIZER-LIBRARY',
  'E-LAYER-UNKNOWN',
  'E-LAYER-STATE',
  'E-DATASET-MISMATCH',
  'E-TRAINING-UNAVAILABLE',
  'E-TRAINING-DIVERGED',
  'E-RUN-UNKNOWN',
  'E-RUN-STATE',
  'E-CHECKPOINT',
  'E-PROJECT-NONE',
  'E-PROJECT-DAMAGED',
  'E-PROJECT-NEWER',
  'E-PROJECT-LOCKED',
  'E-EXPORT-PROOF',
  'E-TRANSFORM-PROOF',
  'E-NATIVE-MISSING',
  'E-NATIVE-ARGUMENT',
  'E-OUT-OF-MEMORY',
] as const;

export const errorCodeSchema = z.enum(errorCodes);
export type ErrorCode = z.infer<typeof errorCodeSchema>;

export const errorInfoSchema = z.strictObject({
  code: errorCodeSchema,
  /** What happened, naming the file, layer or value concerned. */
  message: z.string().max(4000),
  /** What the user can do now. */
  remedy: z.string().max(2000),
});
export type ErrorInfo = z.infer<typeof errorInfoSchema>;

export class QatError extends Error {
  readonly code: ErrorCode;
  readonly remedy: string;

  constructor(code: ErrorCode, message: string, remedy: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'QatError';
    this.code = code;
    this.remedy = remedy;
  }

  toInfo(): ErrorInfo {
    return { code: this.code, message: this.message, remedy: this.remedy };
  }
}

/** Turn anything thrown into an `ErrorInfo`; unknown failures keep their message under E-INTERNAL. */
export function toErrorInfo(thrown: unknown): ErrorInfo {
  if (thrown instanceof QatError) return thrown.toInfo();
  const native = nativeErrorInfo(thrown);
  if (native) return native;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return {
    code: 'E-INTERNAL',
    message: message.slice(0, 4000) || 'An unknown error occurred.',
    remedy: 'Try again. If it happens again, report it with the log (Help > Open Log Folder).',
  };
}

/** The addon throws plain Errors that carry `code` and `remedy`; accept exactly those that validate. */
function nativeErrorInfo(thrown: unknown): ErrorInfo | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown) || !('remedy' in thrown)) return undefined;
  const parsed = errorInfoSchema.safeParse({
    code: thrown.code,
    message: thrown.message.slice(0, 4000),
    remedy: thrown.remedy,
  });
  return parsed.success ? parsed.data : undefined;
}
