/** The quantizer's choices in the user's words. */
import {
  codeRange,
  type Granularity,
  type Grid,
  type Method,
  type RangeEstimator,
  type WeightQuantizer,
} from '../../host/contract.js';

export interface Choice<T extends string> {
  value: T;
  label: string;
  hint: string;
}

export const methodChoices: readonly Choice<Method>[] = [
  { value: 'lsq', label: 'LSQ, learned', hint: 'learned step size: scales are trained with the weights' },
  { value: 'ste', label: 'STE, fixed', hint: 'straight-through: scales stay as prepared' },
];

export const granularityChoices: readonly Choice<Granularity>[] = [
  { value: 'tensor', label: 'tensor', hint: 'one scale for the whole layer' },
  { value: 'channel', label: 'channel', hint: 'one scale per output channel' },
  { value: 'group', label: 'group', hint: 'one scale per group of inputs in a row' },
];

export const gridChoices: readonly Choice<Grid>[] = [
  { value: 'signed', label: 'signed', hint: 'two’s complement, one more level below zero' },
  { value: 'narrow', label: 'narrow', hint: 'symmetric about zero' },
  { value: 'unsigned', label: 'unsigned', hint: 'with a zero point, for one-sided weights' },
  { value: 'binary', label: 'binary', hint: '±α, one bit' },
];

export const rangeChoices: readonly Choice<RangeEstimator>[] = [
  { value: 'mse', label: 'MSE search', hint: 'the scale with the smallest squared error' },
  { value: 'absmax', label: 'Largest value', hint: 'nothing is clipped' },
  { value: 'lsq', label: 'LSQ start', hint: '2·mean|w| / √qmax, to be learned from' },
];

const superior = (text: string) => text.replace(/-/g, '−');

export interface Formula {
  /** What becomes of a weight. */
  value: string;
  /** Where the scale comes from. */
  scale: string;
}

const perText: Record<Granularity, string> = {
  tensor: 'per tensor',
  channel: 'per channel',
  group: 'per group',
};

function weightFormula(grid: Grid, ends: string): string {
  if (grid === 'ternary') return 'ŵ = s · (|w| > Δ) · sign(w)';
  if (grid === 'unsigned') return `ŵ = s · (clamp(⌊w/s⌉ + z, ${ends}) − z)`;
  if (grid === 'midrise') return `ŵ = s · (clamp(⌊w/s − ½⌉, ${ends}) + ½)`;
  return `ŵ = s · clamp(⌊w/s⌉, ${ends})`;
}

/** The quantizer as a formula; ⌊·⌉ rounds half to even. */
export function formulaOf(quantizer: WeightQuantizer): Formula {
  const { bits, grid, granularity, groupSize, method, range } = quantizer;
  const per = granularity === 'group' ? `per ${groupSize} inputs` : perText[granularity];
  if (bits === 32) return { value: 'ŵ = w', scale: 'float: nothing is rounded' };
  if (bits === 1) return { value: 'ŵ = α · sign(w)', scale: `α = mean|w| ${per}; sign(0) = +1` };
  const { qmin, qmax } = codeRange(grid, bits);
  const ends = superior(`${qmin}, ${qmax}`);
  const value = weightFormula(grid, ends);
  const start = rangeChoices.find((choice) => choice.value === range)?.label ?? range;
  const after = method === 'lsq' ? 'then learned' : 'then fixed';
  return { value, scale: `s ${per} · ${start}, ${after}` };
}
