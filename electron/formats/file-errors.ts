/** From errno codes to errors a user can act on: one place for reading, one for writing. */
import { type ErrorCode, QatError } from '../contract/errors.js';

/** The errno name of a Node system error, e.g. `ENOENT`; undefined for anything else. */
export function errnoOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}

function detailOf(thrown: unknown): string {
  return errnoOf(thrown) ?? (thrown instanceof Error ? thrown.message : String(thrown));
}

/** Failure to open or read `path`. A `QatError` passes through unchanged. */
export function toReadError(path: string, thrown: unknown): QatError {
  if (thrown instanceof QatError) return thrown;
  if (isAbort(thrown)) return cancelledError();
  const make = (code: ErrorCode, message: string, remedy: string) =>
    new QatError(code, message, remedy, { cause: thrown });
  switch (errnoOf(thrown)) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ERR_INVALID_ARG_VALUE':
      return make(
        'E-FILE-MISSING',
        `${path} does not exist.`,
        'Check whether it was moved, renamed or deleted, or whether its disk is connected, then open it again.',
      );
    case 'EISDIR':
      return notAFileError(path, 'a folder');
    case 'EACCES':
    case 'EPERM':
      return make(
        'E-FILE-UNREADABLE',
        `${path} may not be read: the system denies access.`,
        'Give yourself permission to read the file and its folders, or copy it to a folder of yours.',
      );
    case 'EMFILE':
    case 'ENFILE':
      return make(
        'E-FILE-UNREADABLE',
        `${path} could not be opened: too many files are open.`,
        'Close other projects or programs and try again.',
      );
    default:
      return make(
        'E-FILE-UNREADABLE',
        `${path} could not be read (${detailOf(thrown)}).`,
        'Check the disk or network share that holds the file, then try again.',
      );
  }
}

export function notAFileError(path: string, found: string): QatError {
  return new QatError(
    'E-FILE-NOT-A-FILE',
    `${path} is ${found}, expected a regular file.`,
    'Choose the file itself.',
  );
}

/** Failure to write `path`. A `QatError` passes through unchanged. */
export function toWriteError(path: string, thrown: unknown): QatError {
  if (thrown instanceof QatError) return thrown;
  if (isAbort(thrown)) return cancelledError();
  const make = (code: ErrorCode, message: string, remedy: string) =>
    new QatError(code, message, remedy, { cause: thrown });
  switch (errnoOf(thrown)) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return make(
        'E-DISK-FULL',
        `${path} could not be written: the disk or quota is full (${detailOf(thrown)}). Nothing was changed.`,
        'Free some space or choose another disk, then try again.',
      );
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return make(
        'E-DISK-READ-ONLY',
        `${path} could not be written: its folder or disk is read-only for you (${detailOf(thrown)}).`,
        'Choose a folder you may write to, or change its permissions, then try again.',
      );
    case 'ENOENT':
    case 'ENOTDIR':
      return make(
        'E-DISK-WRITE',
        `${path} could not be written: its folder does not exist.`,
        'Create the folder or choose another one, then try again.',
      );
    case 'EISDIR':
    case 'ENOTEMPTY':
    case 'EEXIST':
      return make(
        'E-DISK-WRITE',
        `${path} could not be written: something else with that name is there.`,
        'Choose another name, or move what is there out of the way, then try again.',
      );
    default:
      return make(
        'E-DISK-WRITE',
        `${path} could not be written (${detailOf(thrown)}). The file as it was before is untouched.`,
        'Check the disk or network share, then try again.',
      );
  }
}

export function isAbort(thrown: unknown): boolean {
  return thrown instanceof Error && (thrown.name === 'AbortError' || errnoOf(thrown) === 'ABORT_ERR');
}

export function cancelledError(): QatError {
  return new QatError('E-CANCELLED', 'Cancelled. Nothing was changed.', 'Start it again when you want it.');
}

/** Throws `E-CANCELLED` once the signal is aborted; called between chunks of work. */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw cancelledError();
}
