import { beforeEach, describe, expect, it } from 'vitest';
import { defaultTrainingConfig, optimizers, optimizerTable } from './contract.js';
import { setOptimizer, setTraining, usedBeta2, useTraining } from './training-store.js';

const training = () => useTraining.getState().training;

beforeEach(() => useTraining.setState({ name: '', training: defaultTrainingConfig }));

describe('the learning rate that comes with an optimizer', () => {
  it('follows the optimizer until the user has one of their own', () => {
    for (const optimizer of optimizers) {
      setOptimizer(optimizer);
      expect(training()).toMatchObject({ optimizer, learningRate: optimizerTable[optimizer].learningRate });
    }
    setTraining({ learningRate: 0.0123 });
    for (const optimizer of optimizers) {
      setOptimizer(optimizer);
      expect(training()).toMatchObject({ optimizer, learningRate: 0.0123 });
    }
  });
});

describe('β₂', () => {
  it('is the optimizer’s own unless another is set, and none where there is none', () => {
    const of = (optimizer: (typeof optimizers)[number], beta2: number | null) =>
      usedBeta2({ ...defaultTrainingConfig, optimizer, beta2 });
    expect(of('adamw', null)).toBe(0.999);
    expect(of('diode', null)).toBe(0.9999);
    expect(of('diode', 0.99)).toBe(0.99);
    expect(of('sgd', 0.99)).toBeNull();
  });
});
