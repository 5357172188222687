/** Where the window was, kept between starts and moved back onto a display that exists. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BrowserWindow, type Rectangle, screen } from 'electron';
import { z } from 'zod';
import { writeFileAtomic } from '../formats/atomic-file.js';
import { describe, write } from './log.js';

const stateSchema = z.object({
  x: z.int(),
  y: z.int(),
  width: z.int().min(400).max(20_000),
  height: z.int().min(300).max(20_000),
  maximized: z.boolean(),
});
type WindowState = z.infer<typeof stateSchema>;

export interface WindowStateStore {
  bounds: Partial<Rectangle> & { width: number; height: number };
  maximized: boolean;
  track(window: BrowserWindow): void;
  /** Resolves when the state of the closed window is on disk. */
  saved(): Promise<void>;
}

export function loadWindowState(folder: string): WindowStateStore {
  const file = join(folder, 'window.json');
  const saved = readState(file);
  const visible = saved && isVisible(saved) ? saved : undefined;
  let saving: Promise<void> = Promise.resolve();
  return {
    saved: () => saving,
    bounds: visible
      ? { x: visible.x, y: visible.y, width: visible.width, height: visible.height }
      : { width: 1280, height: 800 },
    maximized: visible?.maximized ?? false,
    track(window) {
      window.on('close', () => {
        const state: WindowState = { ...window.getNormalBounds(), maximized: window.isMaximized() };
        saving = writeFileAtomic(file, JSON.stringify(state)).catch((error: unknown) =>
          write('warn', 'window', describe(error)),
        );
      });
    },
  };
}

function readState(file: string): WindowState | undefined {
  try {
    return stateSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined; // First start, or a damaged file: the default place is fine.
  }
}

function isVisible(state: WindowState): boolean {
  return screen.getAllDisplays().some(({ workArea }) => {
    const overlapX =
      Math.min(state.x + state.width, workArea.x + workArea.width) - Math.max(state.x, workArea.x);
    const overlapY =
      Math.min(state.y + state.height, workArea.y + workArea.height) - Math.max(state.y, workArea.y);
    return overlapX > 100 && overlapY > 100;
  });
}
