/** Runs one native job so that aborting a JavaScript signal stops it, and its failure is a QatError. */
import type { CancelToken, NativeAddon } from '../../native/index.js';
import { asQatError, throwIfAborted } from './call-options.js';

export async function withCancel<T>(
  addon: NativeAddon,
  signal: AbortSignal | undefined,
  work: (token: CancelToken) => Promise<T>,
): Promise<T> {
  throwIfAborted(signal);
  const token = addon.createCancelToken();
  const stop = () => token.cancel();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return await work(token);
  } catch (thrown) {
    throwIfAborted(signal);
    throw asQatError(thrown);
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}
