/** The progress of a training on the taskbar or dock icon. */
import type { BrowserWindow } from 'electron';
import { type AppEvent, isActive } from '../contract/index.js';

export function showTrainingOnTaskbar(window: BrowserWindow, event: AppEvent): void {
  if (event.type !== 'run.changed') return;
  const { state, progress } = event.run;
  if (isActive(event.run)) {
    const mode = state === 'paused' ? 'paused' : 'normal';
    window.setProgressBar(progress.step / progress.stepsTotal, { mode });
  } else {
    window.setProgressBar(-1);
  }
}
