import { describe, expect, it } from 'vitest';
import { defaultLayerConfig, fitsGrid, grids, legalWeight, methodTable } from '../../host/contract.js';
import { sampleLibrary } from '../../host/testing/sample-state.js';
import { curveLayout } from './bits-curve.js';
import {
  activationMethods,
  formulaOf,
  methodChange,
  methodChoice,
  missingLibraries,
  weightGrids,
  weightMethodChoices,
  weightRanges,
} from './words.js';

const quantizer = (change: Partial<typeof defaultLayerConfig.weight>) => ({
  ...defaultLayerConfig.weight,
  ...change,
});

describe('the quantizer in words', () => {
  it('writes the formula with the zero point only where there is one', () => {
    expect(formulaOf(quantizer({ bits: 8 })).value).toBe('ŵ = s · clamp(⌊w/s⌉, −128, 127)');
    expect(formulaOf(quantizer({ grid: 'unsigned' })).value).toBe('ŵ = s · (clamp(⌊w/s⌉ + z, 0, 15) − z)');
    expect(formulaOf(quantizer({ grid: 'midrise' })).value).toBe('ŵ = s · (clamp(⌊w/s − ½⌉, −8, 7) + ½)');
    expect(formulaOf(quantizer({ grid: 'ternary', bits: 2 })).value).toBe('ŵ = s · (|w| > Δ) · sign(w)');
    expect(formulaOf(legalWeight(quantizer({}), { method: 'ttq' })).value).toBe(
      'ŵ = s₊ where w > Δ, −s₋ where w < −Δ, else 0',
    );
    expect(formulaOf(legalWeight(quantizer({}), { method: 'dorefa' })).scale).toContain('no scale');
    expect(formulaOf(quantizer({ method: 'ste' })).scale).toContain('then fixed');
    expect(formulaOf(quantizer({ method: 'ste', range: 'absmax' })).scale).toContain('following w');
    expect(formulaOf(quantizer({ bits: 32 })).value).toBe('ŵ = w');
    expect(formulaOf(quantizer({ granularity: 'group', groupSize: 32 })).scale).toContain('per 32 inputs');
  });
});

describe('the choices', () => {
  it('are every part of the tables that is for weights or for activations', () => {
    const weightMethods = weightMethodChoices([], []);
    expect(weightMethods.map(({ value }) => value)).toEqual(['lsq', 'ste', 'dorefa', 'ttq', 'irnet']);
    expect(activationMethods.map(({ value }) => value)).toEqual(['lsq', 'ste', 'lsqPlus', 'pact', 'dorefa']);
    expect(weightGrids(4, 'signed').map(({ value }) => value)).toEqual(
      grids.filter((grid) => grid !== 'user'),
    );
    expect(weightGrids(4, 'user').map(({ value }) => value)).toContain('user');
    expect(weightGrids(4, null).find(({ value }) => value === 'ternary')?.hint).toBe('sets 2 bits');
    expect(weightMethods[0]).toMatchObject({ label: methodTable.lsq.label, hint: 'Low bits' });
  });

  it('have the loaded libraries, and show one that is lost without offering it', () => {
    const libraries = [sampleLibrary(), sampleLibrary({ id: 'user:broken', loaded: null })];
    const own = legalWeight(quantizer({}), methodChange('user:own', 4, libraries));
    expect(own).toMatchObject({ bits: 2, method: 'user', library: 'user:own' });
    expect(methodChange('user:own', 3, libraries)).not.toHaveProperty('bits');
    expect(methodChange('ste', 3, libraries)).toEqual({ method: 'ste' });
    expect(methodChoice(own)).toBe('user:own');
    const values = (...used: (typeof own)[]) =>
      weightMethodChoices(libraries, used).map(
        ({ value, blocked }) => `${value}${blocked ? ' blocked' : ''}`,
      );
    expect(values(own)).toContain('user:own');
    expect(values()).not.toContain('user:broken');
    const lost = { ...own, library: 'user:broken' };
    expect(values(own, lost)).toContain('user:broken blocked');
    expect(missingLibraries(libraries, [own, lost, quantizer({})])).toEqual(['user:broken']);
    expect(formulaOf(own).scale).toBe('4 levels per channel, by the library');
  });

  it('leave out the range estimators that one of the grids does not have', () => {
    const values = (...of: Parameters<typeof weightRanges>[0]) => weightRanges(of).map(({ value }) => value);
    expect(values('ternary')).toContain('ttq');
    expect(values('ternary', 'signed')).not.toContain('ttq');
    expect(values('signed')).not.toContain('movingAverage');
    for (const range of values('signed')) expect(fitsGrid(range, 'signed')).toBe(true);
  });
});

describe('error by bits', () => {
  const error = (bits: 1 | 2 | 8, sqnrDb: number | null) => ({
    bits,
    sqnrDb,
    mse: 0,
    cosine: 1,
    maxError: 0,
    clippedShare: 0,
    codesUsed: 1,
    codesTotal: 1,
    codeEntropyBits: 0,
    effectiveBits: bits,
    packedBytes: 1,
  });

  it('puts more dB higher and an exact match at the top', () => {
    const { points, lines } = curveLayout([error(1, 4.4), error(2, 9.2), error(8, null)]);
    const [one, two, eight] = points.map((point) => point.y);
    expect(two).toBeLessThan(one ?? 0);
    expect(eight).toBe(0);
    expect(lines[0]).toEqual({ db: 0, y: 100 });
  });

  it('makes room below zero for a quantizer that does harm', () => {
    const { lines, points } = curveLayout([error(1, -6)]);
    expect(lines[0]?.db).toBe(-10);
    expect(points[0]?.y).toBeGreaterThan(0);
    expect(points[0]?.y).toBeLessThanOrEqual(100);
  });
});
