/** Rounding, calibration inputs and layer training in the panel: what is asked of the main process, and what is shown. */
import { act, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it } from 'vitest';
import type { InputsFile, LayerInfo, LayerOutcome, ProjectState } from '../../host/contract.js';
import {
  applyProject,
  configurationSettled,
  followCalibration,
  followConfiguration,
  followSelection,
  forgetAnswers,
  quantizeSelection,
  setCalibration,
  useCalibration,
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

function open(project: ProjectState = sampleProject(), chosen: InputsFile | null = null): void {
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
    'layer.chooseInputs': () => ({ file: chosen }),
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

/** What regions of news say; the one of adjustments is there always, mostly empty. */
function said(): string[] {
  const texts = screen.queryAllByRole('status').map(({ textContent }) => textContent ?? '');
  return texts.filter((text) => text !== '');
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

  const openSection = () => userEvent.click(screen.getByRole('button', { name: /^Calibration inputs/ }));
  const layersWith = (change: Partial<LayerInfo>) => {
    const project = sampleProject();
    const layers = project.model.layers.map((layer) => ({ ...layer, ...change }));
    return { ...project, model: { ...project.model, layers } };
  };

  it('a model without data draws its inputs; captured ones cannot be chosen, and why', async () => {
    open(sampleProject(undefined, { dataset: null, trainingReason: 'No data set is attached.' }));
    await openSection();
    expect(screen.getByRole('combobox', { name: 'Inputs' }).textContent).toContain('drawn');
    expect(screen.getByText(/No data set is attached\. File › Open Data Set/)).toBeTruthy();
    await userEvent.click(screen.getByRole('combobox', { name: 'Inputs' }));
    const captured = await screen.findByRole('option', { name: /^captured/ });
    expect(captured.getAttribute('aria-disabled')).toBe('true');
    expect(captured.textContent).toContain('No data set is attached.');
    await userEvent.click(captured);
    expect(useCalibration.getState().kind).toBeNull();
    await userEvent.keyboard('{Escape}');
    await choose('Distribution', /^uniform/);
    expect(screen.getByRole('spinbutton', { name: 'From' })).toBeTruthy();
  });

  it('a data set that is opened later makes captured inputs the default', async () => {
    open(sampleProject(undefined, { dataset: null, trainingReason: null }));
    await openSection();
    expect(screen.getByRole('combobox', { name: 'Inputs' }).textContent).toContain('drawn');
    act(() => applyProject(sampleProject()));
    expect(screen.getByRole('combobox', { name: 'Inputs' }).textContent).toContain('captured');
  });

  it('without a network graph no data set is advised', async () => {
    open({ ...layersWith({ trainable: false }), dataset: null });
    await openSection();
    expect(
      screen.getByText(/does not describe its network\. Choose a file of inputs, or draw them/),
    ).toBeTruthy();
    expect(screen.queryByText(/Open Data Set/)).toBeNull();
    expect(screen.getByText(/no graph says what reaches fc1\.weight/)).toBeTruthy();
    await choose('Rounding', /^AdaRound/);
    await act(() => quantizeSelection());
    expect(bridge.inputsOf('layer.quantize')).toMatchObject([
      { calibration: { kind: 'drawn', distribution: { kind: 'auto' } } },
    ]);
  });

  it('says what is drawn for the layer, and why', async () => {
    open({ ...layersWith({ input: { nonNegative: true, groups: 1 } }) });
    await openSection();
    await choose('Inputs', /^drawn/);
    expect(
      screen.getByText(/Half-normal: by the network graph nothing below zero reaches fc1\.weight/),
    ).toBeTruthy();
    await choose('Distribution', /^normal/);
    expect(screen.getByRole('spinbutton', { name: 'Mean' })).toBeTruthy();
    expect(screen.queryByText(/by the network graph/)).toBeNull();
    await choose('Distribution', /^half-normal/);
    expect(screen.queryByRole('spinbutton', { name: 'Mean' })).toBeNull();
    expect(screen.getByRole('spinbutton', { name: 'Deviation' })).toBeTruthy();
  });

  it('a file that does not fit the layer selected now, or has few samples, says so', async () => {
    open(sampleProject(), { path: '/data/inputs.npy', samples: 1024, width: 784 });
    act(() => setCalibration({ kind: 'file', file: { path: '/data/inputs.npy', samples: 32, width: 784 } }));
    await openSection();
    expect(screen.getByText(/Fewer samples than the 784 inputs of a row/)).toBeTruthy();
    act(() => setCalibration({ file: { path: '/data/other.npy', samples: 1024, width: 256 } }));
    expect(screen.getByText(/The file has 256 values per sample, fc1\.weight takes 784/)).toBeTruthy();
    await userEvent.click(screen.getByRole('button', { name: 'Another…' }));
    expect(bridge.inputsOf('layer.chooseInputs')).toEqual([{ layers: ['fc1.weight'] }]);
    expect(await screen.findByText(/inputs\.npy · 1.024 × 784/)).toBeTruthy();
    expect(said()).toEqual([]);
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
    open(sampleProject(), { path: '/data/inputs.npy', samples: 1024, width: 784 });
    await userEvent.click(screen.getByRole('button', { name: /^Calibration inputs/ }));
    await choose('Inputs', /^file/);
    await userEvent.click(screen.getByRole('button', { name: 'Choose…' }));
    expect(await screen.findByText(/inputs\.npy/)).toBeTruthy();
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
    expect(screen.getByText(/^output error/)).toBeTruthy();
    expect(screen.getByText(/−20\.00 dB/).textContent).toContain('· 1.00 %');
    expect(screen.getByText(/−30\.00 dB/).textContent).toContain('· 0.100 %');
    expect(said()).toEqual([]);
    await choose('Granularity', /tensor/);
    await act(() => configurationSettled());
    expect(screen.queryByText(/^output error/)).toBeNull();
  });

  it.each<[string, Partial<LayerOutcome>, RegExp[]]>([
    [
      'worse than nearest',
      { loss: 0.2 },
      [/Worse than rounding to nearest\. Choose Nearest for it, or more damping/],
    ],
    [
      'worse than nothing',
      { nearest: 30, loss: 20 },
      [/output is further off than if it were 0\. .*more bits/],
    ],
    [
      'nearest worse than nothing',
      { nearest: 20, loss: 1 },
      [/scales and inputs do not fit.*calibration inputs/],
    ],
    ['both', { nearest: 20, loss: 30 }, [/further off than if it were 0/, /Worse than rounding to nearest/]],
    ['on drawn inputs', { inputs: 'drawn' }, [/Measured on drawn inputs.*Choose captured inputs/]],
    ['weights', { by: 'hqq', measure: 'weight', loss: 0.2 }, [/Worse than.*smaller groups/]],
  ])('an outcome %s is warned of, with what helps', (_name, change, expected) => {
    const good: LayerOutcome = { by: 'gptq', measure: 'output', nearest: 0.1, loss: 0.01, power: 10 };
    open(withOutcome(sampleProject(), { ...good, ...change }));
    const warnings = said();
    expect(warnings).toHaveLength(expected.length);
    for (const [index, text] of expected.entries()) expect(warnings[index]).toMatch(text);
  });
});
