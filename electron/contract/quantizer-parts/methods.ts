import type { granularityTable } from './granularities.js';
import type { gridTable } from './grids.js';
import type { Part } from './part.js';
import type { rangeTable } from './ranges.js';

/** What a gradient rule needs of the rest of the quantizer; a list that is empty says it is not for it. */
export interface MethodPart extends Part {
  /** Grids of weights it is for. */
  weightGrids: readonly (keyof typeof gridTable)[];
  /** The one granularity of weights it works with; null: any. */
  granularity: keyof typeof granularityTable | null;
  /** The one range estimator of weights it starts from, which is for no other rule; null: any other. */
  range: keyof typeof rangeTable | null;
  /** Grids of activations it is for; `auto` may become either of the others. */
  activationGrids: readonly ('auto' | 'signed' | 'unsigned')[];
  /** Bits of activations it exists at. */
  activationBits: readonly number[];
  /** What of a weight is rounded where that is not the weight itself: figures are about these values. */
  rounds?: string;
}

const above1 = [2, 3, 4, 5, 6, 7, 8] as const;
const anyGrid = ['signed', 'narrow', 'unsigned', 'binary', 'midrise', 'ternary'] as const;
const anyMix = {
  weightGrids: anyGrid,
  granularity: null,
  range: null,
  activationGrids: ['auto', 'signed', 'unsigned'],
  activationBits: [1, ...above1],
} as const;
const notForWeights = { weightGrids: [], granularity: null, range: null } as const;
const notForActivations = { activationGrids: [], activationBits: [] } as const;

/** The gradient rule of training: what passes through the rounding, and what becomes of the scales. */
export const methodTable = {
  lsq: {
    label: 'LSQ, learned',
    formula:
      '∂L/∂w = ∂L/∂ŵ inside, 0 clipped\n∂L/∂s = g·Σ ∂L/∂ŵ·(⌊w/s⌉ − w/s inside, q clipped), g = 1/√(N·qmax)',
    source: 'Esser et al. 2020, arXiv:1902.08153',
    goodFor: 'Low bits: scales are trained with the weights and find the trade of rounding against clipping.',
    traps:
      'N leaves the batch out; without g the scale’s steps dwarf those of the weights. Starts from *prepare*; on the ternary grid Δ = s/2 from then on.',
    ...anyMix,
  },
  ste: {
    label: 'STE',
    formula:
      '∂L/∂w = ∂L/∂ŵ inside, 0 clipped; binary: where |w| ≤ 1; ternary: everywhere\ns, Δ estimated anew at every step: abs-max, binary, ternary; else as prepared',
    source: 'Bengio, Léonard & Courville 2013, arXiv:1308.3432',
    goodFor: 'The plain baseline, and scales that must not be learned.',
    traps:
      'Scales of abs-max, the binary mean|w| and those of the ternary grid follow the weight; all others stay as prepared: weights that grow beyond them are clipped and get no gradient any more.',
    ...anyMix,
  },
  lsqPlus: {
    label: 'LSQ+, shift learned',
    formula:
      'x̂ = s·clamp(⌊(x − β)/s⌉, qmin, qmax) + β\n∂L/∂s as LSQ with x − β; ∂L/∂β = g·Σ ∂L/∂x̂ over the clipped x',
    source: 'Bhalgat et al. 2020, arXiv:2004.09576',
    goodFor:
      'Inputs that go below zero but not far, as behind Swish or GELU: the shift moves the levels to them.',
    traps:
      'β adds β·Σŵ to every output, a constant of each row that packed inference must carry. Zero has no exact level.',
    ...notForWeights,
    activationGrids: anyMix.activationGrids,
    activationBits: above1,
  },
  pact: {
    label: 'PACT, clip learned',
    formula:
      'x̂ = ⌊clamp(x, 0, α)·(2^b−1)/α⌉·α/(2^b−1)\n∂L/∂x = ∂L/∂x̂ where 0 ≤ x < α; ∂L/∂α = Σ ∂L/∂x̂ over x ≥ α',
    source: 'Choi et al. 2018, arXiv:1805.06085',
    goodFor: 'Inputs behind a ReLU at 2 to 4 bits: one number a layer is trained, the clip.',
    traps:
      'The clip’s gradient sees what is clipped alone, never the rounding: without weight decay it is pulled one way only, and a start far out learns slowly. What is below zero is lost.',
    ...notForWeights,
    activationGrids: ['unsigned'],
    activationBits: above1,
  },
  dorefa: {
    label: 'DoReFa',
    formula: 'ŵ = 2·Q(tanh(w)/(2·max|tanh w|) + ½) − 1; x̂ = Q(clamp(x, 0, 1))\nQ(r) = ⌊(2^b−1)·r⌉/(2^b−1)',
    source: 'Zhou et al. 2016, arXiv:1606.06160',
    goodFor: 'Training from scratch, with no scale to set or to learn.',
    traps:
      'Weights are mid-rise within ±1, so none is zero, and tanh changes what it is given: a trained float model does not survive it untrained. Inputs must lie in 0 … 1. The start range is not used.',
    weightGrids: ['midrise'],
    granularity: 'tensor',
    range: null,
    rounds: 'tanh(w) / max|tanh w|',
    activationGrids: ['unsigned'],
    activationBits: above1,
  },
  ttq: {
    label: 'TTQ',
    formula:
      'ŵ = s₊ where w > Δ, −s₋ where w < −Δ, else 0; Δ = 0.05·max|w|\n∂L/∂s₊ = Σ₊ ∂L/∂ŵ, ∂L/∂s₋ = −Σ₋ ∂L/∂ŵ; ∂L/∂w = ∂L/∂ŵ·(s₊, 1, s₋)',
    source: 'Zhu et al. 2017, arXiv:1612.01064',
    goodFor: 'Ternary weights whose positive and negative sides differ.',
    traps:
      'Δ follows the largest weight at every step. Starts from TTQ start and from no other. A packed product needs a second sum for the minus codes.',
    weightGrids: ['ternary'],
    granularity: null,
    range: 'ttq',
    ...notForActivations,
  },
  irnet: {
    label: 'IR-Net',
    formula:
      'ŵ = 2^e·sign(v), v = (w − mean w)/std w, e = ⌊log₂ mean|v|⌉\n∂ŵ/∂v = k·t·(1 − tanh²(t·v)), t from 0.1 to 10 through training, k = max(1/t, 1)',
    source: 'Qin et al. 2020, CVPR',
    goodFor:
      'Binary weights with about as many plus as minus signs, and a gradient that starts wide and ends as a sign.',
    traps:
      'The scales are powers of two that do not follow the size of w: put a batch norm behind the layer. Needs one scale per channel and at least two inputs. The authors’ program for CIFAR starts t at 0.001.',
    weightGrids: ['binary'],
    granularity: 'channel',
    range: null,
    rounds: '(w − mean w) / std w',
    ...notForActivations,
  },
  user: {
    label: 'Quantizer library',
    formula: '∂L/∂w and ∂L/∂p = g·Σ ∂L/∂ŵ·∂ŵ/∂p as the library gives them, g = 1/√N',
    source: null,
    goodFor: 'A quantizer that was added as a library: its grid, its start and its gradient in one.',
    traps:
      'It is the code of whoever wrote the library, run with your rights. The start range is not used. A project that uses it needs it to prepare, quantize and train.',
    weightGrids: ['user'],
    granularity: null,
    range: null,
    ...notForActivations,
  },
} as const satisfies Record<string, MethodPart>;
