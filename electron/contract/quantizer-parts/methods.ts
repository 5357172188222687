import type { Part } from './part.js';

export interface MethodPart extends Part {
  weights: boolean;
  activations: boolean;
}

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
  },
  ste: {
    label: 'STE, fixed',
    formula:
      '∂L/∂w = ∂L/∂ŵ inside, 0 clipped\ns as prepared; binary: α = mean|w| at every step, ∂L/∂w where |w| ≤ 1',
    source: 'Bengio, Léonard & Courville 2013, arXiv:1308.3432',
    goodFor: 'The plain baseline, and scales that must not move.',
    traps: 'Weights that grow beyond the prepared range are clipped and get no gradient any more.',
    weights: true,
    activations: true,
  },
} as const satisfies Record<string, MethodPart>;
