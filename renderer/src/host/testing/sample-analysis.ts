/** For tests only: an analysis as the main process sends it, checked with the contract's schema. */
import { type Analysis, analysisSchema, type Bits, type RouteInput, type WhatIf } from '../contract.js';
import { sampleWhatIf } from './sample-state.js';

const byBits = [1, 2, 3, 4, 5, 6, 7, 8] as const satisfies readonly Bits[];

/** Bell-shaped counts of the bins asked for. */
function counts(bins: number): number[] {
  return Array.from({ length: bins }, (_, bin) =>
    Math.round(500 * Math.exp(-(((bin / bins - 0.5) * 6) ** 2))),
  );
}

export function sampleWhatIfFor({ lens }: RouteInput<'layer.whatIf'>): WhatIf {
  const bins = lens.drawnBins;
  return {
    ...sampleWhatIf(lens.quantizer.bits as Bits),
    quantizedCounts: counts(bins),
    meanErrorByBin: counts(bins).map((_, bin) => Math.sin(bin) / 100),
    rowSqnrDb: [
      { row: 0, sqnrDb: 21 },
      { row: 1, sqnrDb: null },
      { row: 2, sqnrDb: 12.5 },
    ],
  };
}

export function sampleAnalysisFor(input: RouteInput<'layer.analyze'>): Analysis {
  const { range, drawnBins } = input.lens;
  const low = range?.low ?? -0.2;
  const high = range?.high ?? 0.2;
  return analysisSchema.parse({
    layer: input.source.layer,
    statistics: {
      count: counts(drawnBins).reduce((sum, count) => sum + count, 0),
      min: -0.2,
      max: 0.2,
      mean: 0.0001,
      std: 0.05,
      absMax: 0.2,
      absMean: 0.04,
      skewness: 0.1,
      kurtosisExcess: 0.3,
      zeroShare: 0,
      percentiles: [{ p: 50, value: 0.0001 }],
    },
    histogram: { low, high, exactBins: 2048, counts: counts(drawnBins), below: 0, above: 3 },
    byBits: byBits.map((bits) => sampleWhatIf(bits).error),
    nativeMs: 3,
  });
}
