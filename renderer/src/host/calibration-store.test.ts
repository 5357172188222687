import { beforeEach, expect, it } from 'vitest';
import { setLayerOptimizer, setLayerTraining, useCalibration } from './calibration-store.js';
import { defaultLayerTraining, optimizers, optimizerTable } from './contract.js';

const training = () => useCalibration.getState().training;

beforeEach(() => useCalibration.setState({ training: defaultLayerTraining }));

it('the rate of layer training follows the optimizer until the user has one of their own', () => {
  for (const optimizer of optimizers) {
    setLayerOptimizer(optimizer);
    expect(training()).toMatchObject({ optimizer, learningRate: optimizerTable[optimizer].layerRate });
  }
  setLayerTraining({ learningRate: 0.0123 });
  for (const optimizer of optimizers) {
    setLayerOptimizer(optimizer);
    expect(training()).toMatchObject({ optimizer, learningRate: 0.0123 });
  }
});
