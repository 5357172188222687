import type { Parameter, Part } from './part.js';

export interface RangePart extends Part {
  weights: boolean;
  activations: boolean;
  /** Only for weights on the ternary grid. */
  ternaryOnly: boolean;
  parameters: readonly Parameter[];
}

const everywhere = { weights: true, activations: true, ternaryOnly: false, parameters: [] };

/**
 * How *prepare* sets scales. They find the reach of the outermost level, or the scale itself; a binary scale is
 * mean|w| whatever the estimator, and a ternary threshold half the scale where the formula names none.
 */
export const rangeTable = {
  mse: {
    label: 'MSE search',
    formula: 's = argmin Σ(w − ŵ)²\nternary: s, Δ exactly, by sorting |w|',
    source: 'Max 1960, IRE Transactions on Information Theory 6(1)',
    goodFor: 'The default: the best trade of rounding against clipping at every bit-width.',
    traps:
      'The error is not convex in s, so it is searched: a row of scales, then refined. Error of the weight is not error of the layer’s output.',
    ...everywhere,
  },
  absmax: {
    label: 'Abs-max',
    formula: 's = max|w| / top level\nunsigned: from min(w, 0) to max(w, 0)',
    source: 'Wu et al. 2020, arXiv:2004.09602',
    goodFor: 'Nothing is clipped; the plain rule of 8 bits. On the unsigned grid it is min-max.',
    traps: 'One outlier takes the resolution of all others, the more so the fewer the bits.',
    ...everywhere,
  },
  lsq: {
    label: 'LSQ start',
    formula: 's = 2·mean|w| / √qmax',
    source: 'Esser et al. 2020, arXiv:1902.08153',
    goodFor: 'A start that training then learns from, as the method LSQ was published with.',
    traps:
      'Meant to be learned from, not to be used as it is: on a Gaussian 1.7 dB from the optimum at 2 bits, 4.1 dB at 4 and 12.8 dB at 8.',
    ...everywhere,
  },
  lsqPlus: {
    label: 'LSQ+ start',
    formula: 's = max(|μ − 3σ|, |μ + 3σ|) / 2^(b−1)\nunsigned: from μ − 3σ to μ + 3σ',
    source: 'Bhalgat et al. 2020, arXiv:2004.09576',
    goodFor: 'A start that a few outliers cannot spoil, for training with learned scales.',
    traps: 'At 2 to 4 bits three deviations are too far out, at 8 bits too near; heavy tails are clipped.',
    ...everywhere,
  },
  percentile: {
    label: 'Percentile',
    formula: 's = percentile p of |w| / top level\nunsigned: from percentile 100 − p to p of w',
    source: 'Wu et al. 2020, arXiv:2004.09602',
    goodFor: 'Activations with rare huge values; a clip one can state in a word.',
    traps:
      'Says nothing about how far the clipped values lie; of fewer than a thousand elements it is nearly the largest value.',
    ...everywhere,
    parameters: [{ id: 'percentile', label: 'Percentile', min: 50, max: 100, step: 0.01, default: 99.9 }],
  },
  lp: {
    label: 'Least Lp error',
    formula: 's = argmin Σ|w − ŵ|^p',
    source: 'Nahshan et al. 2019, arXiv:1911.07190',
    goodFor: 'Moving between few large errors (p above 2) and many small ones (p below 2).',
    traps:
      'Slower than the squared error: a power for every element and scale tried. p = 2 is the squared error.',
    ...everywhere,
    parameters: [{ id: 'norm', label: 'Power p', min: 1, max: 4, step: 0.1, default: 2.4 }],
  },
  kl: {
    label: 'KL divergence',
    formula:
      'clip = argmin KL(P ‖ Q) over 128 … 2048 bins of |w|\nP: tail added to the last bin; Q: its levels',
    source: 'Migacz 2017, GTC talk S7310, “8-bit inference with TensorRT”',
    goodFor: 'Activations at 8 bits, over many values.',
    traps:
      'Made for 8 bits: its least clip, 128 bins or max|w|/16, is inherited from there. Needs thousands of values per scale. The first bin is replaced by the second, or exact zeros would outweigh everything; of equal divergences the widest clip is taken.',
    ...everywhere,
  },
  aciq: {
    label: 'ACIQ',
    formula:
      's = 2c/levels; Laplace: c/b·e^(c/b) = 3·levels², b = mean|w|\nGauss: c = argmin 2∫(x−c)²φ + c²/(3·levels²), × σ',
    source: 'Banner et al. 2019, arXiv:1810.05723',
    goodFor: 'A clip from two sums alone, where a search costs too much.',
    traps:
      'As good as the fit: of Gauss and Laplace the likelier one is taken, and weights with a bulge or far outliers are neither.',
    ...everywhere,
  },
  movingAverage: {
    label: 'Moving average',
    formula: 'lo, hi ← 0.9·(lo, hi) + 0.1·(min, max) of each batch\n16 batches of the calibration values',
    source: 'Jacob et al. 2018, arXiv:1712.05877',
    goodFor: 'Activations: smooths over batches what the largest value takes from a single one.',
    traps: 'The last batches weigh most, so the order of the samples matters.',
    weights: false,
    activations: true,
    ternaryOnly: false,
    parameters: [],
  },
  twn: {
    label: 'TWN threshold',
    formula: 'Δ = 0.7·mean|w|\ns = mean of |w| above Δ',
    source: 'Li et al. 2016, arXiv:1605.04711',
    goodFor: 'The ternary rule most results were published with; close to the optimum on a Gaussian.',
    traps:
      'Laplace-like weights want Δ = mean|w|; the exact threshold (least squared error) costs but a sort.',
    weights: true,
    activations: false,
    ternaryOnly: true,
    parameters: [],
  },
  ttq: {
    label: 'TTQ start',
    formula: 'Δ = 0.05·max|w|\ns₊, s₋ = mean of |w| above Δ on either side',
    source: 'Zhu et al. 2017, arXiv:1612.01064',
    goodFor: 'Two levels that training then learns, one for each sign.',
    traps: 'Δ hangs on the largest weight: few weights are zero at the start. A start to learn from.',
    weights: true,
    activations: false,
    ternaryOnly: true,
    parameters: [],
  },
} as const satisfies Record<string, RangePart>;
