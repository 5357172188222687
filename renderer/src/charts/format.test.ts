import { describe, expect, it } from 'vitest';
import {
  formatBin,
  formatCompact,
  formatDelta,
  formatFixed,
  formatShort,
  percentFormatter,
  tickFormatter,
  trimZeros,
} from './format.js';

describe('figures of charts', () => {
  it('drops zeros that say nothing, also before an exponent', () => {
    expect(trimZeros('0.1400')).toBe('0.14');
    expect(trimZeros('2.300e−5')).toBe('2.3e−5');
    expect(trimZeros('100')).toBe('100');
    expect(trimZeros('3.000')).toBe('3');
  });

  it('writes a float32 value without its binary noise', () => {
    expect(formatShort(Math.fround(-0.14), 3)).toBe('−0.14');
    expect(formatShort(0)).toBe('0');
  });

  it('never shows a signed zero', () => {
    expect(formatFixed(-0.0001, 2)).toBe('0.00');
    expect(formatDelta(-0.001, 2)).toBe('0.00');
    expect(formatDelta(0.001, 2)).toBe('0.00');
  });

  it('gives every difference its sign, with a true minus', () => {
    expect(formatDelta(0.35, 2)).toBe('+0.35');
    expect(formatDelta(-1.2, 2)).toBe('−1.20');
    expect(formatDelta(null, 2)).toBe('–');
  });

  it('formats the ticks of an axis alike', () => {
    expect([-0.2, -0.1, 0, 0.1].map(tickFormatter([-0.2, -0.1, 0, 0.1]))).toEqual([
      '−0.2',
      '−0.1',
      '0.0',
      '0.1',
    ]);
    expect([0, 500, 1000].map(tickFormatter([0, 500, 1000]))).toEqual(['0', '500', '1000']);
    expect([0, 1e-5].map(tickFormatter([0, 1e-5]))).toEqual(['0', '1e−5']);
  });

  it('gives percent ticks the decimals their step needs', () => {
    expect([0.88, 0.882].map(percentFormatter([0.88, 0.882]))).toEqual(['88.0\u00a0%', '88.2\u00a0%']);
    expect([0.2, 0.4].map(percentFormatter([0.2, 0.4]))).toEqual(['20\u00a0%', '40\u00a0%']);
  });

  it('shortens counts', () => {
    expect([0, 200, 1500, 12_000_000].map(formatCompact)).toEqual(['0', '200', '1.5k', '12M']);
  });

  it('writes both edges of a bin with the same decimals', () => {
    expect(formatBin(-0.0026072, -0.0001532, false)).toBe('[−0.002607, −0.000153)');
    expect(formatBin(0, 1, true)).toBe('[0.000, 1.000]');
  });
});
