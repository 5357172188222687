/** The worked examples of docs/numerics.md, against the addon. */
import { describe, expect, it } from 'vitest';
import { testAddon } from './test-support.js';

describe('what docs/numerics.md says', () => {
  it('packs −4, 3, 0, −1, 2 at 3 bits into 38 67', () => {
    const codes = Uint8Array.of(0, 7, 4, 3, 6);
    expect(Buffer.from(testAddon().packCodes(codes, 1, 5, 3)).toString('hex')).toBe('3867');
  });

  it('rounds half to even and leaves clipped codes out of the gradient', () => {
    const q = { qmin: -4, qmax: 3, scales: Float32Array.of(1), zeroPoints: new Int32Array(0), groupSize: 4 };
    const x = Float32Array.of(2.5, -0.5, 3.4, 3.6);
    expect([...testAddon().ops.fakeQuant(x, 1, 4, q)].map(Math.abs)).toEqual([2, 0, 3, 3]);
    const { dx, dScale } = testAddon().ops.fakeQuantBackward(x, Float32Array.of(1, 1, 1, 1), 1, 4, q, 1);
    expect([...dx]).toEqual([1, 1, 1, 0]);
    // Inside: ⌊x⌉ − x; clipped: the code itself.
    expect(dScale[0]).toBeCloseTo(2 - 2.5 + 0.5 + 3 - 3.4 + 3, 5);
  });

  it('binary: scale mean|x|, sign(0) = +1, one bit per weight', () => {
    const linear = testAddon().createLinear({ inChannels: 4, outChannels: 1, wBit: 1, aBit: 32 });
    linear.setWeightData(Float32Array.of(0, -1, 3, -2));
    linear.prepareParams();
    linear.generateQuantizedWeight();
    linear.eval();
    const weight = linear.optWeight();
    if (weight.kind !== 'packed') throw new Error('not packed');
    expect([weight.qweight.packed[0], weight.qweight.scales[0]]).toEqual([0b0101, 1.5]);
    linear.dispose();
  });

  it.each([
    ['absmax', 4, 'signed', 7 / 7],
    ['lsq', 4, 'signed', (2 * 3) / Math.sqrt(7)],
  ] as const)('%s at %i bits %s', (range, bits, grid, expected) => {
    const quantizer = { bits, grid, range, granularity: 'tensor', groupSize: 2, method: 'lsq' } as const;
    const x = Float32Array.of(-7, 1, 3, -1);
    expect(testAddon().ops.estimateScales(x, 1, 4, quantizer).scales[0]).toBeCloseTo(expected, 6);
  });
});
