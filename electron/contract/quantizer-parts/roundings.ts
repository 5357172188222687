import type { Part } from './part.js';

/** How a code is chosen between two neighbours. */
export const roundingTable = {
  nearestEven: {
    label: 'nearest, half to even',
    formula: '⌊t⌉: 0.5 → 0, 1.5 → 2, 2.5 → 2, −0.5 → 0',
    source: null,
    goodFor: 'The least error of each weight by itself, and no drift of the mean from ties.',
    traps: 'The best rounding of each weight alone is not the best for the layer’s output.',
  },
} as const satisfies Record<string, Part>;
