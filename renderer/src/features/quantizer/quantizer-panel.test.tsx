import { act, render, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it } from 'vitest';
import { methodTable, type ProjectState } from '../../host/contract.js';
import {
  applyProject,
  configurationSettled,
  followConfiguration,
  followSelection,
  forgetAnswers,
  selectLayers,
  setLayerConfigs,
  useConfiguration,
  useLibraries,
  useProject,
} from '../../host/index.js';
import { installBridge, type RecordedBridge, Refusal } from '../../host/testing/recorded-bridge.js';
import { sampleLibrary, sampleProject, sampleWhatIf } from '../../host/testing/sample-state.js';
import { TooltipProvider } from '../../ui/index.js';
import { QuantizerPanel } from './quantizer-panel.js';

const refusal = {
  code: 'E-WEIGHT-NOT-FINITE',
  message: 'NaN at row 3, column 17.',
  remedy: 'Mend the file.',
} as const;
let bridge: RecordedBridge;
let stops: (() => void)[] = [];

function open(project: ProjectState = sampleProject(), broken = false): void {
  for (const stop of stops) stop();
  bridge = installBridge({
    'project.saveView': () => ({}),
    'project.configure': ({ changes }) => ({ configuration: changes as never, states: {} }),
    'layer.whatIf': ({ lens }) => {
      if (broken) throw new Refusal(refusal);
      return sampleWhatIf(lens.quantizer.bits);
    },
    'layer.analyze': () => {
      throw new Refusal(refusal);
    },
  });
  forgetAnswers();
  useProject.setState({ project: null });
  stops = [followConfiguration(), followSelection()];
  applyProject(project);
  render(
    <TooltipProvider>
      <QuantizerPanel />
    </TooltipProvider>,
  );
}

const group = (name: string) => screen.getByRole('radiogroup', { name });
const chosen = (name: string) =>
  within(group(name))
    .getAllByRole('radio')
    .filter((radio) => radio.getAttribute('aria-checked') === 'true')
    .map((radio) => radio.getAttribute('aria-label'));
const weight = (name: string) => useConfiguration.getState().configuration[name]?.weight;

