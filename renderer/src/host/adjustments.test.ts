import { describe, expect, it } from 'vitest';
import { adjustments, type LayerPatch } from './adjustments.js';
import { defaultLayerConfig, type LayerConfig, legalActivation, legalWeight } from './contract.js';

function edited(config: LayerConfig, patch: LayerPatch): { after: LayerConfig; lines: string[] } {
  const after = {
    weight: legalWeight(config.weight, patch.weight ?? {}),
    activation: legalActivation(config.activation, patch.activation ?? {}),
  };
  return { after, lines: adjustments(config, after, patch) };
}

describe('adjustments', () => {
  it('name the grid that a rounding brought, and what the old one does not go with', () => {
    expect(edited(defaultLayerConfig, { weight: { rounding: 'hqq' } }).lines).toEqual([
      'Grid became unsigned: signed does not go with HQQ.',
    ]);
  });

  it('name everything that a method brought, and what was lost on the way back', () => {
    const { after, lines } = edited(defaultLayerConfig, { weight: { method: 'ttq' } });
    expect(lines).toEqual([
      'Grid became ternary: signed does not go with TTQ.',
      'Start range became TTQ start: MSE search does not go with TTQ.',
      'Weight bits became 2 bits: 4 bits does not go with TTQ.',
    ]);
    expect(edited(after, { weight: { bits: 3 } }).lines).toEqual([
      'Method became LSQ, learned: TTQ does not go with 3 bits.',
      'Grid became narrow: ternary does not go with 3 bits.',
      'Start range became MSE search: TTQ start does not go with 3 bits.',
    ]);
  });

  it('name the method of activations that a preset took away', () => {
    const pact = edited(defaultLayerConfig, { activation: { method: 'pact' } });
    expect(pact.lines).toEqual([
      'Activation grid became unsigned: auto does not go with PACT, clip learned.',
    ]);
    const preset = { weight: { bits: 1 }, activation: { bits: 1 } } as const;
    expect(edited(pact.after, preset).lines).toEqual([
      'Grid became binary: signed does not go with 1 bit.',
      'Activation method became LSQ, learned: PACT, clip learned does not go with 1 bit.',
    ]);
  });

  it('are none where the edit did only what it says', () => {
    expect(edited(defaultLayerConfig, { weight: { bits: 8 } }).lines).toEqual([]);
    expect(edited(defaultLayerConfig, { weight: { granularity: 'group' } }).lines).toEqual([]);
  });
});
