/** Drives a native training session to its end. */
import { QatError } from '../contract/index.js';
import type { NativeAddon } from '../engine/index.js';

export type Session = ReturnType<NativeAddon['createSession']>;
export type SessionProgress = ReturnType<Session['drain']>;

/** How often the session's bounded ring is emptied: far more often than it fills. */
const drainMs = 20;

/**
 * Starts the session and resolves when it has finished; the caller disposes it. `onProgress` gets what
 * happened since it was called last. Aborting stops the session between two steps.
 * @throws QatError E-CANCELLED, or what the training failed with (E-TRAINING-DIVERGED …).
 */
export async function runSession(
  session: Session,
  onProgress?: (progress: SessionProgress) => void,
  signal?: AbortSignal,
): Promise<void> {
  const drain = (): SessionProgress => {
    const progress = session.drain();
    onProgress?.(progress);
    return progress;
  };
  const cancel = (): void => session.cancel();
  if (signal?.aborted) throw cancelled();
  signal?.addEventListener('abort', cancel);
  session.start();
  const timer = setInterval(drain, drainMs);
  const state = await session.done.finally(() => {
    clearInterval(timer);
    signal?.removeEventListener('abort', cancel);
  });
  const { error } = drain();
  if (state === 'finished') return;
  if (state === 'cancelled') throw cancelled();
  throw Object.assign(new Error(error?.message ?? `The training ended as ${state}.`), error);
}

function cancelled(): QatError {
  return new QatError('E-CANCELLED', 'The training was stopped.', 'Start it again.');
}
