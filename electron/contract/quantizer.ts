/**
 * What can be set on a layer. A quantizer is a mix of grid, range estimator, granularity, rounding and
 * method, each a row of quantizer-parts/; a preset is a named mix. Words as in the glossary of docs/architecture.md.
 */
import { z } from 'zod';
import {
  type GridPart,
  granularityTable,
  gridTable,
  idsOf,
  type MethodPart,
  methodTable,
  type Parameter,
  type RoundingPart,
  rangeTable,
  roundingTable,
} from './quantizer-parts/index.js';

/** 1–8 bits, or 32 for float. */
export const bitWidths = [1, 2, 3, 4, 5, 6, 7, 8, 32] as const;
export const bitsSchema = z.literal([...bitWidths]);
export type Bits = z.infer<typeof bitsSchema>;

/** A loaded quantizer library: `user:` and its name. */
export const libraryIdSchema = z.string().regex(/^user:[a-z][a-z0-9-]{0,31}$/);

/** Where the levels are; gridTable says what each is. */
export type Grid = keyof typeof gridTable;
export const grids = idsOf<Grid>(gridTable);
export const gridSchema = z.enum(grids);

/** One scale per tensor, per output channel (row), or per group of consecutive inputs in a row. */
export type Granularity = keyof typeof granularityTable;
export const granularities = idsOf<Granularity>(granularityTable);
export const granularitySchema = z.enum(granularities);

/** How scales are set by *prepare*; rangeTable says what each does and what it fits. */
export type RangeEstimator = keyof typeof rangeTable;
export const rangeEstimators = idsOf<RangeEstimator>(rangeTable);
export const rangeEstimatorSchema = z.enum(rangeEstimators);

/** The gradient rule of training; methodTable says what each does and what it fits. */
export type Method = keyof typeof methodTable;
export const methods = idsOf<Method>(methodTable);
export const methodSchema = z.enum(methods);

/** How *quantize* chooses codes; roundingTable says what each does and what it fits. */
export type Rounding = keyof typeof roundingTable;
export const roundings = idsOf<Rounding>(roundingTable);
export const roundingSchema = z.enum(roundings);

/** Grids that a weight of so many bits can have. A float weight keeps one for later. */
export function fitsBits(grid: Grid, bits: Bits): boolean {
  if (bits === 32) return grid !== 'binary' && grid !== 'ternary';
  return (gridTable[grid] as GridPart).bits.includes(bits);
}

/** Range estimators that a weight on this grid can have. */
export function fitsGrid(range: RangeEstimator, grid: Grid): boolean {
  const { weights, ternaryOnly } = rangeTable[range];
  return weights && (!ternaryOnly || grid === 'ternary');
}

/** Whether this gradient rule trains weights on this grid, with this granularity, from this start. */
export function fitsWeight(
  method: Method,
  weight: { grid: Grid; granularity: Granularity; range: RangeEstimator },
): boolean {
  const part: MethodPart = methodTable[method];
  return (
    part.weightGrids.includes(weight.grid) &&
    (part.granularity ?? weight.granularity) === weight.granularity &&
    startsFrom(method, weight.range)
  );
}

/** The rule that this range estimator is the start of and of no other. */
function ownerOf(range: RangeEstimator): Method | undefined {
  return methods.find((method) => methodTable[method].range === range);
}

function startsFrom(method: Method, range: RangeEstimator): boolean {
  return methodTable[method].range === null ? ownerOf(range) === undefined : ownerOf(range) === method;
}

/** Whether this rounding can choose the codes of such a weight. */
export function fitsRounding(
  rounding: Rounding,
  weight: { grid: Grid; granularity: Granularity; method: Method },
): boolean {
  const part: RoundingPart = roundingTable[rounding];
  return (
    part.grids.includes(weight.grid) &&
    part.granularities.includes(weight.granularity) &&
    part.methods.includes(weight.method)
  );
}

/** How *quantize* chooses the codes of this weight. */
export function roundingOf(weight: { rounding?: Rounding | undefined }): Rounding {
  return weight.rounding ?? 'nearest';
}

/** What of a weight this rule rounds; null: the weight itself. */
export function roundedValues(method: Method): string | null {
  const part: MethodPart = methodTable[method];
  return part.rounds ?? null;
}

/** `auto`: unsigned where the input cannot be negative, signed elsewhere. */
export const activationGrids = ['auto', 'signed', 'unsigned'] as const;
export type ActivationGrid = (typeof activationGrids)[number];

