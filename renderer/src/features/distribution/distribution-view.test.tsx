import { act, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { giveSize } from '../../charts/testing/layout.js';
import {
  applyProject,
  followConfiguration,
  followSelection,
  forgetAnswers,
  lookAtRow,
  setLayerConfigs,
  useLensStore,
  useProject,
} from '../../host/index.js';
import { installBridge, Refusal } from '../../host/testing/recorded-bridge.js';
import { sampleAnalysisFor, sampleWhatIfFor } from '../../host/testing/sample-analysis.js';
import { sampleProject, sampleRun } from '../../host/testing/sample-state.js';
import { TooltipProvider } from '../../ui/index.js';
import { DistributionView } from './distribution-view.js';

let stops: (() => void)[] = [];
beforeEach(() => {
  stops = [giveSize(), followConfiguration(), followSelection()];
});
afterEach(() => {
  for (const stop of stops) stop();
});

function open(handlers: Parameters<typeof installBridge>[0] = {}) {
  forgetAnswers();
  useLensStore.setState({ row: null, runId: null });
  const project = sampleProject(undefined, { runs: [sampleRun({ state: 'finished', name: 'first run' })] });
  const bridge = installBridge({
    'layer.analyze': sampleAnalysisFor,
    'layer.whatIf': sampleWhatIfFor,
    'project.saveView': () => ({}),
    'project.configure': ({ changes }) => ({ configuration: changes, states: {} }),
    ...handlers,
  });
  useProject.setState({ project: null });
  applyProject(project);
  render(
    <TooltipProvider>
      <DistributionView />
    </TooltipProvider>,
  );
  return bridge;
}

describe('DistributionView', () => {
  it('shows the weights, the figures, what lies outside, and the same layer at four bit-widths', async () => {
    open();
    await screen.findByRole('application', { name: /Distribution of fc1.weight/ });
    expect(screen.getByText(/2 048 bins · 3 outside/)).toBeTruthy();
    expect(screen.getByLabelText('Statistics of the weights').textContent).toContain('kurtosis0.300');
    for (const bits of [8, 4, 2, 1]) {
      expect(await screen.findByRole('button', { name: new RegExp(`^W${bits}`) })).toBeTruthy();
    }
    expect(screen.getByRole('button', { name: /^W4/ }).getAttribute('aria-pressed')).toBe('true');
  });

  it('asks only for the what-if when the bits change, never for the whole analysis again', async () => {
    const bridge = open();
    await screen.findByRole('application', { name: /Distribution of fc1.weight/ });
    const analyses = bridge.inputsOf('layer.analyze').length;
    act(() => setLayerConfigs(['fc1.weight'], { weight: { bits: 3 } }, 'Set fc1.weight to 3 bits'));
    await screen.findByRole('application', { name: /SQNR 15.00 dB/ });
    expect(bridge.inputsOf('layer.analyze')).toHaveLength(analyses);
  });

  it("sets the layer's bits by choosing one of the four", async () => {
    const bridge = open();
    await userEvent.click(await screen.findByRole('button', { name: /^W2/ }));
    await waitFor(() => expect(bridge.inputsOf('project.configure')).toHaveLength(1));
    expect(bridge.inputsOf('project.configure')[0]?.changes['fc1.weight']?.weight.bits).toBe(2);
  });

  it('looks at one output channel, and only of the layer it was chosen for', async () => {
    const bridge = open();
    await screen.findByRole('application', { name: /Distribution of fc1.weight/ });
    act(() => lookAtRow('fc1.weight', 5));
    await waitFor(() => expect(bridge.inputsOf('layer.analyze').at(-1)?.lens.row).toBe(5));
    act(() => lookAtRow('fc2.weight', 7));
    await waitFor(() => expect(screen.queryByLabelText('Output channel')).toBeNull());
  });

  it("looks at a run's weights with the run's own quantizer", async () => {
    const bridge = open();
    await screen.findByRole('application', { name: /Distribution of fc1.weight/ });
    act(() => setLayerConfigs(['fc1.weight'], { weight: { bits: 8 } }, 'x'));
    act(() => useLensStore.setState({ runId: 'run-1' }));
    await waitFor(() =>
      expect(bridge.inputsOf('layer.whatIf').some(({ source }) => source.runId === 'run-1')).toBe(true),
    );
    const ofRun = bridge.inputsOf('layer.whatIf').filter(({ source }) => source.runId === 'run-1');
    expect(ofRun.some(({ lens }) => lens.quantizer.bits === 4)).toBe(true);
  });

  it('says what is wrong and what to do when the weights cannot be read', async () => {
    open({
      'layer.analyze': () => {
        throw new Refusal({
          code: 'E-WEIGHT-NOT-FINITE',
          message: 'fc1.weight holds a NaN at [0, 3].',
          remedy: 'Open a sound file.',
        });
      },
    });
    expect((await screen.findByRole('alert')).textContent).toContain('E-WEIGHT-NOT-FINITE');
    expect(screen.getByText('Open a sound file.')).toBeTruthy();
  });
});
