import { describe, expect, it } from 'vitest';
import { defaultTrainingConfig, trainingConfigSchema } from './index.js';

const problem = (changes: object) =>
  trainingConfigSchema.safeParse({ ...defaultTrainingConfig, ...changes }).error?.issues[0];

describe('training settings', () => {
  it('of a run that knew only the first ones mean what they meant', () => {
    const { optimizer, learningRate, momentum, weightDecay, schedule, epochs, batchSize, seed } =
      defaultTrainingConfig;
    const old = { optimizer, learningRate, momentum, weightDecay, schedule, epochs, batchSize, seed };
    expect(trainingConfigSchema.parse(old)).toEqual({
      ...defaultTrainingConfig,
      stepEpochs: 1,
      diagnosticsEvery: 0,
    });
  });

  it.each([
    [{ quantizeFromEpoch: 8 }, 'quantizeFromEpoch', /before the last of 8 epochs/],
    [{ freezeNormFromEpoch: 9 }, 'freezeNormFromEpoch', /after the last of 8 epochs/],
    [{ freezeThresholdEnd: 0.01 }, 'freezeThresholdEnd', /needs one at the start/],
    [{ freezeThreshold: 0.01, freezeThresholdEnd: 0.02 }, 'freezeThresholdEnd', /must not rise/],
    [{ gradientBits: 1 }, 'gradientBits', /2/],
    [{ gradientBits: 9 }, 'gradientBits', /8/],
    [{ temperature: 0 }, 'temperature', /0/],
    [{ loss: 'teacherMse' }, 'loss', /./],
  ])('%j is refused at its field', (changes, field, message) => {
    expect(problem(changes)?.path).toEqual([field]);
    expect(problem(changes)?.message).toMatch(message);
  });

  it('offer the squared error, with and without smoothing', () => {
    expect(problem({ loss: 'mse', labelSmoothing: 0.1 })).toBeUndefined();
  });

  it('may all be used together', () => {
    const all = {
      loss: 'distillation',
      labelSmoothing: 0.1,
      gradientBits: 8,
      dampening: 0.01,
      freezeThreshold: 0.04,
      freezeThresholdEnd: 0.01,
      quantizeFromEpoch: 1.5,
      freezeNormFromEpoch: 7,
    };
    expect(problem(all)).toBeUndefined();
  });
});
