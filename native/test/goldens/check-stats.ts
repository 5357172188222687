/** `stats/`: statistics, histogram and quantization errors of a weight. */
import type { NativeAddon, NativeQuantizer, NativeStatistics, Tensor } from '../../index.js';
import type { GoldenCase } from './golden-case.js';
import { close, equal, type Measurement, sumBound } from './measure.js';

interface ExpectedStatistics {
  min: number;
  max: number;
  mean: number;
  std: number;
  absmax: number;
  absmean: number;
  skewness: number;
  kurtosis_excess: number;
  percentiles: Record<string, number>;
}

interface ExpectedError {
  bits: number;
  granularity: string;
  mse: number;
  sqnr_db: number;
  cosine: number;
}

export async function checkStats(addon: NativeAddon, golden: GoldenCase): Promise<Measurement[]> {
  const { rows, cols } = golden.matrixShape('w');
  const tensor = addon.tensorFromArray(await golden.floats('w'), rows, cols);
  try {
    const expected = golden.scalar<ExpectedStatistics>('stats');
    const percentiles = Object.keys(expected.percentiles).map(Number);
    const statistics = await addon.statistics(tensor, percentiles);
    const measured = compareStatistics(statistics, expected);
    measured.push(...(await compareHistogram(addon, tensor, golden)));
    for (const error of golden.scalar<ExpectedError[]>('errors')) {
      measured.push(...(await compareError(addon, tensor, error)));
    }
    return measured;
  } finally {
    tensor.dispose();
  }
}

function compareStatistics(actual: NativeStatistics, expected: ExpectedStatistics): Measurement[] {
  // Sums of signed values nearly cancel: their error is measured against what was summed.
  const measured = [
    close('min', actual.min, expected.min, 0),
    close('max', actual.max, expected.max, 0),
    close('absmax', actual.absMax, expected.absmax, 0),
    close('mean', actual.mean, expected.mean, sumBound, expected.absmean),
    close('std', actual.std, expected.std, sumBound),
    close('absmean', actual.absMean, expected.absmean, sumBound),
    close('skewness', actual.skewness, expected.skewness, sumBound, Math.max(1, Math.abs(expected.skewness))),
    close(
      'kurtosis',
      actual.kurtosisExcess,
      expected.kurtosis_excess,
      sumBound,
      Math.max(3, Math.abs(expected.kurtosis_excess)),
    ),
  ];
  for (const { p, value } of actual.percentiles) {
    const reference = expected.percentiles[String(p)] ?? Number.NaN;
    measured.push(close(`percentile ${p}`, value, reference, sumBound, expected.absmax));
  }
  return measured;
}

async function compareHistogram(
  addon: NativeAddon,
  tensor: Tensor,
  golden: GoldenCase,
): Promise<Measurement[]> {
  const counts = await golden.counts('counts');
  const edges = await golden.doubles('edges');
  const histogram = await addon.histogram(tensor, counts.length);
  return [
    equal('histogram counts', histogram.counts, counts),
    equal('histogram range', [histogram.low, histogram.high], [edges[0] ?? 0, edges.at(-1) ?? 0]),
    equal('values outside', [histogram.below, histogram.above], [0, 0]),
  ];
}

async function compareError(
  addon: NativeAddon,
  tensor: Tensor,
  expected: ExpectedError,
): Promise<Measurement[]> {
  const { error } = await addon.whatIf(tensor, {
    quantizer: { bits: expected.bits, grid: 'signed', range: 'absmax', method: 'lsq', ...share(expected) },
    row: null,
    range: null,
    exactBins: 2048,
    drawnBins: 256,
  });
  const name = `${expected.bits} bits per ${expected.granularity}`;
  return [
    close(`mse at ${name}`, error.mse, expected.mse, sumBound),
    close(`SQNR at ${name}`, error.sqnrDb ?? Number.POSITIVE_INFINITY, expected.sqnr_db, sumBound),
    close(`cosine at ${name}`, error.cosine, expected.cosine, sumBound),
  ];
}

/** `tensor`, `channel`, `group32`. */
function share({ granularity }: ExpectedError): Pick<NativeQuantizer, 'granularity' | 'groupSize'> {
  if (granularity === 'tensor' || granularity === 'channel') return { granularity, groupSize: 2 };
  const group = /^group(\d+)$/.exec(granularity);
  if (!group) throw new Error(`granularity ${granularity} is not supported`);
  return { granularity: 'group', groupSize: Number(group[1]) };
}
