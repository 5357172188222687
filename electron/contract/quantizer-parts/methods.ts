import type { Part } from './part.js';

export interface MethodPart extends Part {
  weights: boolean;
  activations: boolean;
  /** Grids of weights it is for; null: every grid. */
  grids: readonly string[] | null;
  /** What it needs of a weight's quantizer beside the grid. */
  granularity: string | null;
  range: string | null;
  /** Activations: clips at zero, so there is no signed form, and none of 1 bit. */
  clipsAtZero: boolean;
}

const affine = { grids: null, granularity: null, range: null, clipsAtZero: false };

/** The gradient rule of training: what passes through the rounding, and what becomes of the scales. */
export const methodTable = {
  lsq: {
    label: 'LSQ, learned',
    formula:
      '∂L/∂w = ∂L/∂ŵ inside, 0 clipped\n∂L/∂s = g·Σ ∂L/∂ŵ·(⌊w/s⌉ − w/s inside, q clipped), g = 1/√(N·qmax)',
    source: 'Esser et al. 2020, arXiv:1902.08153',
    goodFor: 'Low bits: scales are trained with the weights and find the trade of rounding against clipping.',
    traps:
      'N leaves the batch out; without g the scale’s steps dwarf those of the weights. Starts from *prepare*.',
    weights: true,
    activations: true,
    ...affine,
  },
  ste: {
    label: 'STE',
    formula:
      '∂L/∂w = ∂L/∂ŵ inside, 0 clipped\ns = max|w|, mean|w| (binary) or s, Δ (ternary) at every step; else as prepared',
    source: 'Bengio, Léonard & Courville 2013, arXiv:1308.3432',
    goodFor: 'The plain baseline: BinaryConnect at 1 bit, TWN on the ternary grid, abs-max elsewhere.',
    traps:
      'With a range that is searched, weights that grow beyond it are clipped and get no gradient any more. Binary weights are held within ±1.',
    weights: true,
    activations: true,
    ...affine,
  },
  lsqPlus: {
    label: 'LSQ+, with offset',
    formula: 'x̂ = s·clamp(⌊(x − β)/s⌉) + β\n∂x̂/∂s as LSQ of x − β; ∂x̂/∂β = 0 inside, 1 clipped, times g',
    source: 'Bhalgat et al. 2020, arXiv:2004.09576',
    goodFor: 'Inputs that reach below zero without being symmetric: GELU, swish, normalised images.',
    traps:
      'The offset costs a correction term Σŵ in integer products, and zeros added by padding are not on the grid.',
    weights: false,
    activations: true,
    ...affine,
  },
  pact: {
    label: 'PACT, learned clip',
    formula: 'x̂ = s·⌊clip(x, 0, α)/s⌉, s = α/(2^b−1)\n∂x̂/∂α = 1 where x ≥ α, else 0',
    source: 'Choi et al. 2018, arXiv:1805.06085',
    goodFor: 'Inputs behind a ReLU at few bits.',
    traps:
      'Only clipped values move α: without weight decay it does not shrink, and rounding errors inside do not count.',
    weights: false,
    activations: true,
    ...affine,
    clipsAtZero: true,
  },
  dorefa: {
    label: 'DoReFa',
    formula:
      'weights: u = tanh(w)/max|tanh w|, ŵ the nearest of 2^b levels −1 … 1\ninputs: x̂ = ⌊(2^b−1)·clip(x, 0, 1)⌉/(2^b−1)',
    source: 'Zhou et al. 2016, arXiv:1606.06160',
    goodFor:
      'Nothing to calibrate and nothing to learn but the weights; the published baseline of many papers.',
    traps:
      'Weights become ±1 in size, so a batch norm belongs behind the layer; one large weight squashes all others. Inputs beyond 1 are lost.',
    weights: true,
    activations: true,
    ...affine,
    grids: ['midrise'],
    granularity: 'tensor',
    clipsAtZero: true,
  },
  ttq: {
    label: 'TTQ',
    formula:
      'ŵ = α₊ above Δ, −α₋ below −Δ, else 0; Δ = 0.05·max|w|\n∂L/∂α₊ = Σ₊ ∂L/∂ŵ, ∂L/∂α₋ = −Σ₋ ∂L/∂ŵ; ∂L/∂w = α₊, 1, α₋ times ∂L/∂ŵ',
    source: 'Zhu et al. 2017, arXiv:1612.01064',
    goodFor: 'Ternary weights whose two sides differ: each gets a level of its own.',
    traps: 'A small Δ leaves few zeros, so it is less sparse than TWN. Two scales where others have one.',
    weights: true,
    activations: false,
    ...affine,
    grids: ['ternary'],
    range: 'ttq',
  },
  irnet: {
    label: 'IR-Net',
    formula:
      'n = (w − mean)/std per channel, ŵ = 2^⌊log₂ mean|n|⌉·sign(n)\n∂sign/∂n = k·t·(1 − tanh²(t·n)), t from 0.1 to 10 over the training, k = max(1/t, 1)',
    source: 'Qin et al. 2020, arXiv:1909.10788',
    goodFor: 'Binary weights: balanced signs carry more information, and early gradients reach every weight.',
    traps:
      'The annealing belongs to the whole training: more epochs are another schedule. Scales are powers of two, coarser than mean|w|.',
    weights: true,
    activations: false,
    ...affine,
    grids: ['binary'],
    granularity: 'channel',
  },
} as const satisfies Record<string, MethodPart>;
