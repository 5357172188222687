import { describe, expect, it } from 'vitest';
import { drawAccuracies } from './accuracy-plot.js';
import { median, type RowRecord } from './accuracy-record.js';
import { emptyDocument, missedGoals, replaceMeasured } from './accuracy-report.js';
import { accuracyRecipes, accuracyRows } from './accuracy-rows.js';
import { chooseRows, parseRecipe, parseSeeds } from './accuracy-settings.js';

function reportRow(id: string, packed: number[], fakeQuant = packed) {
  const [found] = chooseRows(id);
  if (!found) throw new Error('no row');
  const row =
    id === 'w8' ? { ...found, pytorch: undefined } : { ...found, pytorch: { plain: 87.01, sameRecipe: 88 } };
  const record: RowRecord = {
    id,
    setup: {
      date: '2026-01-02',
      machine: 'a machine',
      trainImages: 60_000,
      testImages: 10_000,
      recipe: accuracyRecipes.mlp,
    },
    measurements: packed.map((share, at) => ({
      ...{ seed: at + 1, packed: share, fakeQuant: fakeQuant[at] ?? 0, epochs: [] },
    })),
  };
  return { row, record };
}

describe('the median', () => {
  it.each([
    [[3], 3],
    [[3, 1, 2], 2],
    [[4, 1, 2, 3], 2.5],
    [[0.9, 0.1], 0.5],
  ])('of %j is %d', (values, expected) => {
    expect(median(values)).toBe(expected);
  });
});

describe('the table', () => {
  it('shows the median, the difference to PyTorch, and the float arithmetic where it differs', () => {
    const rows = [
      reportRow('w4', [0.8701, 0.871, 0.869]),
      reportRow('w2', [0.88, 0.89, 0.87], [0.88, 0.889, 0.87]),
      reportRow('w8', [0.87]),
    ];
    const document = replaceMeasured(emptyDocument, rows);
    expect(document).toContain('| **87.01** | 87.01 · 87.10 · 86.90 | same | 87.01 | 88.00 | −0.99 |');
    expect(document).toContain('| **88.00** | 88.00 · 89.00 · 87.00 | 88.00 | 87.01 | 88.00 | +0.00 |');
    expect(document).toContain('| **87.00** | 87.00 | same |  |  |  |');
    expect(document).toContain('60000 training and 10000 test images; measured 2026-01-02 on a machine');
  });

  it('takes the place of the one before, and refuses a document without a place', () => {
    const rows = [reportRow('w4', [0.8701])];
    const once = replaceMeasured(emptyDocument, rows);
    expect(replaceMeasured(once, rows)).toBe(once);
    expect(() => replaceMeasured('# Accuracy\n', rows)).toThrow(/no single place/);
    expect(() => replaceMeasured(once + once, rows)).toThrow(/no single place/);
  });

  it('knows which rows miss what they must reach', () => {
    const missed = (id: string, share: number) => missedGoals([reportRow(id, [share])]).length;
    expect([missed('w2', 0.8578), missed('w2', 0.8579)]).toEqual([1, 0]);
    // Ahead, not within the tolerance.
    expect([missed('w2-lsq', 0.8609), missed('w2-lsq', 0.861)]).toEqual([1, 0]);
    expect(missed('w8', 0)).toBe(0);
  });
});

describe('the plot', () => {
  it('places percents in proportion, inside the picture', () => {
    const svg = drawAccuracies([reportRow('w8', [0.86, 0.87, 0.88])]);
    const [, a = 0, b = 0, c = 0] = [...svg.matchAll(/class="seed" cx="([\d.]+)"/g)].map((hit) =>
      Number(hit[1]),
    );
    expect(b - a).toBeCloseTo(c - b, 0);
    expect(b - a).toBeGreaterThan(50);
    expect(c).toBeLessThan(760);
    const ticks = [...svg.matchAll(/x="([\d.]+)" y="\d+" text-anchor="middle">(\d+)</g)];
    const at87 = ticks.find((hit) => hit[2] === '87');
    expect(Number(at87?.[1])).toBeCloseTo(b, 0);
  });

  it('shows PyTorch where it was measured', () => {
    expect(drawAccuracies([reportRow('w8', [0.87])]).match(/class="peer"/g)).toHaveLength(1);
    expect(drawAccuracies([reportRow('w4', [0.87])]).match(/class="peer"/g)).toHaveLength(2);
  });
});

describe('the settings', () => {
  it('ids are unique, and rows come in the order of the table', () => {
    expect(new Set(accuracyRows.map(({ id }) => id)).size).toBe(accuracyRows.length);
    expect(chooseRows('w2,float').map(({ id }) => id)).toEqual(['float', 'w2']);
    expect(() => chooseRows('w2,w3')).toThrow(/no row "w3"/);
  });

  it('reads seeds and recipes, and refuses what is none', () => {
    expect(parseSeeds('4,0')).toEqual([4, 0]);
    for (const wrong of ['', '1,', '-1', '1.5', '4294967296'])
      expect(() => parseSeeds(wrong)).toThrow(/Seeds/);
    expect(parseRecipe(['optimizer=sgd', 'learningRate=0.1'])).toEqual({
      optimizer: 'sgd',
      learningRate: 0.1,
    });
    for (const wrong of ['optimizer=magic', 'learningRate=', 'rate=1', 'epochs=0', 'epochs']) {
      expect(() => parseRecipe([wrong]), wrong).toThrow(/cannot be used/);
    }
  });
});
