/** Long loops of this process in pieces: between them the window is served, and a cancel is heard. */
import { setImmediate } from 'node:timers/promises';
import { throwIfAborted } from './call-options.js';

/** Steps that take a few milliseconds where each does little. */
export const pieceSize = 2 ** 18;

/** Calls `work` with [begin, end) after [begin, end) of 0 … count−1, in order, `size` at a time. @throws E-CANCELLED */
export async function inPieces(
  count: number,
  signal: AbortSignal | undefined,
  work: (begin: number, end: number) => void | Promise<void>,
  size = pieceSize,
): Promise<void> {
  for (let begin = 0; begin < count; begin += size) {
    throwIfAborted(signal);
    await work(begin, Math.min(count, begin + size));
    await setImmediate();
  }
}
