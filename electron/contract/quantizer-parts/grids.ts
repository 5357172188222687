import type { Part } from './part.js';

export interface GridPart extends Part {
  /** Bits it exists at. */
  bits: readonly number[];
  activations: boolean;
}

const above1 = [2, 3, 4, 5, 6, 7, 8];

/** Where the levels are. Every grid serves weights. */
export const gridTable = {
  signed: {
    label: 'signed',
    formula: 'q = clamp(⌊w/s⌉, −2^(b−1), 2^(b−1)−1)\nŵ = s·q',
    source: null,
    goodFor: 'The codes of two’s complement, all 2^b of them: what integer hardware takes as it is.',
    traps: 'One more level below zero than above: at 2 bits the levels are −2s, −s, 0, s.',
    bits: above1,
    activations: true,
  },
  narrow: {
    label: 'narrow',
    formula: 'q = clamp(⌊w/s⌉, −(2^(b−1)−1), 2^(b−1)−1)\nŵ = s·q',
    source: 'Jacob et al. 2018, arXiv:1712.05877',
    goodFor:
      'Symmetric about zero, so negating a weight negates its code; products of 8 bits stay clear of −128·−128.',
    traps: 'Gives up one level, which at 2 bits is a quarter of them: prefer signed or mid-rise there.',
    bits: above1,
    activations: false,
  },
  unsigned: {
    label: 'unsigned',
    formula: 'q = clamp(⌊w/s⌉ + z, 0, 2^b−1)\nŵ = s·(q − z)',
    source: 'Jacob et al. 2018, arXiv:1712.05877',
    goodFor: 'Values mostly on one side of zero: inputs behind a ReLU (z = 0), skewed weights.',
    traps: 'The zero point z costs four bytes a scale and a correction term in every product.',
    bits: above1,
    activations: true,
  },
  binary: {
    label: 'binary',
    formula: 'ŵ = α·sign(w), sign(0) = +1\nα = mean|w|',
    source: 'Rastegari et al. 2016, arXiv:1603.05279',
    goodFor: 'One bit. With one-bit inputs a product is XNOR and a count of bits.',
    traps:
      'There is no zero. It is not the one-bit two’s complement {−s, 0}, whose squared error on a Gaussian is 0.595 in place of 0.363.',
    bits: [1],
    activations: false,
  },
  midrise: {
    label: 'mid-rise',
    formula: 'q = clamp(⌊w/s − ½⌉, −2^(b−1), 2^(b−1)−1)\nŵ = s·(q + ½)',
    source: 'Max 1960, IRE Transactions on Information Theory 6(1)',
    goodFor: 'Two to four bits: no level is spent on zero. On a Gaussian 1 dB better than signed at 2 bits.',
    traps:
      'No weight is zero, so nothing is sparse and pruned weights come back as ±s/2; all zeros cannot be kept.',
    bits: above1,
    activations: false,
  },
  ternary: {
    label: 'ternary',
    formula: 'ŵ = +s where w > Δ, −s where w < −Δ, else 0',
    source: 'Li et al. 2016, arXiv:1605.04711',
    goodFor: 'Weights that shall be sparse: products become additions, zeros are skipped.',
    traps:
      'Stored in 2 bits with one of the four codes unused; a mid-rise grid of 2 bits loses 2 dB less on a Gaussian.',
    bits: [2],
    activations: false,
  },
  user: {
    label: 'library’s',
    formula:
      'q = the library’s code of w, 0 … 2^b−1\nŵ = the level that the library gives q under the parameters of w’s scale',
    source: null,
    goodFor: 'A grid of one’s own, without building the application again: docs/user-quantizers.md.',
    traps:
      'An export holds every level, 4·2^b bytes a scale. Products are float: the levels are no multiples of a step.',
    bits: [1, ...above1],
    activations: false,
  },
} as const satisfies Record<string, GridPart>;
