import { act, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { giveSize } from '../../charts/testing/layout.js';
import type { ProjectState, RunSummary } from '../../host/contract.js';
import {
  appendPoints,
  applyProject,
  clearSeries,
  followConfiguration,
  followSelection,
  useProject,
  useSelection,
} from '../../host/index.js';
import { installBridge } from '../../host/testing/recorded-bridge.js';
import { sampleProject, sampleRun } from '../../host/testing/sample-state.js';
import { TooltipProvider } from '../../ui/index.js';
import { drawnLayers } from './diagnostics.js';
import { focusedRun, overlaidRuns, TrainingView } from './training-view.js';

const finished = (id: string, name: string): RunSummary =>
  sampleRun({
    id,
    name,
    state: 'finished',
    result: {
      floatAccuracy: 0.8835,
      accuracyBefore: 0.79,
      accuracyAfter: 0.8775,
      lossAfter: 0.31,
      effectiveBits: 4.13,
      packedBytes: 139_000,
      floatBytes: 1_077_000,
      seconds: 12,
    },
  });

describe('which runs are shown', () => {
  const runs = [finished('run-1', 'a'), finished('run-2', 'b'), sampleRun({ id: 'run-3', state: 'running' })];

  it('the one that trains leads, else the one picked last, else the newest', () => {
    expect(focusedRun(runs, ['run-1'])?.id).toBe('run-3');
    expect(focusedRun(runs.slice(0, 2), ['run-2', 'run-1'])?.id).toBe('run-1');
    expect(focusedRun(runs.slice(0, 2), [])?.id).toBe('run-2');
    expect(focusedRun([], ['run-1'])).toBeUndefined();
  });

  it('are overlaid once each, the leading one first', () => {
    expect(overlaidRuns(runs, ['run-1', 'run-3']).map(({ id }) => id)).toEqual(['run-3', 'run-1']);
  });
});

describe('which layers are drawn', () => {
  const all = Array.from({ length: 40 }, (_, index) => `layer${index}`);

  it('at most six, the selected first, in the order of the model', () => {
    expect(drawnLayers(all, ['layer30', 'layer7'])).toEqual([
      'layer0',
      'layer1',
      'layer2',
      'layer3',
      'layer7',
      'layer30',
    ]);
    expect(drawnLayers(all.slice(0, 3), [])).toHaveLength(3);
  });
});

describe('TrainingView', () => {
  let stops: (() => void)[] = [];
  beforeEach(() => {
    stops = [giveSize(), followConfiguration(), followSelection()];
    clearSeries();
  });
  afterEach(() => {
    for (const stop of stops) stop();
  });

  function open(change: Partial<ProjectState>) {
    const bridge = installBridge({
      'project.saveView': () => ({}),
      'run.series': ({ runId }) => ({ runId, steps: [], evaluations: [], diagnostics: [] }),
      'run.pause': () => sampleRun({ state: 'paused' }),
      'run.cancel': () => sampleRun({ state: 'cancelled' }),
      'run.rename': ({ name }) => finished('run-2', name),
      'run.delete': () => ({}),
    });
    useProject.setState({ project: null });
    applyProject(sampleProject(undefined, change));
    render(
      <TooltipProvider>
        <TrainingView />
      </TooltipProvider>,
    );
    return bridge;
  }

  it('teaches and offers to train before the first run', () => {
    open({ runs: [] });
    expect(screen.getByRole('heading', { name: 'Nothing trained yet' })).toBeTruthy();
    expect(screen.getByText('752')).toBeTruthy();
    expect(screen.getByRole('button', { name: 'Train' }).getAttribute('aria-disabled')).toBeNull();
  });

  it('says why a model cannot be trained', () => {
    open({ runs: [], dataset: null, trainingReason: 'This file has no network graph.' });
    expect(screen.getByRole('button', { name: 'Train' }).getAttribute('aria-disabled')).toBe('true');
    expect(screen.getAllByText('This file has no network graph.').length).toBeGreaterThan(0);
  });

  it('shows how far the run is and pauses it', async () => {
    const bridge = open({ runs: [sampleRun()] });
    expect(screen.getByText('0:14 left')).toBeTruthy();
    expect(screen.getByText(/step 100 of 752/)).toBeTruthy();
    await userEvent.click(screen.getByRole('button', { name: 'Pause' }));
    expect(bridge.inputsOf('run.pause')).toEqual([{ runId: 'run-1' }]);
    expect(await screen.findByRole('button', { name: 'Resume' })).toBeTruthy();
  });

  it('draws points as they come', async () => {
    open({ runs: [sampleRun()] });
    const steps = [1, 2, 3].map((step) => ({ step, epoch: step / 94, loss: 2 / step, learningRate: 0.001 }));
    act(() => appendPoints('run-1', steps, []));
    expect(
      await screen.findByRole('application', { name: /Training loss by step. Last: W4A4 0.6667/ }),
    ).toBeTruthy();
  });

  const figuresAt = (step: number) => ({
    step,
    epoch: step / 94,
    layers: ['fc1.weight', 'fc2.weight'].map((name, index) => ({
      name,
      weightScale: 0.01 * (index + 1),
      activationScale: null,
      flipShare: step === 1 ? null : 0.1 / step,
      oscillatingShare: 0,
      frozenShare: null,
      clippedWeights: 0,
      clippedInputs: null,
      weightGradient: 1,
      scaleGradient: null,
      sqnrDb: 20 + index,
    })),
  });
  const evaluation = {
    step: 0,
    epoch: 0,
    testLoss: 1,
    testAccuracy: 0.5,
    layers: ['fc1.weight', 'fc2.weight'].map((name) => ({ name, sqnrDb: 20, scaleMean: 0.1, flipShare: 0 })),
  };

  it('draws the figure that is picked, layer by layer, by step', async () => {
    open({ runs: [sampleRun()] });
    act(() => appendPoints('run-1', [], [evaluation], [1, 2, 4].map(figuresAt)));
    await userEvent.click(screen.getByRole('radio', { name: 'Layers by step' }));
    const chart = (name: RegExp) => screen.findByRole('application', { name });
    await chart(/Code flips by step. Last: fc1.weight 2.50\s?%, fc2.weight 2.50\s?%/);
    await userEvent.click(screen.getByRole('combobox', { name: 'Figure' }));
    await userEvent.click(await screen.findByRole('option', { name: /^SQNR/ }));
    await chart(/SQNR, dB by step. Last: fc1.weight 20.00/);
    await userEvent.click(screen.getByRole('combobox', { name: 'Figure' }));
    await userEvent.click(await screen.findByRole('option', { name: /^Clipped inputs/ }));
    await chart(/Clipped inputs by step. Last: fc1.weight no points yet/);
  });

  it('says why a run has no figures by step', async () => {
    const run = sampleRun();
    open({ runs: [{ ...run, training: { ...run.training, diagnosticsEvery: 0 } }] });
    await userEvent.click(screen.getByRole('radio', { name: 'Layers by step' }));
    expect(screen.getByText(/recorded its layers at evaluations only/)).toBeTruthy();
  });

  it('renames a run where it stands', async () => {
    const bridge = open({ runs: [finished('run-2', 'old name')] });
    await userEvent.dblClick(screen.getByRole('button', { name: 'old name' }));
    const field = screen.getByRole('textbox', { name: 'New name of old name' });
    await userEvent.clear(field);
    await userEvent.type(field, 'new name{Enter}');
    expect(bridge.inputsOf('run.rename')).toEqual([{ runId: 'run-2', name: 'new name' }]);
  });

  it('asks before it deletes', async () => {
    const bridge = open({ runs: [finished('run-2', 'old run')] });
    await userEvent.click(screen.getByRole('button', { name: 'Actions of old run' }));
    await userEvent.click(await screen.findByText('Delete…'));
    expect(bridge.inputsOf('run.delete')).toEqual([]);
    await userEvent.click(await screen.findByRole('button', { name: 'Delete' }));
    await waitFor(() => expect(bridge.inputsOf('run.delete')).toEqual([{ runId: 'run-2' }]));
  });

  it('leaves the selection of runs to the user', async () => {
    open({ runs: [finished('run-1', 'a'), finished('run-2', 'b')] });
    await userEvent.click(screen.getByRole('checkbox', { name: 'Show a' }));
    expect(useSelection.getState().runs).toEqual(['run-1']);
  });
});
