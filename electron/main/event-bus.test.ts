import { describe, expect, it } from 'vitest';
import type { AppEvent } from '../contract/index.js';
import { createEventBus } from './event-bus.js';

function target() {
  const received: AppEvent[] = [];
  return {
    received,
    isDestroyed: () => false,
    send: (_channel: string, event: AppEvent) => received.push(event),
  };
}

const memory = (residentBytes: number): AppEvent => ({ type: 'memory', residentBytes });
const command = (): AppEvent => ({ type: 'menu.command', command: 'edit.undo' });

describe('event bus', () => {
  it('keeps the newest per key until the window is ready, and every command', () => {
    const bus = createEventBus();
    bus.emit(memory(1));
    bus.emit(command());
    bus.emit(memory(2));
    bus.emit(command());
    const window = target();
    bus.attach(window);
    expect(window.received).toEqual([command(), memory(2), command()]);
    bus.emit(memory(3));
    expect(window.received.at(-1)).toEqual(memory(3));
  });

  it('waits again after a reload and does not repeat what was delivered', () => {
    const bus = createEventBus();
    const first = target();
    bus.attach(first);
    bus.emit(memory(1));
    bus.detach();
    bus.emit(memory(2));
    const second = target();
    bus.attach(second);
    expect(first.received).toEqual([memory(1)]);
    expect(second.received).toEqual([memory(2)]);
  });

  it('does not keep points of a run nor grow without bound', () => {
    const bus = createEventBus();
    bus.emit({ type: 'run.points', runId: 'run-1', steps: [], evaluations: [], diagnostics: [] });
    for (let n = 0; n < 5000; n += 1) bus.emit(command());
    const window = target();
    bus.attach(window);
    expect(window.received.length).toBe(500);
  });
});