/** Whether this gradient rule trains activations of this grid and so many bits. */
export function fitsActivation(method: Method, activation: { grid: ActivationGrid; bits: Bits }): boolean {
  const { activationGrids, activationBits }: MethodPart = methodTable[method];
  // Float activations keep a rule for later.
  const bits = activation.bits === 32 ? activationBits.length > 0 : activationBits.includes(activation.bits);
  return bits && activationGrids.includes(activation.grid);
}

/** Smallest and largest code of a grid. Binary codes are 0 and 1 for −α and +α. */
export function codeRange(grid: Grid, bits: number): { qmin: number; qmax: number } {
  const half = 2 ** (bits - 1);
  if (grid === 'binary') return { qmin: 0, qmax: 1 };
  if (grid === 'unsigned' || grid === 'user') return { qmin: 0, qmax: 2 ** bits - 1 };
  return { qmin: grid === 'narrow' || grid === 'ternary' ? 1 - half : -half, qmax: half - 1 };
}

/** Parameters of range estimators; absent = the table's default. */
const rangeParameters = {
  percentile: parameterSchema(rangeTable.percentile.parameters[0]),
  norm: parameterSchema(rangeTable.lp.parameters[0]),
};

/** Parameters of roundings; absent = the table's default. */
const roundingParameters = {
  iterations: parameterSchema(roundingTable.adaround.parameters[0]),
  damping: parameterSchema(roundingTable.gptq.parameters[0]),
  /** GPTQ takes the columns in descending order of their inputs' power; absent = yes. */
  actOrder: z.boolean().optional(),
  /** Of roundings that look at the layer's inputs: the bias takes up the mean error of the output; absent = no. */
  correctBias: z.boolean().optional(),
  shrinkNorm: parameterSchema(roundingTable.hqq.parameters[0]),
};

function parameterSchema({ min, max, integer }: Parameter) {
  const number = integer ? z.int() : z.number();
  return number.min(min).max(max).optional();
}

export const weightQuantizerSchema = z
  .strictObject({
    bits: bitsSchema,
    grid: gridSchema,
    granularity: granularitySchema,
    /** Inputs that share a scale; used only with granularity `group`. */
    groupSize: z.int().min(2).max(65536),
    range: rangeEstimatorSchema,
    ...rangeParameters,
    method: methodSchema,
    /** Absent = nearest. */
    rounding: roundingSchema.optional(),
    ...roundingParameters,
    /** The quantizer library of method `user`; absent for every other. */
    library: libraryIdSchema.optional(),
  })
  .refine((q) => (q.method === 'user') === (q.library !== undefined), {
    message: 'method user names its library, and no other method has one',
    path: ['library'],
  })
  .refine((q) => fitsBits(q.grid, q.bits), {
    message: '1 bit is the binary grid, and the binary grid is 1 bit; the ternary grid is 2 bits',
    path: ['grid'],
  })
  .refine((q) => fitsGrid(q.range, q.grid), {
    message: 'this start range does not fit the grid',
    path: ['range'],
  })
  .refine((q) => fitsWeight(q.method, q), {
    message: 'this method does not fit the grid, the granularity or the start range',
    path: ['method'],
  })
  .refine((q) => fitsRounding(roundingOf(q), q), {
    message: 'this rounding does not fit the grid, the granularity or the method',
    path: ['rounding'],
  });
export type WeightQuantizer = z.infer<typeof weightQuantizerSchema>;

/** Always one scale per tensor. */
export const activationQuantizerSchema = z
  .strictObject({
    bits: bitsSchema,
    grid: z.enum(activationGrids),
    range: rangeEstimatorSchema.refine((range) => rangeTable[range].activations, {
      message: 'this start range is for weights',
    }),
    ...rangeParameters,
    method: methodSchema,
    /** Each input channel is shifted by a learned number first; absent = no. */
    inputShift: z.boolean().optional(),
  })
  .refine((q) => fitsActivation(q.method, q), {
    message: 'this method does not fit the grid or the bits',
    path: ['method'],
  });
export type ActivationQuantizer = z.infer<typeof activationQuantizerSchema>;

/** Whether training learns a shift of the input: a float input has none, its bias does the same. */
export function shiftsInput({ bits, inputShift }: Pick<ActivationQuantizer, 'bits' | 'inputShift'>): boolean {
  return bits !== 32 && inputShift === true;
}

export const layerConfigSchema = z.strictObject({
  weight: weightQuantizerSchema,
  activation: activationQuantizerSchema,
});
export type LayerConfig = z.infer<typeof layerConfigSchema>;

