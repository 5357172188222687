import { describe, expect, it } from 'vitest';
import { firstPerClass, pixelStatistics } from './sample-set.js';

const split = {
  count: 6,
  labels: Uint8Array.of(1, 0, 1, 1, 0, 0),
  pixels: Uint8Array.of(10, 11, 20, 21, 30, 31, 40, 41, 50, 51, 60, 61),
};

describe('the sample data set', () => {
  it('holds the first images of each class in file order', () => {
    const sample = firstPerClass(split, 2, 2, 2);
    expect([...sample.labels]).toEqual([1, 0, 1, 0]);
    expect([...sample.pixels]).toEqual([10, 11, 20, 21, 30, 31, 50, 51]);
  });

  it('refuses a set with too few images of a class', () => {
    expect(() => firstPerClass(split, 2, 3, 1)).toThrow(/Class 2 has 0 images/);
  });

  it('normalises by the population mean and deviation of byte/255', () => {
    const { mean, std } = pixelStatistics(Uint8Array.of(0, 255, 255, 0));
    expect([mean, std]).toEqual([0.5, 0.5]);
  });
});