describe('quantizer panel', () => {
  beforeEach(async () => {
    await configurationSettled();
  });

  it('shows the figures of the selected layer, computed for its quantizer', async () => {
    open();
    await waitFor(() => expect(screen.getByText('20.00 dB')).toBeTruthy());
    expect(screen.getByText('0.42 %')).toBeTruthy();
    expect(bridge.inputsOf('layer.whatIf')[0]).toMatchObject({
      source: { layer: 'fc1.weight', runId: null },
      lens: { quantizer: { bits: 4, grid: 'signed' } },
    });
  });

  it('sets the bits and shows the figures of the new ones', async () => {
    open();
    await userEvent.click(within(group('Weight bits')).getByRole('radio', { name: '8 bits' }));
    expect(weight('fc1.weight')?.bits).toBe(8);
    await waitFor(() => expect(screen.getByText('40.00 dB')).toBeTruthy());
  });

  it('moves between bits with the arrow keys', async () => {
    open();
    act(() => within(group('Weight bits')).getByRole('radio', { name: '4 bits' }).focus());
    // Held for a moment, as a finger does: the focus moves after the key went down.
    await userEvent.keyboard('{ArrowRight>}');
    await waitFor(() => expect(weight('fc1.weight')?.bits).toBe(5));
    await userEvent.keyboard('{/ArrowRight}');
  });

  it('goes to the binary grid with one bit and back with more', async () => {
    open();
    await userEvent.click(within(group('Weight bits')).getByRole('radio', { name: '1 bit' }));
    expect(weight('fc1.weight')).toMatchObject({ bits: 1, grid: 'binary' });
    expect(screen.getByText('ŵ = α · sign(w)')).toBeTruthy();
    await userEvent.click(within(group('Weight bits')).getByRole('radio', { name: '3 bits' }));
    expect(weight('fc1.weight')).toMatchObject({ bits: 3, grid: 'signed' });
  });

  it('tells what else a rounding changed, until it is undone in one step', async () => {
    open();
    const said = 'Grid became unsigned: signed does not go with HQQ.';
    act(() => setLayerConfigs(['fc1.weight'], { weight: { rounding: 'hqq' } }, 'HQQ'));
    expect(screen.getByText(said)).toBeTruthy();
    await userEvent.click(screen.getByRole('button', { name: 'Undo' }));
    expect(weight('fc1.weight')).toEqual(sampleProject().configuration['fc1.weight']?.weight);
    expect(screen.queryByText(said)).toBeNull();
  });

  it('keeps quiet about another selection', () => {
    open();
    act(() => setLayerConfigs(['fc1.weight'], { weight: { rounding: 'hqq' } }, 'HQQ'));
    act(() => selectLayers(['fc2.weight']));
    expect(screen.queryByText(/^Grid became/)).toBeNull();
  });

  it('says mixed where the layers differ and sets them alike with one undo step', async () => {
    open();
    act(() => {
      setLayerConfigs(['fc2.weight'], { weight: { bits: 2, granularity: 'tensor' } }, 'edit');
      selectLayers(['fc1.weight', 'fc2.weight'], 'fc1.weight');
    });
    await waitFor(() => expect(screen.getByText('· 2 layers')).toBeTruthy());
    expect(chosen('Weight bits')).toEqual([]);
    expect(chosen('Activation bits')).toEqual(['4 bits']);
    expect(screen.getByRole('combobox', { name: 'Granularity' }).textContent).toContain('mixed');
    expect(screen.getByText(/The layers differ/).textContent).toContain('fc1.weight');

    await userEvent.click(within(group('Weight bits')).getByRole('radio', { name: '8 bits' }));
    expect(weight('fc1.weight')?.bits).toBe(8);
    expect(weight('fc2.weight')?.bits).toBe(8);
    expect(useConfiguration.getState().undoSteps.map((step) => step.label)).toEqual([
      'edit',
      'Set 2 layers to 8 bits',
    ]);
    expect(weight('fc2.weight')?.granularity).toBe('tensor');
  });

  it('chooses a grid with the keyboard', async () => {
    open();
    act(() => screen.getByRole('combobox', { name: 'Grid' }).focus());
    await userEvent.keyboard('{ArrowDown}');
    await waitFor(() => expect(screen.getByRole('listbox', { name: 'Grid' })).toBeTruthy());
    await userEvent.keyboard('{ArrowDown}{Enter}');
    expect(weight('fc1.weight')?.grid).toBe('narrow');
    expect(screen.getByText('ŵ = s · clamp(⌊w/s⌉, −7, 7)')).toBeTruthy();
  });

  it('offers a loaded library as a method at its bits, and says when it is lost', async () => {
    useLibraries.setState({ libraries: [sampleLibrary()] });
    open();
    await userEvent.click(screen.getByRole('combobox', { name: 'Method' }));
    await userEvent.click(await screen.findByRole('option', { name: /^own/ }));
    expect(weight('fc1.weight')).toMatchObject({
      bits: 2,
      grid: 'user',
      method: 'user',
      library: 'user:own',
    });
    expect(screen.getByRole('combobox', { name: 'Method' }).textContent).toContain('own');
    expect(screen.getByRole('combobox', { name: 'Start range' })).toHaveProperty('disabled', true);
    expect(screen.getByText('ŵ = level[q]')).toBeTruthy();
    act(() => useLibraries.setState({ libraries: [] }));
    expect(screen.getByText(/^Not loaded/).textContent).toContain('Not loaded: user:own');
  });

  it('tells formula, source, use and traps of the chosen method beside it, by keyboard', async () => {
    open();
    act(() => screen.getByRole('button', { name: 'About Method: LSQ, learned' }).focus());
    await userEvent.keyboard('{Enter}');
    const note = await screen.findByRole('dialog', { name: 'Method: LSQ, learned' });
    expect(note.querySelector('pre')?.textContent).toBe(methodTable.lsq.formula);
    expect(note.textContent).toContain(methodTable.lsq.source);
    expect(note.textContent).toContain(methodTable.lsq.goodFor);
    expect(note.textContent).toContain('Traps');
    await userEvent.keyboard('{Escape}');
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  });

  it('brings grid, bits and start of a chosen method, and offers its start on that grid alone', async () => {
    open();
    const pick = async (control: string, option: RegExp) => {
      await userEvent.click(screen.getByRole('combobox', { name: control }));
      await userEvent.click(await screen.findByRole('option', { name: option }));
    };
    await userEvent.click(screen.getByRole('combobox', { name: 'Start range' }));
    expect(screen.queryByRole('option', { name: /TTQ start/ })).toBeNull();
    await userEvent.keyboard('{Escape}');
    await pick('Method', /^TTQ/);
    expect(weight('fc1.weight')).toMatchObject({ bits: 2, grid: 'ternary', range: 'ttq', method: 'ttq' });
    await pick('Start range', /TWN/);
    expect(weight('fc1.weight')).toMatchObject({ range: 'twn', method: 'lsq' });
    await pick('Method', /^DoReFa/);
    expect(weight('fc1.weight')).toMatchObject({ grid: 'midrise', granularity: 'tensor', range: 'mse' });
    expect((screen.getByRole('combobox', { name: 'Start range' }) as HTMLButtonElement).disabled).toBe(true);
  });

  it('has a field for the parameter of a range estimator that has one', async () => {
    open();
    expect(screen.queryByRole('spinbutton', { name: 'Weight percentile' })).toBeNull();
    act(() => setLayerConfigs(['fc1.weight'], { weight: { range: 'percentile' } }, 'edit'));
    const field = await screen.findByRole('spinbutton', { name: 'Weight percentile' });
    expect((field as HTMLInputElement).value).toBe('99.9');
    await userEvent.clear(field);
    await userEvent.type(field, '99{Enter}');
    expect(weight('fc1.weight')).toMatchObject({ range: 'percentile', percentile: 99 });
  });

  it('brings an unsigned grid for PACT and gives PACT up with it', async () => {
    open();
    const activation = () => useConfiguration.getState().configuration['fc1.weight']?.activation;
    act(() => setLayerConfigs(['fc1.weight'], { activation: { method: 'pact' } }, 'edit'));
    expect(activation()).toMatchObject({ method: 'pact', grid: 'unsigned' });
    act(() => setLayerConfigs(['fc1.weight'], { activation: { grid: 'auto' } }, 'edit'));
    expect(activation()).toMatchObject({ method: 'lsq', grid: 'auto' });
    await waitFor(() => expect(screen.getByText('20.00 dB')).toBeTruthy());
  });

  it('shows the group size only for groups and refuses one larger than a row', async () => {
    open();
    expect(screen.queryByRole('spinbutton', { name: 'Group size' })).toBeNull();
    act(() => setLayerConfigs(['fc1.weight'], { weight: { granularity: 'group' } }, 'edit'));
    const field = await screen.findByRole('spinbutton', { name: 'Group size' });
    await userEvent.clear(field);
    await userEvent.type(field, '9999');
    expect(field.getAttribute('aria-invalid')).toBe('true');
    await userEvent.tab();
    expect(weight('fc1.weight')?.groupSize).toBe(64);
  });

  it('hides what only a quantized weight has when the layer is float', async () => {
    open();
    await userEvent.click(within(group('Weight bits')).getByRole('radio', { name: 'float' }));
    expect(screen.queryByRole('combobox', { name: 'Method' })).toBeNull();
    expect(screen.getByText('ŵ = w')).toBeTruthy();
  });

  it('says in the panel why a layer has no figures', async () => {
    open(sampleProject(), true);
    const alert = await screen.findByRole('alert');
    expect(alert.textContent).toContain('E-WEIGHT-NOT-FINITE');
    expect(alert.textContent).toContain('NaN at row 3, column 17.');
    expect(alert.textContent).toContain('Mend the file.');
  });

  it('teaches how to select when nothing is selected', async () => {
    open();
    act(() => selectLayers([]));
    await userEvent.click(await screen.findByRole('button', { name: 'Select all layers' }));
    expect(await screen.findByText('· 3 layers')).toBeTruthy();
  });

  it('applies a preset to the selection', async () => {
    open();
    await userEvent.click(screen.getByRole('button', { name: 'W1A32' }));
    const config = useConfiguration.getState().configuration['fc1.weight'];
    expect(config).toMatchObject({ weight: { bits: 1, grid: 'binary' }, activation: { bits: 32 } });
    expect(weight('fc2.weight')?.bits).toBe(4);
  });
});
