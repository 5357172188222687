import { describe, expect, it } from 'vitest';
import { packedBytes, storedSizes } from './packed-size.js';
import { defaultLayerConfig } from './quantizer.js';

const quantizer = (change: Partial<typeof defaultLayerConfig.weight>) => ({
  ...defaultLayerConfig.weight,
  ...change,
});

describe('packed size', () => {
  it('pads each row of codes to whole bytes and counts the scales', () => {
    // 10 rows of 5 codes of 3 bits: 15 bits = 2 bytes a row; 10 float32 scales.
    expect(packedBytes(quantizer({ bits: 3 }), 10, 5)).toBe(10 * 2 + 10 * 4);
    expect(packedBytes(quantizer({ bits: 8, granularity: 'tensor' }), 256, 784)).toBe(256 * 784 + 4);
  });

  it('counts an incomplete group as a group, and zero points of the unsigned grid only', () => {
    const group = quantizer({ bits: 4, granularity: 'group', groupSize: 64 });
    expect(packedBytes(group, 2, 100)).toBe(2 * 50 + 4 * 4);
    expect(packedBytes({ ...group, grid: 'unsigned' }, 2, 100)).toBe(2 * 50 + 4 * 4 + 4 * 4);
  });

  it('counts every level that a library gives a scale', () => {
    expect(packedBytes(quantizer({ bits: 3, grid: 'user' }), 10, 5)).toBe(10 * 2 + 10 * (4 + 8 * 4));
  });

  it('counts a float layer with four bytes a weight', () => {
    const configuration = { a: { ...defaultLayerConfig, weight: quantizer({ bits: 32 }) } };
    expect(storedSizes([{ name: 'a', rows: 2, cols: 3 }], configuration)).toEqual({
      weights: 6,
      floatBytes: 24,
      packedBytes: 24,
    });
  });
});
