/** `window.qat`, the only thing the preload script exposes to the page. */
import type { ErrorInfo } from './errors.js';
import type { AppEvent } from './events.js';
import type { RouteInput, RouteName, RouteOutput } from './routes.js';

export type Answer<T> = { ok: true; data: T } | { ok: false; error: ErrorInfo };

/** `id` names the call so that `cancel(id)` can stop it. */
export interface RequestEnvelope {
  id: string;
  route: RouteName;
  input: unknown;
}

export interface QatBridge {
  request<R extends RouteName>(route: R, input: RouteInput<R>, id?: string): Promise<Answer<RouteOutput<R>>>;
  /** Ask the main process to stop the call `id`; its answer will be `E-CANCELLED`. */
  cancel(id: string): void;
  onEvent(listener: (event: AppEvent) => void): () => void;
  /** The path of a dropped file (`webUtils` where it exists, else `File.path`). */
  pathOf(file: object): string;
}

/** The three IPC channels there are. */
export const channels = { request: 'qat:request', cancel: 'qat:cancel', event: 'qat:event' } as const;
