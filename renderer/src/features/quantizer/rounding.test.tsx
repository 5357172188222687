/** Rounding, calibration inputs and layer training in the panel: what is asked of the main process, and what is shown. */
import { act, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it } from 'vitest';
import type { LayerOutcome, ProjectState } from '../../host/contract.js';
import {
  applyProject,
  configurationSettled,
  followCalibration,
  followConfiguration,
  followSelection,
  forgetAnswers,
  quantizeSelection,
  setCalibration,
  useConfiguration,
  useProject,
} from '../../host/index.js';
import { installBridge, type RecordedBridge, Refusal } from '../../host/testing/recorded-bridge.js';
import { sampleProject, sampleWhatIf } from '../../host/testing/sample-state.js';
import { TooltipProvider } from '../../ui/index.js';
import { QuantizerPanel } from './quantizer-panel.js';

const refusal = { code: 'E-REQUEST-INVALID', message: 'not asked', remedy: 'none' } as const;
let bridge: RecordedBridge;
let stops: (() => void)[] = [];

/** The project with an outcome on its first layer. */
function withOutcome(project: ProjectState, outcome: LayerOutcome): ProjectState {
  const [first, ...rest] = project.model.layers;
  if (!first) throw new Error('no layer');
  const layers = [{ ...first, state: 'quantized' as const, outcome }, ...rest];
  return { ...project, model: { ...project.model, layers } };
}

function open(project: ProjectState = sampleProject(), chosen: string | null = null): void {
  for (const stop of stops) stop();
  bridge = installBridge({
    'project.saveView': () => ({}),
    'project.configure': ({ changes }) => ({
      configuration: changes as never,
      states: Object.fromEntries(Object.keys(changes).map((name) => [name, { state: 'float' as const }])),
    }),
    'layer.whatIf': ({ lens }) => sampleWhatIf(lens.quantizer.bits),
    'layer.analyze': () => {
      throw new Refusal(refusal);
    },
    'layer.quantize': () => project,
    'layer.train': () => project,
    'layer.chooseInputs': () => ({ path: chosen }),
  });
  forgetAnswers();
  useProject.setState({ project: null, busy: null });
  stops = [followConfiguration(), followSelection(), followCalibration()];
  applyProject(project);
  render(
    <TooltipProvider>
      <QuantizerPanel />
    </TooltipProvider>,
  );
}

const weight = () => useConfiguration.getState().configuration['fc1.weight']?.weight;

async function choose(control: string, option: RegExp): Promise<void> {
  await userEvent.click(screen.getByRole('combobox', { name: control }));
  await userEvent.click(await screen.findByRole('option', { name: option }));
}

describe('rounding in the quantizer panel', () => {
  beforeEach(async () => {
    await configurationSettled();
  });

  it('GPTQ brings its parameters, is one undo step, and Quantize then sends the inputs', async () => {
    open();
    await choose('Rounding', /^GPTQ/);
    expect(weight()?.rounding).toBe('gptq');
    const damping = screen.getByRole('spinbutton', { name: 'Rounding damping δ' });
    await userEvent.clear(damping);
    await userEvent.type(damping, '0.05{Enter}');
    expect(weight()?.damping).toBe(0.05);
    await userEvent.click(screen.getByRole('checkbox', { name: 'Columns with strong inputs first' }));
    expect(weight()?.actOrder).toBe(false);
    expect(useConfiguration.getState().undoSteps).toHaveLength(3);
    await act(() => quantizeSelection());
    expect(bridge.inputsOf('layer.quantize')).toEqual([
      { layers: ['fc1.weight'], calibration: { kind: 'captured', images: 1024 } },
    ]);
  });

  it('HQQ brings the unsigned grid and needs no inputs', async () => {
    open();
    await choose('Rounding', /^HQQ/);
    expect(weight()).toMatchObject({ rounding: 'hqq', grid: 'unsigned' });
    await act(() => quantizeSelection());
    expect(bridge.inputsOf('layer.quantize')).toEqual([{ layers: ['fc1.weight'] }]);
  });

  it('a model without data draws its inputs; captured ones say what is missing', async () => {
    open(sampleProject(undefined, { dataset: null, trainingReason: 'No data set is attached.' }));
    await userEvent.click(screen.getByRole('button', { name: /^Calibration inputs/ }));
    expect(screen.getByRole('combobox', { name: 'Inputs' }).textContent).toContain('drawn');
    await choose('Distribution', /^uniform/);
    expect(screen.getByRole('spinbutton', { name: 'From' })).toBeTruthy();
    await choose('Inputs', /^captured/);
    expect(screen.getByText(/No data set is attached/)).toBeTruthy();
  });

  it('asks for the file when none was chosen, and does nothing when the dialog is closed', async () => {
    open();
    act(() => setCalibration({ kind: 'file' }));
    await choose('Rounding', /^AdaRound/);
    await act(() => quantizeSelection());
    expect(bridge.inputsOf('layer.quantize')).toEqual([]);
    expect(bridge.inputsOf('layer.chooseInputs')).toHaveLength(1);
  });

  it('trains the layer with the settings shown, on the file that was chosen', async () => {
    open(sampleProject(), '/data/inputs.npy');
    await userEvent.click(screen.getByRole('button', { name: /^Calibration inputs/ }));
    await choose('Inputs', /^file/);
    await userEvent.click(screen.getByRole('button', { name: 'Choose…' }));
    expect(await screen.findByText('inputs.npy')).toBeTruthy();
    await userEvent.click(screen.getByRole('button', { name: /^Layer training/ }));
    const epochs = screen.getByRole('spinbutton', { name: 'Layer epochs' });
    await userEvent.clear(epochs);
    await userEvent.type(epochs, '7{Enter}');
    await userEvent.click(screen.getByRole('button', { name: 'Train layer' }));
    await waitFor(() => expect(bridge.inputsOf('layer.train')).toHaveLength(1));
    expect(bridge.inputsOf('layer.train')[0]).toMatchObject({
      layers: ['fc1.weight'],
      calibration: { kind: 'file', path: '/data/inputs.npy' },
      training: { epochs: 7, optimizer: 'adam' },
    });
  });

  it('shows what was won, until the quantizer is changed', async () => {
    const outcome: LayerOutcome = { by: 'gptq', measure: 'output', nearest: 0.1, loss: 0.01, power: 10 };
    open(withOutcome(sampleProject(), outcome));
    expect(screen.getByText('output error')).toBeTruthy();
    expect(screen.getByText(/−20\.00 dB/)).toBeTruthy();
    expect(screen.getByText(/−30\.00 dB/)).toBeTruthy();
    await choose('Granularity', /tensor/);
    await act(() => configurationSettled());
    expect(screen.queryByText('output error')).toBeNull();
  });
});
