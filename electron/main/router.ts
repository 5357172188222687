/**
 * From a request envelope to an answer: validated input, one handler per route, validated output,
 * errors as values. Knows nothing of Electron; ipc.ts connects it to the only IPC channels.
 */

import { z } from 'zod';
import {
  type Answer,
  QatError,
  type RouteInput,
  type RouteName,
  type RouteOutput,
  routeNames,
  routes,
  toErrorInfo,
} from '../contract/index.js';

export interface RequestContext {
  /** Aborted when the window cancels the request or goes away. */
  signal: AbortSignal;
}

/** A missing or surplus handler does not compile. */
export type Handlers = {
  [R in RouteName]: (input: ValidInput<R>, context: RequestContext) => Promise<RouteOutput<R>>;
};
export type ValidInput<R extends RouteName> = z.output<(typeof routes)[R]['input']>;

const envelopeSchema = z.strictObject({
  id: z.string().min(1).max(64),
  route: z.enum(routeNames as [RouteName, ...RouteName[]]),
  input: z.unknown(),
});

export interface Router {
  handle(envelope: unknown): Promise<Answer<unknown>>;
  cancel(id: unknown): void;
  /** Aborts every request in flight (the window is gone). */
  cancelAll(): void;
}

export function createRouter(handlers: Handlers, report: (route: string, error: unknown) => void): Router {
  const inFlight = new Map<string, AbortController>();

  async function handle(raw: unknown): Promise<Answer<unknown>> {
    const envelope = envelopeSchema.safeParse(raw);
    if (!envelope.success) return refuse('The request is not one this application knows.', envelope.error);
    const { id, route, input } = envelope.data;
    if (inFlight.has(id)) return refuse(`A request with the id ${id} is already running.`);
    const parsed = routes[route].input.safeParse(input);
    if (!parsed.success) return refuse(`The input of ${route} is not valid.`, parsed.error);

    const controller = new AbortController();
    inFlight.set(id, controller);
    try {
      const data = await call(handlers, route, parsed.data as RouteInput<RouteName>, controller.signal);
      return { ok: true, data: routes[route].output.parse(data) };
    } catch (error) {
      if (controller.signal.aborted) return { ok: false, error: cancelled(route).toInfo() };
      report(route, error);
      return { ok: false, error: toErrorInfo(error) };
    } finally {
      // After a reload the id may already belong to a request of the new page.
      if (inFlight.get(id) === controller) inFlight.delete(id);
    }
  }

  return {
    handle,
    cancel: (id) => {
      if (typeof id === 'string') inFlight.get(id)?.abort();
    },
    cancelAll: () => {
      for (const controller of inFlight.values()) controller.abort();
      inFlight.clear();
    },
  };
}

function call(
  handlers: Handlers,
  route: RouteName,
  input: unknown,
  signal: AbortSignal,
): Promise<RouteOutput<RouteName>> {
  // The route name selects schema and handler together, so the pair always fits; TypeScript cannot
  // follow that correlation through the union.
  const handler = handlers[route] as (
    input: unknown,
    context: RequestContext,
  ) => Promise<RouteOutput<RouteName>>;
  return handler(input, { signal });
}

function refuse(message: string, cause?: z.ZodError): Answer<never> {
  const details = cause ? ` ${z.prettifyError(cause).slice(0, 1000)}` : '';
  const error = new QatError(
    'E-REQUEST-INVALID',
    `${message}${details}`,
    'This is a fault of the window, not of your data: reload the window, and report it if it stays.',
  );
  return { ok: false, error: error.toInfo() };
}

function cancelled(route: string): QatError {
  return new QatError('E-CANCELLED', `${route} was cancelled.`, 'Start it again whenever you like.');
}