/** Layer name → its configuration. */
export const configurationSchema = z.record(z.string().min(1).max(4096), layerConfigSchema);
export type Configuration = z.infer<typeof configurationSchema>;

export const defaultLayerConfig: LayerConfig = {
  weight: {
    bits: 4,
    grid: 'signed',
    granularity: 'channel',
    groupSize: 64,
    range: 'mse',
    method: 'lsq',
  },
  activation: { bits: 4, grid: 'auto', range: 'mse', method: 'lsq' },
};

const bitsOfGrid: Partial<Record<Grid, Bits>> = { binary: 1, ternary: 2 };

/**
 * The quantizer with the change, kept legal. A changed method brings the grid, granularity and start it needs;
 * a changed grid brings bits that it has; changed bits bring a grid that has them (1 bit: binary, else signed for
 * binary and narrow for ternary). A start that does not fit the grid becomes `mse`; a method that does not fit
 * what was changed becomes the only one that the start is for, else `lsq`. A changed rounding brings the grid,
 * granularity and method it needs; one that does not fit what was changed becomes `nearest`.
 */
export function legalWeight(quantizer: WeightQuantizer, change: Partial<WeightQuantizer>): WeightQuantizer {
  const next = { ...quantizer, ...change };
  if (leavesLibrary(next, change)) withoutLibrary(next);
  if (change.method !== undefined) bringWhatItNeeds(next);
  if (change.rounding !== undefined) bringWhatRoundingNeeds(next, change.rounding);
  if (!fitsBits(next.grid, next.bits)) {
    if ([change.grid, change.method, change.rounding].some((part) => part !== undefined))
      next.bits = bitsOfGrid[next.grid] ?? 2;
    else if (next.bits === 1) next.grid = 'binary';
    else next.grid = next.grid === 'binary' ? 'signed' : 'narrow';
  }
  if (!fitsGrid(next.range, next.grid)) next.range = 'mse';
  if (!fitsWeight(next.method, next)) next.method = ownerOf(next.range) ?? 'lsq';
  if (!fitsRounding(roundingOf(next), next)) next.rounding = 'nearest';
  return next;
}

function bringWhatRoundingNeeds(quantizer: WeightQuantizer, rounding: Rounding): void {
  const part: RoundingPart = roundingTable[rounding];
  if (!part.methods.includes('user')) withoutLibrary(quantizer);
  const [grid] = part.grids;
  const [granularity] = part.granularities;
  if (grid !== undefined && !part.grids.includes(quantizer.grid)) quantizer.grid = grid;
  if (granularity !== undefined && !part.granularities.includes(quantizer.granularity)) {
    quantizer.granularity = granularity;
  }
  if (part.methods.includes(quantizer.method)) return;
  quantizer.method = 'lsq';
  bringWhatItNeeds(quantizer);
}

/** Grid, method and name of a quantizer library come and go together. */
function leavesLibrary(next: WeightQuantizer, change: Partial<WeightQuantizer>): boolean {
  const otherGrid = change.grid !== undefined && change.grid !== 'user';
  return next.method !== 'user' || next.library === undefined || otherGrid;
}

function withoutLibrary(quantizer: WeightQuantizer): void {
  delete quantizer.library;
  if (quantizer.method === 'user') quantizer.method = 'lsq';
  if (quantizer.grid === 'user') quantizer.grid = 'signed';
}

/** Grid, granularity and start that the quantizer's method cannot do without. */
function bringWhatItNeeds(quantizer: WeightQuantizer): void {
  const part: MethodPart = methodTable[quantizer.method];
  const [grid] = part.weightGrids;
  if (grid !== undefined && !part.weightGrids.includes(quantizer.grid)) quantizer.grid = grid;
  quantizer.granularity = part.granularity ?? quantizer.granularity;
  if (part.range !== null) quantizer.range = part.range;
  else if (!startsFrom(quantizer.method, quantizer.range)) quantizer.range = 'mse';
}

/**
 * The quantizer with the change, kept legal. A changed method brings a grid it has and, where it has none of the
 * bits, its fewest; a method that fits changed grids or bits no more becomes `lsq`.
 */
