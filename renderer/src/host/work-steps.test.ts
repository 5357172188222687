import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { prepareSelection, quantizeSelection, resetSelection } from './actions.js';
import {
  configurationSettled,
  followConfiguration,
  redo,
  setLayerConfigs,
  undo,
  useConfiguration,
} from './configuration-store.js';
import type { Configuration, LayerStanding, ProjectState } from './contract.js';
import { useNotices } from './notices.js';
import { applyProject, layerByName, useProject } from './project-store.js';
import { followSelection, selectLayers } from './selection-store.js';
import { installBridge, type RecordedBridge, Refusal } from './testing/recorded-bridge.js';
import { sampleProject, threeLayers } from './testing/sample-state.js';

const names = threeLayers.map((layer) => layer.name);
const refusal = { code: 'E-LAYER-STATE', message: 'Kept no longer.', remedy: 'Quantize again.' } as const;

let host: ProjectState;
let bridge: RecordedBridge;
/** What quantizing fails with after its first layer; null: it does not. */
let failure: Refusal | null;
let kept: boolean;
let stops: (() => void)[] = [];
let made = 0;

/** The main process gives the layers these standings. */
function give(standings: Record<string, LayerStanding>): ProjectState {
  const layers = host.model.layers.map(({ result: _, outcome: __, ...layer }) => ({
    ...layer,
    ...(standings[layer.name] ?? layerStanding(layer.name)),
  }));
  host = { ...host, model: { ...host.model, layers } };
  return host;
}

function layerStanding(name: string): LayerStanding {
  const { state = 'float', result } = layerByName(host, name) ?? {};
  return { state, ...(result && { result }) };
}

function make(state: 'prepared' | 'quantized', layers: readonly string[]): ProjectState {
  made += 1;
  const id = (at: number) => `${made}${at}`.padStart(32, '0');
  return give(Object.fromEntries(layers.map((name, at) => [name, { state, result: id(at) }])));
}

beforeEach(() => {
  host = sampleProject();
  failure = null;
  kept = true;
  bridge = installBridge({
    'project.current': () => ({ project: host }),
    'project.saveView': () => ({}),
    'project.configure': ({ changes }) => {
      host = { ...host, configuration: { ...host.configuration, ...(changes as Configuration) } };
      return { configuration: changes as Configuration, states: {} };
    },
    'layer.prepare': ({ layers }) => make('prepared', layers),
    'layer.quantize': ({ layers }) => {
      if (failure) {
        make('quantized', layers.slice(0, 1));
        throw failure;
      }
      return make('quantized', layers);
    },
    'layer.reset': ({ layers }) => give(Object.fromEntries(layers.map((name) => [name, { state: 'float' }]))),
    'layer.restore': ({ results }) => {
      if (!kept) throw new Refusal(refusal);
      const states = Object.fromEntries(
        Object.entries(results).map(([name, result]): [string, LayerStanding] => [
          name,
          result ? { state: 'quantized', result } : { state: 'float' },
        ]),
      );
      give(states);
      return { configuration: {}, states };
    },
  });
  useProject.setState({ project: null, busy: null });
  useNotices.setState({ log: [], toasts: [] });
  stops = [followConfiguration(), followSelection()];
  applyProject(host);
  selectLayers(names);
});
afterEach(async () => {
  await configurationSettled();
  for (const stop of stops) stop();
});

const labels = () => useConfiguration.getState().undoSteps.map((step) => step.label);
const shown = (name: string) => layerByName(useProject.getState().project, name)?.state;

describe('what a command makes of layers', () => {
  it('is one step, taken back for all its layers and made again', async () => {
    await prepareSelection();
    await quantizeSelection();
    selectLayers(['fc2.weight']);
    await resetSelection();
    expect(labels()).toEqual(['Prepare 3 layers', 'Quantize 3 layers', 'Reset fc2.weight']);
    const ids = host.model.layers.map(({ result }) => result);
    undo();
    await configurationSettled();
    expect(shown('fc2.weight')).toBe('quantized');
    undo();
    undo();
    await configurationSettled();
    expect(names.map(shown)).toEqual(['float', 'float', 'float']);
    expect(useConfiguration.getState().undoSteps).toEqual([]);
    for (let step = 0; step < 3; step += 1) redo();
    await configurationSettled();
    expect(host.model.layers.map(({ result }) => result)).toEqual(ids);
    expect(names.map(shown)).toEqual(['quantized', 'float', 'quantized']);
  });

  it('is taken back in its turn among edits, each under the quantizer it was made with', async () => {
    await quantizeSelection();
    setLayerConfigs(names, { weight: { bits: 2 } }, 'two');
    setLayerConfigs(names, { weight: { bits: 3 } }, 'three');
    await configurationSettled();
    await quantizeSelection();
    expect(labels()).toEqual(['Quantize 3 layers', 'two', 'three', 'Quantize 3 layers']);
    const before = bridge.calls.length;
    for (let step = 0; step < 4; step += 1) undo();
    await configurationSettled();
    const routes = bridge.calls.slice(before).map(({ route }) => route);
    expect(routes).toEqual(['layer.restore', 'project.configure', 'layer.restore']);
    expect(useConfiguration.getState().configuration['fc1.weight']?.weight.bits).toBe(4);
  });

  it('that fails on the way is a step of the layers that were done', async () => {
    failure = new Refusal({ code: 'E-CANCELLED', message: 'Cancelled.', remedy: 'None.' });
    await quantizeSelection();
    expect(labels()).toEqual(['Quantize fc1.weight']);
    undo();
    await configurationSettled();
    expect(names.map(shown)).toEqual(['float', 'float', 'float']);
  });

  it('is no step when nothing is made', async () => {
    await quantizeSelection();
    bridge = installBridge({ 'layer.quantize': () => host });
    await quantizeSelection();
    expect(labels()).toEqual(['Quantize 3 layers']);
  });

  it('that is kept no longer is said so, and what was undone before can be done again', async () => {
    await quantizeSelection();
    await quantizeSelection();
    undo();
    await configurationSettled();
    kept = false;
    undo();
    await configurationSettled();
    expect(useNotices.getState().log[0]?.code).toBe(refusal.code);
    expect(labels()).toEqual([]);
    expect(names.map(shown)).toEqual(['quantized', 'quantized', 'quantized']);
    kept = true;
    redo();
    await configurationSettled();
    expect(labels()).toEqual(['Quantize 3 layers']);
  });

  it('is not taken back while another command makes some', async () => {
    await quantizeSelection();
    useProject.setState({ busy: 'train' });
    undo();
    expect(labels()).toEqual(['Quantize 3 layers']);
    expect(bridge.inputsOf('layer.restore')).toEqual([]);
  });
});
