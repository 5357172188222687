/** The quantizer's choices in the user's words. */
import {
  codeRange,
  type Granularity,
  type Grid,
  granularities,
  granularityTable,
  grids,
  gridTable,
  methods,
  methodTable,
  type Part,
  rangeEstimators,
  rangeTable,
  type WeightQuantizer,
} from '../../host/contract.js';

export interface Choice<T extends string> {
  value: T;
  label: string;
  hint: string;
}

/** One choice per row of a table of parts, with the first line of its formula. */
function choicesOf<T extends string>(ids: readonly T[], table: Readonly<Record<T, Part>>): Choice<T>[] {
  return ids.map((value) => {
    const { label, formula } = table[value];
    return { value, label, hint: formula.split('\n')[0] ?? '' };
  });
}

export const methodChoices = choicesOf(
  methods.filter((id) => methodTable[id].weights),
  methodTable,
);
export const activationMethodChoices = choicesOf(
  methods.filter((id) => methodTable[id].activations),
  methodTable,
);
export const granularityChoices = choicesOf(granularities, granularityTable);
export const gridChoices = choicesOf(grids, gridTable);
export const rangeChoices = choicesOf(
  rangeEstimators.filter((id) => rangeTable[id].weights),
  rangeTable,
);
export const activationRangeChoices = choicesOf(
  rangeEstimators.filter((id) => rangeTable[id].activations),
  rangeTable,
);

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
  if (method === 'dorefa') {
    return {
      value: 'ŵ = 2·⌊(2ᵇ−1)·(tanh(w)/(2·max|tanh w|) + ½)⌉/(2ᵇ−1) − 1',
      scale: 'levels −1 … 1 per tensor',
    };
  }
  if (method === 'irnet') {
    return { value: 'ŵ = α · sign((w − mean)/std)', scale: 'α a power of two per channel' };
  }
  if (bits === 1) return { value: 'ŵ = α · sign(w)', scale: `α = mean|w| ${per}; sign(0) = +1` };
  const { qmin, qmax } = codeRange(grid, bits);
  const ends = superior(`${qmin}, ${qmax}`);
  const value = weightFormula(grid, ends);
  const start = rangeChoices.find((choice) => choice.value === range)?.label ?? range;
  const after = method === 'ste' ? 'straight through' : 'then learned';
  return { value, scale: `s ${per} · ${start}, ${after}` };
}
