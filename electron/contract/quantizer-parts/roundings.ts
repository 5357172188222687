import type { granularityTable } from './granularities.js';
import type { gridTable } from './grids.js';
import type { methodTable } from './methods.js';
import type { Parameter, Part } from './part.js';

/** What a rounding needs of the rest of the quantizer. */
export interface RoundingPart extends Part {
  grids: readonly (keyof typeof gridTable)[];
  granularities: readonly (keyof typeof granularityTable)[];
  /** Gradient rules whose levels are those of the grid under the scale, so that a chosen code stays chosen. */
  methods: readonly (keyof typeof methodTable)[];
  /** Looks at the layer's inputs, so it needs some. */
  needsInputs: boolean;
  parameters: readonly Parameter[];
  /** Can work on the columns in descending order of their inputs' power. */
  orders: boolean;
}

const builtInGrids = ['signed', 'narrow', 'unsigned', 'binary', 'midrise', 'ternary'] as const;
const anyMix = {
  grids: [...builtInGrids, 'user'],
  granularities: ['tensor', 'channel', 'group'],
  methods: ['lsq', 'ste', 'dorefa', 'ttq', 'irnet', 'user'],
} as const;
const plainMethods = ['lsq', 'ste'] as const;

/** How *Quantize* chooses a code between two neighbours. Training rounds to nearest, from the float weight. */
export const roundingTable = {
  nearest: {
    label: 'Nearest',
    formula: '⌊t⌉, half to even: 0.5 → 0, 1.5 → 2, 2.5 → 2, −0.5 → 0',
    source: null,
    goodFor: 'The least error of each weight by itself, and no drift of the mean from ties.',
    traps: 'The best rounding of each weight alone is not the best for the layer’s output.',
    ...anyMix,
    needsInputs: false,
    parameters: [],
    orders: false,
  },
  adaround: {
    label: 'AdaRound',
    formula:
      'q = ⌊w/s⌋ + h, h ∈ {0, 1}\nh = argmin ½ Σ_rows d·H·dᵀ, d = ŵ − w, H = 2/n Σ x·xᵀ\nh relaxed to a sigmoid, pulled to 0 or 1 by λ Σ(1 − |2h − 1|^β)',
    source: 'Nagel et al. 2020, arXiv:2004.10568',
    goodFor: 'The output at 3 and 4 bits: scales stay as prepared, each weight goes up or down.',
    traps:
      'Needs inputs like those in use; a few dozen samples are fitted, not learned from. A row that did not get better keeps its nearest codes. Needs cols² numbers of memory.',
    grids: ['signed', 'narrow', 'unsigned', 'midrise'],
    granularities: anyMix.granularities,
    methods: plainMethods,
    needsInputs: true,
    parameters: [
      { id: 'iterations', label: 'Iterations', min: 1, max: 100_000, step: 100, default: 500, integer: true },
    ],
    orders: false,
  },
  gptq: {
    label: 'GPTQ',
    formula:
      'column by column: e = (w_j − ŵ_j)/U_jj, w_k −= e·U_jk for k > j\nUᵀU = (H + δ·mean diag H·I)⁻¹, H = 2/n Σ x·xᵀ',
    source: 'Frantar et al. 2023, arXiv:2210.17323',
    goodFor: 'Large layers: one pass over the columns, each one’s error mended by those to come.',
    traps:
      'Needs inputs like those in use. A Hessian that is nearly singular needs more damping. Groups with ordered columns keep the scales of the weight as it was, for packed groups are consecutive columns.',
    grids: builtInGrids,
    granularities: anyMix.granularities,
    methods: plainMethods,
    needsInputs: true,
    parameters: [{ id: 'damping', label: 'Damping δ', min: 0.0001, max: 10, step: 0.01, default: 0.01 }],
    orders: true,
  },
  hqq: {
    label: 'HQQ',
    formula: 'z = argmin Σ|w − s·(q − z)|^p by half-quadratic steps, then ⌊z⌉\ns = (max w − min w)/(2^b − 1)',
    source: 'Badri & Shaji 2023, “Half-Quadratic Quantization of Large Machine Learning Models”',
    goodFor: 'Comparing with the paper, on weights without inputs to look at.',
    traps:
      'The scale is that of min-max, whatever the start range, and the unsigned grid holds whole zero points. On the sample (groups of 64; 2, 3, 4, 8 bits) float zeros lose 5–9 % less Σ|w − ŵ|^0.7 than min-max; whole ones 0.1 % more: the gain is the fraction of z. Nearest from the start `mse` loses 5–26 % less.',
    grids: ['unsigned'],
    granularities: ['channel', 'group'],
    methods: plainMethods,
    needsInputs: false,
    parameters: [{ id: 'shrinkNorm', label: 'Power p', min: 0.1, max: 1, step: 0.05, default: 0.7 }],
    orders: false,
  },
} as const satisfies Record<string, RoundingPart>;
