/** Carries the main process's events into the stores. */
import { followAllocation } from './allocation.js';
import { useAppInfo } from './app-store.js';
import { followCalibration } from './calibration-store.js';
import { onHostEvent, request } from './client.js';
import { followConfiguration } from './configuration-store.js';
import type { AppEvent, MenuCommand } from './contract.js';
import { useExports } from './export-actions.js';
import { HostError } from './host-error.js';
import { applyJob } from './jobs-store.js';
import { forgetAnswers } from './latest-request.js';
import { notify } from './notices.js';
import { applyProject, onProjectReplaced, refreshRecent, useProject } from './project-store.js';
import { appendPoints, applyRun, clearSeries } from './runs-store.js';
import { followSelection } from './selection-store.js';
import { followTraining } from './training-store.js';
import { followTransforms } from './transforms.js';

export function applyEvent(event: AppEvent, onMenuCommand: (command: MenuCommand) => void): void {
  switch (event.type) {
    case 'project.opened':
    case 'project.changed':
      applyProject(event.project);
      return;
    case 'run.changed':
      applyRun(event.run);
      return;
    case 'run.points':
      appendPoints(event.runId, event.steps, event.evaluations, event.diagnostics);
      return;
    case 'job.changed':
      applyJob(event.job);
      return;
    case 'menu.command':
      onMenuCommand(event.command);
      return;
    case 'settings.changed':
      useAppInfo.setState({ settings: event.settings });
      return;
    case 'memory':
      useAppInfo.setState({ residentBytes: event.residentBytes });
      return;
    case 'error':
      notify(new HostError(event.error, event.context));
      return;
  }
}

async function firstAnswers(): Promise<void> {
  try {
    const info = await request('app.info', {});
    useAppInfo.setState({ info, settings: info.settings });
    const { project } = await request('project.current', {});
    if (project) applyProject(project);
    await request('app.ready', {});
  } catch (thrown) {
    notify(thrown, 'starting');
  } finally {
    useProject.setState({ loading: false });
  }
  await refreshRecent();
}

/** Connect the stores to the main process; returns the way to disconnect. */
export function connect(onMenuCommand: (command: MenuCommand) => void): () => void {
  const stops = [
    followConfiguration(),
    followSelection(),
    followTraining(),
    followCalibration(),
    followAllocation(),
    followTransforms(),
    onProjectReplaced(() => {
      forgetAnswers();
      clearSeries();
      useExports.setState({ latest: null, verified: {} });
    }),
    onHostEvent((event) => applyEvent(event, onMenuCommand)),
  ];
  void firstAnswers();
  return () => {
    for (const stop of stops) stop();
  };
}
