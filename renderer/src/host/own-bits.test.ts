import { describe, expect, it } from 'vitest';
import { defaultLayerConfig, legalWeight, type WeightQuantizer } from './contract.js';
import { ownBitsOf } from './own-bits.js';
import { sampleLibrary } from './testing/sample-state.js';

const of = (change: Partial<WeightQuantizer>) =>
  ownBitsOf(legalWeight(defaultLayerConfig.weight, change), [sampleLibrary()]);

describe('the bits that a quantizer has', () => {
  it('are all eight of a plain grid, one bit being the binary one', () => {
    for (const change of [
      {},
      { grid: 'midrise' },
      { grid: 'unsigned' },
      { bits: 1 },
      { bits: 32 },
    ] as const) {
      expect(of(change)).toEqual({ bits: [1, 2, 3, 4, 5, 6, 7, 8], note: null });
    }
  });

  it('are those of the method or the grid', () => {
    expect(of({ method: 'irnet' })).toEqual({ bits: [1], note: 'IR-Net has 1 bit only' });
    expect(of({ method: 'ttq' })).toEqual({ bits: [2], note: 'TTQ has 2 bits only' });
    expect(of({ grid: 'ternary' })).toEqual({ bits: [2], note: 'The ternary grid has 2 bits only' });
    expect(of({ method: 'dorefa' }).note).toBe('DoReFa has 2–8 bits only');
  });

  it('are those that a library says, and the present ones while it is not loaded', () => {
    const user = { method: 'user', grid: 'user', library: 'user:own', bits: 2 } as const;
    expect(of(user)).toEqual({ bits: [2, 3], note: 'own has 2–3 bits only' });
    expect(ownBitsOf(legalWeight(defaultLayerConfig.weight, user), [])).toEqual({
      bits: [2],
      note: 'The quantizer library is not loaded',
    });
  });
});
