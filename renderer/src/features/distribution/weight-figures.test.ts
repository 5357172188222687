import { describe, expect, it } from 'vitest';
import { defaultLayerConfig } from '../../host/contract.js';
import type { FigurePair } from '../../host/index.js';
import { sampleWhatIf } from '../../host/testing/sample-state.js';
import { histogramTable, levelsNote, nearestLevel, weightSummary } from './weight-figures.js';

const whatIf = { ...sampleWhatIf(4), quantizedCounts: [0, 9, 1], meanErrorByBin: [0.5, -0.01, 0.02] };

function pair(change: Partial<FigurePair> = {}): FigurePair {
  return {
    layer: 'fc1',
    row: null,
    range: null,
    runId: null,
    revision: 0,
    quantizer: { ...defaultLayerConfig.weight, bits: 4 },
    whatIf,
    analysis: {
      layer: 'fc1',
      statistics: {
        count: 10,
        min: -0.3,
        max: 0.3,
        mean: 0,
        std: 0.1,
        absMax: 0.3,
        absMean: 0.08,
        skewness: 0,
        kurtosisExcess: 0,
        zeroShare: 0,
        percentiles: [],
      },
      histogram: { low: -0.3, high: 0.3, exactBins: 2048, counts: [0, 8, 2], below: 2, above: 1 },
      byBits: [],
      nativeMs: 1,
    },
    ...change,
  };
}

describe('figures of the weights', () => {
  it('name the nearest level, not the level below', () => {
    expect([-9, -0.06, -0.04, 0.2].map((x) => nearestLevel([-0.1, 0, 0.1], x))).toEqual([-0.1, -0.1, 0, 0.1]);
    expect(nearestLevel([], 0)).toBeNull();
  });

  it('are copied as drawn: exact edges, counts, and no error where there is no weight', () => {
    const { columns, rows } = histogramTable(pair());
    expect(columns).toEqual(['bin low', 'bin high', 'weights', 'quantized to 4 bit', 'mean error']);
    expect(rows[0]).toEqual([-0.3, -0.3 + 0.6 / 3, 0, 0, null]);
    expect(rows[1]?.slice(2)).toEqual([8, 9, -0.01]);
    expect(rows[2]?.[1]).toBe(0.3);
  });

  it('leave out the quantizer where the layer is float', () => {
    const float = pair({ quantizer: { ...defaultLayerConfig.weight, bits: 32 } });
    expect(histogramTable(float).columns).toEqual(['bin low', 'bin high', 'weights']);
    expect(weightSummary(float)).toContain('The layer is float.');
    expect(levelsNote(float)).toContain('no levels');
  });

  it('say how many weights lie outside, and whose levels are drawn', () => {
    expect(weightSummary(pair())).toContain('3 lie outside the visible range');
    const ofRow = { ...whatIf, levels: { ...whatIf.levels, row: 17, scaleCount: 256 } };
    expect(levelsNote(pair({ whatIf: ofRow }))).toContain('channel 17 (the median scale)');
    expect(levelsNote(pair({ whatIf: ofRow, row: 17 }))).not.toContain('median');
  });
});