export function legalActivation(
  quantizer: ActivationQuantizer,
  change: Partial<ActivationQuantizer>,
): ActivationQuantizer {
  const next = { ...quantizer, ...change };
  if (fitsActivation(next.method, next)) return next;
  const { activationGrids, activationBits }: MethodPart = methodTable[next.method];
  const [grid] = activationGrids;
  const [bits] = activationBits;
  if (change.method === undefined || grid === undefined) return { ...next, method: 'lsq' };
  if (!activationGrids.includes(next.grid)) next.grid = grid;
  if (!fitsActivation(next.method, next)) next.bits = bitsSchema.parse(bits);
  return next;
}

/**
 * The bits from 1 to 8 that the quantizer's own method and grid have: at others it would be another quantizer.
 * The 1 bit of a plain grid is the binary one. What a library has only the library knows: `libraryBits`.
 */
export function ownBits(quantizer: WeightQuantizer, libraryBits: readonly Bits[]): Bits[] {
  const own = (bits: Bits) => {
    if (quantizer.method === 'user') return libraryBits.includes(bits);
    const { grid, method } = legalWeight(quantizer, { bits });
    if (method !== quantizer.method) return false;
    if (grid === quantizer.grid) return true;
    return quantizer.grid !== 'ternary' && (grid === 'binary' || quantizer.grid === 'binary');
  };
  return bitWidths.filter((bits) => bits !== 32 && own(bits));
}

/** Change the weight bits and keep the configuration legal. */
export function withWeightBits(quantizer: WeightQuantizer, bits: Bits): WeightQuantizer {
  return legalWeight(quantizer, { bits });
}

interface PresetRow {
  id: string;
  label: string;
  wBit: Bits;
  aBit: Bits;
  /** What the preset sets beside the bits. */
  weight?: Partial<WeightQuantizer>;
}

/** Trains as an MPQ layer does, to the bit under equal scales: `mpqLinear` in quantizer-parts/layer-kinds.ts. */
const weightOnly: Partial<WeightQuantizer> = {
  grid: 'unsigned',
  granularity: 'group',
  groupSize: 128,
  method: 'ste',
  range: 'mse',
};

export const presets = [
  { id: 'float', label: 'Float', wBit: 32, aBit: 32 },
  { id: 'w8a8', label: 'W8A8', wBit: 8, aBit: 8 },
  { id: 'w4a8', label: 'W4A8', wBit: 4, aBit: 8 },
  { id: 'w4a4', label: 'W4A4', wBit: 4, aBit: 4 },
  { id: 'w2a4', label: 'W2A4', wBit: 2, aBit: 4 },
  { id: 'mpq4', label: 'MPQ4', wBit: 4, aBit: 32, weight: weightOnly },
  { id: 'w1a32', label: 'W1A32', wBit: 1, aBit: 32 },
  { id: 'w1a1', label: 'W1A1', wBit: 1, aBit: 1 },
] as const satisfies readonly PresetRow[];
export type Preset = (typeof presets)[number];

/** What the preset sets. */
export function presetPatch({ wBit, aBit, weight }: PresetRow): {
  weight: Partial<WeightQuantizer>;
  activation: Partial<ActivationQuantizer>;
} {
  return { weight: { bits: wBit, ...weight }, activation: { bits: aBit } };
}

/** A layer configuration with what the preset sets, everything else as in `base`. */
export function applyPreset(preset: Preset, base: LayerConfig = defaultLayerConfig): LayerConfig {
  const { weight, activation } = presetPatch(preset);
  return {
    weight: legalWeight(base.weight, weight),
    activation: legalActivation(base.activation, activation),
  };
}

/** Nothing of the configuration would change. */
export function hasPreset(preset: Preset, config: LayerConfig): boolean {
  const has = <T extends object>(part: T, patch: Partial<T>) =>
    (Object.keys(patch) as (keyof T)[]).every((key) => part[key] === patch[key]);
  const { weight, activation } = presetPatch(preset);
  return has(config.weight, weight) && has(config.activation, activation);
}

/** What the preset makes of a layer, in words. */
export function presetText(preset: Preset): string {
  const bitsText = (bits: Bits) => (bits === 32 ? 'float' : `${bits}-bit`);
  const { wBit, aBit, weight }: PresetRow = preset;
  const pair = `Weights ${bitsText(wBit)}, activations ${bitsText(aBit)}`;
  return weight ? `${pair}; weight-only: groups of ${weight.groupSize} with zero points` : pair;
}

/** `W4A4`, `W1A32`; `float` when both are 32. */
export function bitsLabel(config: LayerConfig): string {
  const { weight, activation } = config;
  if (weight.bits === 32 && activation.bits === 32) return 'float';
  return `W${weight.bits}A${activation.bits}`;
}
