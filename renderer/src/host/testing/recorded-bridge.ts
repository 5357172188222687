/** For tests only: a stand-in for `window.qat` that records what the window asks and answers as told. */
import type { AppEvent, ErrorInfo, QatBridge, RouteInput, RouteName, RouteOutput } from '../contract.js';
import { routes } from '../contract.js';

export type Handlers = {
  [R in RouteName]?: (input: RouteInput<R>) => RouteOutput<R> | Promise<RouteOutput<R>>;
};

export interface RecordedBridge {
  calls: { route: RouteName; input: unknown; id: string | undefined }[];
  cancelled: string[];
  /** As the main process would send it. */
  emit(event: AppEvent): void;
  inputsOf<R extends RouteName>(route: R): RouteInput<R>[];
}

/** Throw it from a handler to refuse a request as the main process does. */
export class Refusal extends Error {
  constructor(readonly info: ErrorInfo) {
    super(info.message);
  }
}

/** Puts the stand-in into the page. Inputs are checked with the real schemas, as the router does. */
export function installBridge(handlers: Handlers): RecordedBridge {
  const listeners = new Set<(event: AppEvent) => void>();
  const recorded: RecordedBridge = {
    calls: [],
    cancelled: [],
    emit: (event) => {
      for (const listener of listeners) listener(event);
    },
    inputsOf: (route) =>
      recorded.calls.filter((call) => call.route === route).map((call) => call.input) as never,
  };
  const bridge: QatBridge = {
    async request(route, input, id) {
      recorded.calls.push({ route, input, id });
      const parsed = routes[route].input.safeParse(input);
      if (!parsed.success) {
        return {
          ok: false,
          error: {
            code: 'E-REQUEST-INVALID',
            message: `${route}: ${parsed.error.message}`,
            remedy: 'Fix the caller.',
          },
        };
      }
      const handler = handlers[route] as ((value: unknown) => unknown) | undefined;
      if (!handler) throw new Error(`the test has no handler for ${route}`);
      try {
        return { ok: true, data: (await handler(input)) as never };
      } catch (thrown) {
        if (thrown instanceof Refusal) return { ok: false, error: thrown.info };
        throw thrown;
      }
    },
    cancel: (id) => recorded.cancelled.push(id),
    onEvent: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    pathOf: (file) => `/dropped/${(file as File).name}`,
  };
  window.qat = bridge;
  return recorded;
}
