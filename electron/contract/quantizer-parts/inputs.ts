import type { Part } from './part.js';

/** What may become of a layer's input before it is quantized. */
export const inputTable = {
  inputShift: {
    label: 'Input shift, learned',
    formula:
      'x̂ = Q(x + b[c]), b[c] one number for input channel c, 0 at the start\n∂L/∂b[c] = Σ ∂L/∂x over all that channel c gives',
    source: 'Liu et al. 2020, arXiv:2003.03488 (ReActNet, RSign: b = −α)',
    goodFor:
      'One- and two-bit inputs: each channel learns where its threshold is, which a sign at zero leaves to chance.',
    traps:
      'Learned with the network alone: Quantize, layer training and the export of an untrained model have none. An automatic grid becomes signed, since a shifted input may be below zero. Zeros of padding are not shifted. Float inputs ignore it: there it would be a bias. A file whose graph names a shift has it whatever is set.',
  },
} as const satisfies Record<string, Part>;
