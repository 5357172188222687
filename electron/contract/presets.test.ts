import { expect, it } from 'vitest';
import { applyPreset, hasPreset, layerConfigSchema, presets, presetText } from './index.js';

it('a preset makes a legal configuration that has it, and of the others only those that set no more', () => {
  for (const preset of presets) {
    const config = applyPreset(preset);
    expect(layerConfigSchema.parse(config)).toEqual(config);
    expect(presets.filter((other) => hasPreset(other, config)).map(({ id }) => id)).toEqual([preset.id]);
    expect(applyPreset(preset, config)).toEqual(config);
  }
});

it('the weight-only preset is more than its bits', () => {
  const mpq = presets.find(({ id }) => id === 'mpq4');
  if (!mpq) throw new Error('no preset mpq4');
  const config = applyPreset(mpq);
  expect(config.weight).toMatchObject({ bits: 4, grid: 'unsigned', granularity: 'group', method: 'ste' });
  expect(hasPreset(mpq, { ...config, weight: { ...config.weight, groupSize: 64 } })).toBe(false);
  expect(presetText(mpq)).toBe(
    'Weights 4-bit, activations float; weight-only: groups of 128 with zero points',
  );
});
