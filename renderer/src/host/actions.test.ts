import { describe, expect, it } from 'vitest';
import {
  exportBlocked,
  prepareBlocked,
  quantizedTargets,
  resetBlocked,
  type Situation,
  trainBlocked,
} from './actions.js';
import { sampleProject, sampleRun, threeLayers } from './testing/sample-state.js';

function situation(change: Partial<Situation> = {}): Situation {
  const project = change.project === undefined ? sampleProject() : change.project;
  return {
    project,
    configuration: project?.configuration ?? {},
    selected: ['fc1.weight'],
    busy: null,
    ...change,
  };
}

describe('reasons why an action is not possible', () => {
  it('says nothing when it is possible', () => {
    expect(prepareBlocked(situation())).toBeNull();
    expect(trainBlocked(situation())).toBeNull();
  });

  it('asks for a model, then for a selection', () => {
    expect(prepareBlocked(situation({ project: null }))).toBe('Open a model first');
    expect(prepareBlocked(situation({ selected: [] }))).toBe('Select a layer first');
    expect(trainBlocked(situation({ project: null }))).toBe('Open a model first');
  });

  it('does not prepare a selection that is float, and skips float layers of a mixed one', () => {
    const project = sampleProject([
      { name: 'a', bits: 32 },
      { name: 'b', bits: 4 },
    ]);
    expect(prepareBlocked(situation({ project, selected: ['a'] }))).toMatch(/float/);
    expect(quantizedTargets(situation({ project, selected: ['a', 'b'] }))).toEqual(['b']);
  });

  it('keeps the layers of a running training as they are', () => {
    const project = sampleProject(threeLayers, { runs: [sampleRun()] });
    expect(prepareBlocked(situation({ project }))).toMatch(/training/i);
    expect(trainBlocked(situation({ project }))).toBe('W4A4 is training now');
  });

  it('repeats why a model cannot be trained', () => {
    const reason = 'The file has no network graph, so its layers cannot be run.';
    const project = sampleProject(threeLayers, { trainingReason: reason, dataset: null });
    expect(trainBlocked(situation({ project }))).toBe(reason);
  });

  it('does not reset what is as loaded', () => {
    expect(resetBlocked(situation())).toMatch(/as loaded/);
    const project = sampleProject([{ name: 'fc1.weight', state: 'prepared' }]);
    expect(resetBlocked(situation({ project }))).toBeNull();
  });

  it('exports the layers only when all of them are quantized, and a run only when it is finished', () => {
    expect(exportBlocked(situation(), null)).toBe('Quantize the 3 layers that are not quantized yet');
    const ready = sampleProject(threeLayers.map((layer) => ({ ...layer, state: 'quantized' as const })));
    expect(exportBlocked(situation({ project: ready }), null)).toBeNull();
    const float = sampleProject([{ name: 'a', bits: 32 }]);
    expect(exportBlocked(situation({ project: float }), null)).toMatch(/float/);
    const running = sampleProject(threeLayers, { runs: [sampleRun()] });
    expect(exportBlocked(situation({ project: running }), 'run-1')).toMatch(/finished/);
  });
});
