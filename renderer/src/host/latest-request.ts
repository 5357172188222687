/**
 * Requests whose answer only matters while their input is current: figures of the selected layer.
 * Equal questions share one call and its answer; a question nobody asks any more is cancelled.
 */
import { useEffect, useRef, useState } from 'react';
import { request } from './client.js';
import type { RouteInput, RouteName, RouteOutput } from './contract.js';
import { type HostError, toHostError } from './host-error.js';

/** An answer is a few tens of kilobytes; a layer has nine of them. */
const maxCached = 180;
const cache = new Map<string, unknown>();

interface Flight {
  promise: Promise<unknown>;
  controller: AbortController;
  waiting: number;
}
const flights = new Map<string, Flight>();

/** Forget all answers: the weights they were about are no longer the ones shown. */
export function forgetAnswers(): void {
  cache.clear();
}

function remember(key: string, data: unknown): void {
  cache.delete(key);
  cache.set(key, data);
  if (cache.size <= maxCached) return;
  const oldest = cache.keys().next().value;
  if (oldest !== undefined) cache.delete(oldest);
}

const keyOf = (route: RouteName, input: unknown, revision: number | string) =>
  `${route} ${revision} ${JSON.stringify(input)}`;

function join<R extends RouteName>(route: R, input: RouteInput<R>, key: string, keep: boolean): Flight {
  const known = flights.get(key);
  if (known) {
    known.waiting += 1;
    return known;
  }
  const controller = new AbortController();
  const promise = request(route, input, { signal: controller.signal })
    .then((data) => {
      if (keep) remember(key, data);
      return data;
    })
    .finally(() => {
      if (flights.get(key)?.promise === promise) flights.delete(key);
    });
  const flight: Flight = { promise, controller, waiting: 1 };
  flights.set(key, flight);
  return flight;
}

function leave(key: string, flight: Flight): void {
  flight.waiting -= 1;
  if (flight.waiting > 0 || flights.get(key) !== flight) return;
  flights.delete(key);
  flight.controller.abort();
}

export interface Latest<T> {
  /** The answer to the current input, or, while that is awaited, to the one before. */
  data: T | null;
  error: HostError | null;
  /** The answer to the current input has not come yet. */
  loading: boolean;
}

export interface LatestOptions {
  /** False for what changes under the same input (a run's live weights): asked anew every time. */
  cached?: boolean;
  /** Wait this long for the input to rest before asking. */
  delayMs?: number;
  /** Change it to ask again with the same input. */
  revision?: number | string;
}

/**
 * Asks for what may be wanted next, so that it is known when it is. Takes the place of no other question, shares
 * the flight of an equal one, and fails silently: whoever really wants the answer asks again and says why.
 */
export async function askAhead<R extends RouteName>(
  route: R,
  input: RouteInput<R>,
  options: { revision: number | string; signal: AbortSignal },
): Promise<void> {
  const key = keyOf(route, input, options.revision);
  if (cache.has(key) || options.signal.aborted) return;
  const flight = join(route, input, key, true);
  const stop = () => leave(key, flight);
  options.signal.addEventListener('abort', stop, { once: true });
  await flight.promise.catch(() => undefined);
  options.signal.removeEventListener('abort', stop);
  if (!options.signal.aborted) leave(key, flight);
}

/** The answer to `input`, latest wins; `input` null asks nothing. */
export function useLatestRequest<R extends RouteName>(
  route: R,
  input: RouteInput<R> | null,
  options: LatestOptions = {},
): Latest<RouteOutput<R>> {
  const { cached = true, delayMs = 0, revision = 0 } = options;
  const key = input === null ? null : keyOf(route, input, revision);
  const [state, setState] = useState<{
    key: string | null;
    data: RouteOutput<R> | null;
    error: HostError | null;
  }>(() => ({ key: null, data: null, error: null }));
  const current = useRef(input);
  current.current = input;

  useEffect(() => {
    const asked = current.current;
    if (key === null || asked === null) {
      setState({ key: null, data: null, error: null });
      return;
    }
    if (cached && cache.has(key)) {
      setState({ key, data: cache.get(key) as RouteOutput<R>, error: null });
      return;
    }
    let flight: Flight | null = null;
    let left = false;
    const ask = () => {
      flight = join(route, asked, key, cached);
      flight.promise.then(
        (data) => {
          if (!left) setState({ key, data: data as RouteOutput<R>, error: null });
        },
        (thrown: unknown) => {
          // Cancelled by the user while it is still wanted here: that is said, with a way to ask again.
          if (!left) setState({ key, data: null, error: toHostError(thrown, route) });
        },
      );
    };
    const timer = delayMs > 0 ? setTimeout(ask, delayMs) : undefined;
    if (timer === undefined) ask();
    return () => {
      left = true;
      clearTimeout(timer);
      if (flight) leave(key, flight);
    };
  }, [route, key, cached, delayMs]);

  if (key !== null && state.key !== key && cached && cache.has(key)) {
    // Known already: shown at once, not after one more rendering.
    return { data: cache.get(key) as RouteOutput<R>, error: null, loading: false };
  }
  return {
    data: key === null ? null : state.data,
    error: state.error,
    loading: key !== null && state.key !== key,
  };
}
