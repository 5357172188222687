/** Under which quantizers a layer's scales stay valid. */
import { expect, it } from 'vitest';
import { defaultLayerConfig, type WeightQuantizer } from '../contract/index.js';
import { quantizerText, sameWeightQuantizer } from './quantizers.js';

const weight = (change: Partial<WeightQuantizer>): WeightQuantizer => ({
  ...defaultLayerConfig.weight,
  ...change,
});

it('a parameter counts for the range estimator that has it, and absent is its default', () => {
  const percentile = weight({ range: 'percentile' });
  expect(sameWeightQuantizer(percentile, { ...percentile, percentile: 99.9 })).toBe(true);
  expect(sameWeightQuantizer(percentile, { ...percentile, percentile: 99 })).toBe(false);
  expect(sameWeightQuantizer(percentile, { ...percentile, norm: 3 })).toBe(true);
  expect(sameWeightQuantizer(weight({ range: 'lp' }), weight({ range: 'lp', norm: 3 }))).toBe(false);
  expect(sameWeightQuantizer(weight({}), weight({ percentile: 60, norm: 1, groupSize: 8 }))).toBe(true);
});

it('a layer file from before there were parameters still belongs to its quantizer', () => {
  const before = '[4,"signed","channel",0,"mse","lsq"]';
  expect(quantizerText(weight({}))).toBe(before);
  expect(quantizerText(weight({ range: 'percentile' }))).toBe(before.replace('mse', 'percentile'));
});
