/** The quantizer's choices in the user's words, as the tables of parts have them. */
import {
  type ActivationGrid,
  type Bits,
  bitsSchema,
  codeRange,
  fitsBits,
  fitsGrid,
  type Granularity,
  type Grid,
  granularityTable,
  gridTable,
  idsOf,
  type LibraryState,
  type Method,
  type MethodPart,
  methodTable,
  type Part,
  type RangeEstimator,
  rangeTable,
  roundingTable,
  type WeightQuantizer,
} from '../../host/contract.js';

export interface Choice<T extends string> {
  value: T;
  label: string;
  hint: string;
}

/** All rows of a table; the hint is what a part is good for, up to the first stop. */
function choicesOf<Id extends string>(table: Readonly<Record<Id, Part>>): Choice<Id>[] {
  return idsOf(table).map((value) => {
    const { label, goodFor } = table[value];
    return { value, label, hint: goodFor.split(/[.:;,]/, 1)[0] ?? '' };
  });
}

const methodChoices = choicesOf(methodTable);
const parts = (method: Method): MethodPart => methodTable[method];
const weightMethods = methodChoices.filter(
  ({ value }) => parts(value).weightGrids.length > 0 && value !== 'user',
);

/** How a weight is trained: a built-in method, or a quantizer library by its id. */
export type MethodChoice = Method | `user:${string}`;

export function methodChoice({ method, library }: WeightQuantizer): MethodChoice {
  return method === 'user' && library !== undefined ? (library as `user:${string}`) : method;
}

/** Built-in methods and loaded libraries; of the others those in use, which cannot be chosen anew. */
export function weightMethodChoices(
  libraries: readonly LibraryState[],
  used: readonly WeightQuantizer[],
): (Choice<MethodChoice> & { blocked?: string })[] {
  const added = libraries.flatMap(({ loaded }) =>
    loaded
      ? [
          {
            value: loaded.id as MethodChoice,
            label: loaded.name,
            hint: `library, ${loaded.version}`,
          },
        ]
      : [],
  );
  const lost = missingLibraries(libraries, used).map((id) => ({
    value: id as MethodChoice,
    label: id.slice('user:'.length),
    hint: '',
    blocked: 'its library is not loaded',
  }));
  return [...weightMethods, ...added, ...lost];
}

/** Libraries that quantizers name and that are not loaded. */
export function missingLibraries(
  libraries: readonly LibraryState[],
  used: readonly WeightQuantizer[],
): string[] {
  const loaded = new Set(libraries.filter((state) => state.loaded).map(({ id }) => id));
  const named = new Set(used.flatMap(({ library }) => (library === undefined ? [] : [library])));
  return [...named].filter((id) => !loaded.has(id));
}

/** What choosing a method changes: a library at bits that it exists at. */
export function methodChange(
  choice: MethodChoice,
  bits: Bits | null,
  libraries: readonly LibraryState[],
): Partial<WeightQuantizer> {
  const library = libraries.find(({ id }) => id === choice)?.loaded;
  if (!library) return { method: choice as Method };
  const fits = bits === 32 || (bits !== null && library.bits.includes(bits));
  const change = { method: 'user', library: library.id } as const;
  return fits ? change : { ...change, bits: bitsSchema.parse(library.bits[0]) };
}
export const activationMethods = methodChoices.filter(({ value }) => parts(value).activationGrids.length > 0);

export const granularityChoices = choicesOf(granularityTable);

export const roundingChoices = choicesOf(roundingTable);

const rangeChoices = choicesOf(rangeTable);
export const activationRanges = rangeChoices.filter(({ value }) => rangeTable[value].activations);

/** Range estimators that every one of these grids has. */
export function weightRanges(grids: readonly Grid[]): Choice<RangeEstimator>[] {
  return rangeChoices.filter(({ value }) => grids.every((grid) => fitsGrid(value, grid)));
}

/** A library's grid comes with the library. */
const gridChoices = choicesOf(gridTable).filter(({ value }) => value !== 'user');

/** Every grid, with the bits that choosing it sets where it does not have the present ones. */
export function weightGrids(bits: Bits | null, grid: Grid | null): Choice<Grid>[] {
  const { label, goodFor } = gridTable.user;
  const own: Choice<Grid>[] = grid === 'user' ? [{ value: 'user', label, hint: goodFor }] : [];
  return [...gridChoices, ...own].map((choice) => {
    if (bits === null || fitsBits(choice.value, bits)) return choice;
    if (choice.value === 'binary') return { ...choice, hint: 'sets 1 bit' };
    return { ...choice, hint: 'sets 2 bits' };
  });
}

export const activationGridChoices: readonly Choice<ActivationGrid>[] = [
  { value: 'auto', label: 'automatic', hint: 'unsigned where nothing below zero arrives, else signed' },
  { value: 'signed', label: 'signed', hint: 'values of both signs' },
  { value: 'unsigned', label: 'unsigned', hint: 'no values below zero' },
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

function weightFormula({ grid, bits, method }: WeightQuantizer): string {
  // These rules change the weight before it is rounded, or have levels of their own.
  if (method === 'dorefa' || method === 'irnet' || method === 'ttq') {
    return methodTable[method].formula.split(/[;\n]/, 1)[0] ?? '';
  }
  if (grid === 'user') return 'ŵ = level[q]';
  const { qmin, qmax } = codeRange(grid, bits);
  const ends = superior(`${qmin}, ${qmax}`);
  if (grid === 'binary') return 'ŵ = α · sign(w)';
  if (grid === 'ternary') return 'ŵ = s · (|w| > Δ) · sign(w)';
  if (grid === 'unsigned') return `ŵ = s · (clamp(⌊w/s⌉ + z, ${ends}) − z)`;
  if (grid === 'midrise') return `ŵ = s · (clamp(⌊w/s − ½⌉, ${ends}) + ½)`;
  return `ŵ = s · clamp(⌊w/s⌉, ${ends})`;
}

/** What becomes of the scales in training. */
function afterStart({ grid, method, range }: WeightQuantizer): string {
  if (method === 'lsq') return 'then learned';
  if (method === 'ttq') return 'then both learned';
  return range === 'absmax' || grid === 'ternary' ? 'then following w' : 'then fixed';
}

/** The quantizer as a formula; ⌊·⌉ rounds half to even. */
export function formulaOf(quantizer: WeightQuantizer): Formula {
  const { bits, grid, granularity, groupSize, method, range } = quantizer;
  const per = granularity === 'group' ? `per ${groupSize} inputs` : perText[granularity];
  if (bits === 32) return { value: 'ŵ = w', scale: 'float: nothing is rounded' };
  const value = weightFormula(quantizer);
  if (method === 'dorefa') return { value, scale: 'levels from −1 to 1, no scale' };
  if (grid === 'user') return { value, scale: `${2 ** bits} levels ${per}, by the library` };
  if (method === 'irnet') return { value, scale: `e ${per}, following w` };
  if (grid === 'binary') return { value, scale: `α = mean|w| ${per}; sign(0) = +1` };
  return { value, scale: `s ${per} · ${rangeTable[range].label}, ${afterStart(quantizer)}` };
}
