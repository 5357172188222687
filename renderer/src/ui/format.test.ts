import { describe, expect, it } from 'vitest';
import {
  formatBytes,
  formatCount,
  formatDb,
  formatDuration,
  formatNumber,
  formatShare,
  plural,
} from './format.js';

describe('figures as text', () => {
  it('groups digits', () => {
    expect(formatCount(269322)).toBe('269\u2009322');
    expect(formatCount(12)).toBe('12');
    expect(formatCount(-1234567)).toBe('−1\u2009234\u2009567');
  });

  it('gives bytes three digits and changes the unit before four appear', () => {
    expect([999, 1000, 1_075_200, 99_950, 999_600].map(formatBytes)).toEqual([
      '999 B',
      '1.00 kB',
      '1.08 MB',
      '100 kB',
      '1.00 MB',
    ]);
  });

  it('writes small and large numbers as powers of ten with a true minus', () => {
    expect(formatNumber(2.31e-5, 3)).toBe('2.3e−5');
    expect(formatNumber(-0.01234, 3)).toBe('−0.0123');
    expect(formatNumber(0)).toBe('0');
    expect(formatNumber(Number.NaN)).toBe('not a number');
  });

  it('does not call a small share nothing', () => {
    expect(formatShare(0.00001)).toBe('<0.1 %');
    expect(formatShare(0)).toBe('0.0 %');
    expect(formatShare(0.8843)).toBe('88.4 %');
  });

  it('calls a perfect match exact', () => {
    expect(formatDb(null)).toBe('exact');
    expect(formatDb(20.412)).toBe('20.41 dB');
  });

  it('writes durations', () => {
    expect([0, 14_000, 185_000, 8_100_000].map(formatDuration)).toEqual(['0:00', '0:14', '3:05', '2:15:00']);
  });

  it('counts in words', () => {
    expect(plural(1, 'layer')).toBe('1 layer');
    expect(plural(3, 'layer')).toBe('3 layers');
  });
});
