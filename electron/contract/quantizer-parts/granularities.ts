import type { Part } from './part.js';

/** What shares a scale. Activations have one per tensor. */
export const granularityTable = {
  tensor: {
    label: 'tensor',
    formula: 'one s for all rows and columns',
    source: null,
    goodFor: 'Smallest and fastest; the only one for activations.',
    traps: 'The row with the largest weights sets the resolution of all rows.',
  },
  channel: {
    label: 'channel',
    formula: 's[r] for row r (output channel)',
    source: 'Krishnamoorthi 2018, arXiv:1806.08342',
    goodFor: 'The default: rows differ most, and one scale a row costs next to nothing.',
    traps: 'An outlier still spoils its own row.',
  },
  group: {
    label: 'group',
    formula: 's[r, ⌊c/g⌋] for row r and column c; the last group of a row may be shorter',
    source: 'Shen et al. 2020, arXiv:1909.05840',
    goodFor: 'Two to four bits of large layers: an outlier spoils g weights alone.',
    traps: 'Costs 32/g bits a weight, twice that with zero points: g = 32 adds a whole bit.',
  },
} as const satisfies Record<string, Part>;
