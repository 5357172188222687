/** Packing of 1–8 bit codes against a plain reference, on shapes whose rows end inside a byte. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorOf } from './expect-error.js';
import { loadAddon } from './load-addon.js';

const addon = loadAddon();

/** LSB first, bit by bit; each row begins at a whole byte. */
function packReference(codes: Uint8Array, rows: number, cols: number, bits: number): Uint8Array {
  const rowBytes = Math.ceil((cols * bits) / 8);
  const packed = new Uint8Array(rows * rowBytes);
  for (let row = 0; row < rows; row++) {
    for (let position = 0; position < cols * bits; position++) {
      const code = codes[row * cols + Math.floor(position / bits)] ?? 0;
      const bit = (code >> (position % bits)) & 1;
      const at = row * rowBytes + (position >> 3);
      packed[at] = (packed[at] ?? 0) | (bit << (position & 7));
    }
  }
  return packed;
}

const matrices = fc
  .record({
    rows: fc.integer({ min: 1, max: 4 }),
    cols: fc.integer({ min: 1, max: 160 }),
    bits: fc.integer({ min: 1, max: 8 }),
  })
  .chain(({ rows, cols, bits }) =>
    fc
      .uint8Array({ minLength: rows * cols, maxLength: rows * cols, max: 2 ** bits - 1 })
      .map((codes) => ({ rows, cols, bits, codes })),
  );

describe('packCodes and unpackCodes', () => {
  it('pack as the reference does and come back the same', () => {
    fc.assert(
      fc.property(matrices, ({ codes, rows, cols, bits }) => {
        const packed = addon.packCodes(codes, rows, cols, bits);
        const unpacked = addon.unpackCodes(packed, rows, cols, bits);
        // Buffer.compare: a deep comparison of every run is far slower than what it checks.
        expect(Buffer.compare(packed, packReference(codes, rows, cols, bits))).toBe(0);
        expect(Buffer.compare(unpacked, codes)).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  it('refuse codes that do not fit their bits', () => {
    for (let bits = 1; bits < 8; bits++) {
      const error = errorOf(() => addon.packCodes(Uint8Array.of(0, 2 ** bits), 1, 2, bits));
      expect(error.code).toBe('E-NATIVE-ARGUMENT');
    }
  });

  it('refuse wrong lengths and bits', () => {
    expect(errorOf(() => addon.packCodes(new Uint8Array(5), 2, 3, 4)).code).toBe('E-NATIVE-ARGUMENT');
    expect(errorOf(() => addon.unpackCodes(new Uint8Array(3), 2, 3, 4)).code).toBe('E-NATIVE-ARGUMENT');
    for (const bits of [0, 9, 1.5, Number.NaN]) {
      expect(errorOf(() => addon.packCodes(new Uint8Array(6), 2, 3, bits)).code).toBe('E-NATIVE-ARGUMENT');
    }
  });
});
