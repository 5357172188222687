import { describe, expect, it } from 'vitest';
import { defaultTrainingConfig } from '../../host/contract.js';
import { sampleRun } from '../../host/testing/sample-state.js';
import { runMarks } from './run-marks.js';

const run = (change: Partial<typeof defaultTrainingConfig>) =>
  sampleRun({ training: { ...defaultTrainingConfig, epochs: 8, ...change } });

describe('runMarks', () => {
  it('say where quantization, freezing of weights and frozen norms begin, by epoch and by step', () => {
    const late = run({ quantizeFromEpoch: 2, freezeThreshold: 0.02, freezeNormFromEpoch: 6 });
    expect(runMarks([late], 'epoch')).toEqual([
      { x: 2, label: 'quantized' },
      { x: 2, label: 'weights freeze' },
      { x: 6, label: 'norm frozen' },
    ]);
    expect(runMarks([late], 'step').map(({ x }) => x)).toEqual([188, 188, 564]);
  });

  it('are none of a plain training, and each once of several runs', () => {
    expect(runMarks([run({})], 'epoch')).toEqual([]);
    const norm = run({ freezeNormFromEpoch: 4 });
    expect(runMarks([norm, norm, run({ freezeThreshold: 0.1 })], 'epoch')).toEqual([
      { x: 0, label: 'weights freeze' },
      { x: 4, label: 'norm frozen' },
    ]);
  });
});
