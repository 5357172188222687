/** The only file that touches `window.qat`: requests become data or a thrown HostError. */
import type { AppEvent, QatBridge, RouteInput, RouteName, RouteOutput } from './contract.js';
import { HostError, toHostError } from './host-error.js';

declare global {
  interface Window {
    qat?: QatBridge;
  }
}

function bridge(): QatBridge {
  const found = window.qat;
  if (found) return found;
  throw new HostError(
    {
      code: 'E-INTERNAL',
      message: 'The window is not connected to the workbench: its preload script did not run.',
      remedy: 'Close the app and start it again.',
    },
    'bridge',
  );
}

let lastCall = 0;

export interface RequestOptions {
  /** Aborting asks the main process to stop the call; it then throws E-CANCELLED. */
  signal?: AbortSignal | undefined;
}

function cancelled(route: RouteName): HostError {
  return new HostError({ code: 'E-CANCELLED', message: 'Cancelled.', remedy: 'Start it again.' }, route);
}

/** Ask the main process. Throws HostError for every failure, also when the bridge itself fails. */
export async function request<R extends RouteName>(
  route: R,
  input: RouteInput<R>,
  options: RequestOptions = {},
): Promise<RouteOutput<R>> {
  const { signal } = options;
  if (signal?.aborted) throw cancelled(route);
  lastCall += 1;
  const id = `call-${lastCall}`;
  const host = bridge();
  const onAbort = () => host.cancel(id);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const answer = await host.request(route, input, id);
    if (signal?.aborted) throw cancelled(route);
    if (answer.ok) return answer.data;
    throw new HostError(answer.error, route);
  } catch (thrown) {
    throw toHostError(thrown, route);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

/** Listen to the main process; returns the way to stop. */
export function onHostEvent(listener: (event: AppEvent) => void): () => void {
  return bridge().onEvent(listener);
}

/** The absolute path of a dropped file. */
export function pathOfFile(file: File): string {
  return bridge().pathOf(file);
}
