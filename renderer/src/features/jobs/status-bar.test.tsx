import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it } from 'vitest';
import { applyJob, useAppInfo, useJobs, useProject } from '../../host/index.js';
import { installBridge } from '../../host/testing/recorded-bridge.js';
import { sampleProject, sampleRun, threeLayers } from '../../host/testing/sample-state.js';
import { TooltipProvider } from '../../ui/index.js';
import { progressText } from './run-text.js';
import { StatusBar } from './status-bar.js';

const job = {
  id: 'job-1',
  kind: 'prepare' as const,
  title: 'Prepare 3 layers',
  fraction: 0.5,
  detail: 'fc2.weight',
  remainingMs: 2000,
  cancellable: true,
  state: 'running' as const,
};

const show = () =>
  render(
    <TooltipProvider>
      <StatusBar />
    </TooltipProvider>,
  );

describe('status bar', () => {
  beforeEach(() => {
    useJobs.setState({ running: [], ended: [], cancelling: [] });
    useProject.setState({ project: sampleProject() });
    useAppInfo.setState({ residentBytes: 312_000_000 });
  });

  it('shows memory and that nothing is going on', () => {
    show();
    expect(screen.getByText('312 MB')).toBeTruthy();
    expect(screen.getByText('Ready')).toBeTruthy();
  });

  it('shows a job with its progress and time left, and cancels it', async () => {
    applyJob(job);
    const bridge = installBridge({ 'job.cancel': () => ({}) });
    show();
    expect(screen.getByRole('progressbar').getAttribute('aria-valuenow')).toBe('50');
    expect(screen.getByText('0:02 left')).toBeTruthy();
    await userEvent.click(screen.getByRole('button', { name: 'Cancel: Prepare 3 layers' }));
    expect(bridge.inputsOf('job.cancel')).toEqual([{ jobId: 'job-1' }]);
    expect(screen.getByText('stopping…')).toBeTruthy();
  });

  it('forgets a job that ended', () => {
    applyJob(job);
    applyJob({ ...job, state: 'cancelled' });
    expect(useJobs.getState()).toMatchObject({ running: [], ended: [{ id: 'job-1' }] });
  });

  it('shows a training and pauses, resumes and cancels it', async () => {
    const run = sampleRun();
    useProject.setState({ project: sampleProject(threeLayers, { runs: [run] }) });
    const bridge = installBridge({
      'run.pause': () => ({ ...run, state: 'paused' }),
      'run.resume': () => run,
      'run.cancel': () => ({ ...run, state: 'cancelled' }),
    });
    show();
    expect(screen.getByText('Training W4A4')).toBeTruthy();
    expect(screen.getByText('0:14 left')).toBeTruthy();
    await userEvent.click(screen.getByRole('button', { name: 'Pause training' }));
    expect(screen.getByText('Paused: W4A4')).toBeTruthy();
    await userEvent.click(screen.getByRole('button', { name: 'Resume training' }));
    await userEvent.click(screen.getByRole('button', { name: 'Cancel training' }));
    expect(bridge.calls.map((call) => call.route)).toEqual(['run.pause', 'run.resume', 'run.cancel']);
    expect(screen.getByText('Ready')).toBeTruthy();
  });
});

describe('progress in words', () => {
  it('says how far in epochs, as the header of the run does, and never beyond the last', () => {
    expect(progressText(sampleRun())).toBe('epoch 1.1 of 8 · training loss 0.500 · accuracy 80.0 %');
    const end = sampleRun().progress;
    expect(progressText(sampleRun({ progress: { ...end, epoch: 8, loss: null, testAccuracy: null } }))).toBe(
      'epoch 8.0 of 8',
    );
  });
});
