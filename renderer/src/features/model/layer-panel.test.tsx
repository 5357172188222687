import { fireEvent, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  applyProject,
  followConfiguration,
  followSelection,
  useProject,
  useSelection,
} from '../../host/index.js';
import { installBridge, type RecordedBridge } from '../../host/testing/recorded-bridge.js';
import { type SampleLayer, sampleProject, threeLayers } from '../../host/testing/sample-state.js';
import { TooltipProvider } from '../../ui/index.js';
import { LayerPanel } from './layer-panel.js';

let bridge: RecordedBridge;
let stops: (() => void)[] = [];

function open(layers: SampleLayer[] = threeLayers): void {
  for (const stop of stops) stop();
  bridge = installBridge({
    'project.saveView': () => ({}),
    'layer.thumbnails': ({ layers: names, bins }) => ({
      thumbnails: names.map((layer) => ({ layer, counts: Array.from({ length: bins }, (_, bin) => bin) })),
    }),
  });
  useProject.setState({ project: null });
  stops = [followConfiguration(), followSelection()];
  applyProject(sampleProject(layers));
  render(
    <TooltipProvider>
      <LayerPanel />
    </TooltipProvider>,
  );
}

const list = () => screen.getByRole('listbox');
const selected = () => useSelection.getState().layers;

describe('layer list', () => {
  // The test page has no layout; the list needs the height of what it is scrolled in.
  beforeAll(() => {
    vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(640);
    vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockReturnValue(264);
  });
  afterAll(() => {
    vi.restoreAllMocks();
  });
  beforeEach(() => {
    useSelection.setState({ layers: [], primary: null, anchor: null, runs: [], tab: 'distribution' });
  });

  it('says name, shape, bits and state of a layer', () => {
    open([{ name: 'fc1.weight', rows: 256, cols: 784, state: 'prepared', bits: 8 }]);
    const option = screen.getByRole('option');
    expect(option.getAttribute('aria-label')).toBe(
      'fc1.weight, 256 × 784, W8 A4, weights 8 bit, activations 4 bit, prepared: scales are set',
    );
  });

  it('selects several with the keyboard and keeps the model’s order', () => {
    open();
    fireEvent.keyDown(list(), { key: 'End' });
    fireEvent.keyDown(list(), { key: 'ArrowUp', shiftKey: true });
    expect(selected()).toEqual(['fc2.weight', 'fc3.weight']);
    expect(useSelection.getState().primary).toBe('fc2.weight');
    fireEvent.keyDown(list(), { key: 'a', ctrlKey: true });
    expect(selected()).toEqual(threeLayers.map((layer) => layer.name));
    const chosen = screen
      .getAllByRole('option')
      .filter((row) => row.getAttribute('aria-selected') === 'true');
    expect(chosen).toHaveLength(3);
  });

  it('names the active row for assistive technology', () => {
    open();
    fireEvent.keyDown(list(), { key: 'ArrowDown' });
    const id = list().getAttribute('aria-activedescendant') ?? '';
    expect(document.getElementById(id)?.dataset.layer).toBe('fc2.weight');
  });

  it('selects with click, Ctrl and Shift', () => {
    open();
    fireEvent.click(screen.getByTitle('fc1.weight'));
    fireEvent.click(screen.getByTitle('fc3.weight'), { ctrlKey: true });
    expect(selected()).toEqual(['fc1.weight', 'fc3.weight']);
    fireEvent.click(screen.getByTitle('fc1.weight'), { shiftKey: true });
    expect(selected()).toEqual(threeLayers.map((layer) => layer.name));
  });

  it('selects only what the filter shows, and says how many that is', async () => {
    open();
    await userEvent.type(screen.getByRole('searchbox'), 'fc1');
    expect(screen.getByText('1 of 3 layers')).toBeTruthy();
    fireEvent.keyDown(list(), { key: 'a', ctrlKey: true });
    expect(selected()).toEqual(['fc1.weight']);
  });

  it('teaches the filter when nothing passes it, and clears it', async () => {
    open();
    await userEvent.type(screen.getByRole('searchbox'), 'conv');
    expect(screen.getByText('No layer is called that')).toBeTruthy();
    await userEvent.click(screen.getByRole('button', { name: 'Clear the filter' }));
    expect(screen.getAllByRole('option')).toHaveLength(3);
  });

  it('draws a screenful of 5 000 layers and fetches only its thumbnails', async () => {
    open(Array.from({ length: 5000 }, (_, index) => ({ name: `layer.${index}.weight` })));
    const drawn = screen.getAllByRole('option');
    expect(drawn.length).toBeGreaterThan(0);
    expect(drawn.length).toBeLessThan(60);
    expect(drawn[0]?.getAttribute('aria-setsize')).toBe('5000');
    await waitFor(() => expect(bridge.inputsOf('layer.thumbnails').length).toBeGreaterThan(0));
    expect(bridge.inputsOf('layer.thumbnails').flatMap(({ layers }) => layers).length).toBeLessThan(60);
  });

  it('adds up the model as it is set', () => {
    open([{ name: 'a', rows: 100, cols: 100, bits: 4 }]);
    expect(screen.getByText('10 000')).toBeTruthy();
    // 100 rows of 50 bytes and 100 float32 scales.
    expect(screen.getByText('40.0 kB → 5.40 kB')).toBeTruthy();
  });
});
