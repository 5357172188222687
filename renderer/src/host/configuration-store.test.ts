import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LayerPatch } from './adjustments.js';
import {
  configurationSettled,
  followConfiguration,
  redo,
  setLayerConfigs,
  undo,
  useConfiguration,
} from './configuration-store.js';
import { bitWidths, type Configuration, configurationSchema, grids, type ProjectState } from './contract.js';
import { useNotices } from './notices.js';
import { applyProject, useProject } from './project-store.js';
import { installBridge, type RecordedBridge, Refusal } from './testing/recorded-bridge.js';
import { sampleProject, threeLayers } from './testing/sample-state.js';

const names = threeLayers.map((layer) => layer.name);

/** A main process that keeps the configuration it is given. */
function host(): RecordedBridge {
  return installBridge({
    'project.configure': ({ changes }) => ({ configuration: changes as Configuration, states: {} }),
  });
}

let stop: () => void = () => undefined;
let bridge: RecordedBridge;

function open(): ProjectState {
  const project = sampleProject();
  bridge = host();
  useProject.setState({ project: null });
  stop();
  stop = followConfiguration();
  applyProject(project);
  return project;
}

const configuration = () => useConfiguration.getState().configuration;

const patchArbitrary: fc.Arbitrary<LayerPatch> = fc.oneof(
  fc.record({ weight: fc.record({ bits: fc.constantFrom(...bitWidths) }) }),
  fc.record({ weight: fc.record({ grid: fc.constantFrom(...grids) }) }),
  fc.record({ weight: fc.record({ groupSize: fc.integer({ min: 2, max: 512 }) }) }),
  fc.record({ activation: fc.record({ bits: fc.constantFrom(...bitWidths) }) }),
);
const editArbitrary = fc.record({ layers: fc.subarray(names, { minLength: 1 }), patch: patchArbitrary });

describe('configuration journal', () => {
  beforeEach(() => {
    open();
  });
  afterEach(async () => {
    await configurationSettled();
  });

  it('undo takes every edit back and redo makes it again, in any number (property)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(editArbitrary, { maxLength: 12 }), async (edits) => {
        open();
        const states: Configuration[] = [configuration()];
        for (const { layers, patch } of edits) {
          setLayerConfigs(layers, patch, 'edit');
          // An edit that changes nothing is no step.
          if (useConfiguration.getState().undoSteps.length === states.length) states.push(configuration());
        }
        for (let step = states.length - 1; step > 0; step -= 1) {
          expect(configuration()).toEqual(states[step]);
          undo();
          expect(configuration()).toEqual(states[step - 1]);
        }
        for (let step = 1; step < states.length; step += 1) {
          redo();
          expect(configuration()).toEqual(states[step]);
        }
        await configurationSettled();
        expect(useProject.getState().project?.configuration).toEqual(configuration());
      }),
      { numRuns: 60 },
    );
  });

  it('never makes an illegal configuration (property)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(editArbitrary, { maxLength: 20 }), async (edits) => {
        for (const { layers, patch } of edits) {
          setLayerConfigs(layers, patch, 'edit');
          expect(configurationSchema.safeParse(configuration()).success).toBe(true);
        }
        await configurationSettled();
      }),
      { numRuns: 60 },
    );
  });

  it('counts a bulk edit as one step with its label', () => {
    setLayerConfigs(names, { weight: { bits: 2 } }, 'Set 3 layers to 2 bits');
    const { undoSteps } = useConfiguration.getState();
    expect(undoSteps.map((step) => step.label)).toEqual(['Set 3 layers to 2 bits']);
    undo();
    expect(names.map((name) => configuration()[name]?.weight.bits)).toEqual([4, 4, 4]);
  });

  it('makes no step when nothing changes', () => {
    setLayerConfigs(names, { weight: { bits: 4 } }, 'Set 3 layers to 4 bits');
    expect(useConfiguration.getState().undoSteps).toEqual([]);
    expect(bridge.calls).toEqual([]);
  });

  it('shows an edit at once and sends only the layers that changed', async () => {
    setLayerConfigs(['fc2.weight'], { weight: { bits: 8 } }, 'Set fc2.weight to 8 bits');
    expect(configuration()['fc2.weight']?.weight.bits).toBe(8);
    expect(useConfiguration.getState().pending).toBe(true);
    await configurationSettled();
    expect(useConfiguration.getState().pending).toBe(false);
    expect(Object.keys(bridge.inputsOf('project.configure')[0]?.changes ?? {})).toEqual(['fc2.weight']);
  });

  it('sends fast edits one after the other and ends with the last', async () => {
    for (const bits of [8, 6, 5, 3, 2] as const) {
      setLayerConfigs(['fc1.weight'], { weight: { bits } }, 'drag');
    }
    await configurationSettled();
    expect(useProject.getState().project?.configuration['fc1.weight']?.weight.bits).toBe(2);
    // The first goes out at once, those that came while it was away are merged into one.
    expect(bridge.inputsOf('project.configure')).toHaveLength(2);
    expect(configuration()['fc1.weight']?.weight.bits).toBe(2);
  });

  it('goes back to what the main process has when it refuses', async () => {
    installBridge({
      'project.configure': () => {
        throw new Refusal({ code: 'E-QUANTIZER-INVALID', message: 'Too large a group.', remedy: 'Use 64.' });
      },
    });
    useNotices.setState({ log: [], toasts: [] });
    setLayerConfigs(['fc1.weight'], { weight: { bits: 8 } }, 'edit');
    await configurationSettled();
    expect(configuration()['fc1.weight']?.weight.bits).toBe(4);
    expect(useConfiguration.getState().undoSteps).toEqual([]);
    expect(useNotices.getState().log[0]?.code).toBe('E-QUANTIZER-INVALID');
  });

  it('forgets the journal when another project opens', () => {
    setLayerConfigs(names, { weight: { bits: 2 } }, 'edit');
    applyProject(sampleProject(threeLayers, { id: 'project-2' }));
    expect(useConfiguration.getState().undoSteps).toEqual([]);
    expect(configuration()['fc1.weight']?.weight.bits).toBe(4);
  });

  it('takes a configuration that the main process changed by itself', () => {
    const project = sampleProject(threeLayers.map((layer) => ({ ...layer, bits: 8 as const })));
    applyProject(project);
    expect(configuration()['fc3.weight']?.weight.bits).toBe(8);
  });
});
