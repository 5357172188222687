/**
 * Events to the window. Until the window says it is ready they wait here: the newest per key, so the
 * buffer stays as small as the number of keys. Points of a run are not kept: the window asks for the
 * series when it opens, and the file has them all.
 */
import { type AppEvent, channels } from '../contract/index.js';

export interface EventTarget {
  isDestroyed(): boolean;
  send(channel: string, event: AppEvent): void;
}

export interface EventBus {
  emit(event: AppEvent): void;
  /** Deliver what waited, then everything as it comes. */
  attach(target: EventTarget): void;
  /** The window went away or reloads: wait again. */
  detach(): void;
}

const waitingLimit = 500;

export function createEventBus(): EventBus {
  let target: EventTarget | null = null;
  let serial = 0;
  const waiting = new Map<string, AppEvent>();

  function keyOf(event: AppEvent): string {
    switch (event.type) {
      case 'run.changed':
        return `run.changed ${event.run.id}`;
      case 'job.changed':
        return `job.changed ${event.job.id}`;
      case 'menu.command':
      case 'error':
        serial += 1;
        return `${event.type} ${serial}`;
      default:
        return event.type;
    }
  }

  function emit(event: AppEvent): void {
    if (target && !target.isDestroyed()) {
      target.send(channels.event, event);
      return;
    }
    if (event.type === 'run.points') return;
    const key = keyOf(event);
    waiting.delete(key);
    waiting.set(key, event);
    const oldest = waiting.keys().next();
    if (waiting.size > waitingLimit && !oldest.done) waiting.delete(oldest.value);
  }

  return {
    emit,
    attach(next) {
      target = next;
      const late = [...waiting.values()];
      waiting.clear();
      for (const event of late) emit(event);
    },
    detach() {
      target = null;
    },
  };
}
