/**
 * Where the reader points, outside React's state: moving the pointer must not redraw a chart. Charts
 * with the same group name share one position, so their cross-hairs move together.
 */
import { useState, useSyncExternalStore } from 'react';

export interface Crosshair {
  /** In units of the x axis; null = nowhere. */
  x: number | null;
  /** Moved by keyboard, so the read-out is also spoken. */
  spoken: boolean;
  /** The chart that is pointed at; the others of its group only show the line. */
  owner: string | null;
}

export interface CrosshairStore {
  get(): Crosshair;
  set(x: number | null, owner?: string | null, spoken?: boolean): void;
  subscribe(listener: () => void): () => void;
}

export function createCrosshair(): CrosshairStore {
  let state: Crosshair = { x: null, spoken: false, owner: null };
  const listeners = new Set<() => void>();
  return {
    get: () => state,
    set(x, owner = null, spoken = false) {
      if (state.x === x && state.spoken === spoken && state.owner === owner) return;
      state = { x, spoken, owner };
      for (const listener of listeners) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

const groups = new Map<string, CrosshairStore>();

function groupStore(group: string): CrosshairStore {
  const known = groups.get(group);
  if (known) return known;
  const store = createCrosshair();
  groups.set(group, store);
  return store;
}

/** The store of `group`, or one of this chart's own. */
export function useCrosshairStore(group: string | undefined): CrosshairStore {
  const [own] = useState(createCrosshair);
  return group === undefined ? own : groupStore(group);
}

export function useCrosshair(store: CrosshairStore): Crosshair {
  return useSyncExternalStore(store.subscribe, store.get, store.get);
}
