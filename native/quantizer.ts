/** How the addon is told a quantizer: ids as `quantizerParts()` lists them. */

/** What each is for: electron/contract/quantizer-parts/methods.ts. */
export type NativeMethod = 'lsq' | 'ste' | 'lsqPlus' | 'pact' | 'dorefa' | 'ttq' | 'irnet' | 'user';
export type NativeGrid = 'signed' | 'narrow' | 'unsigned' | 'binary' | 'midrise' | 'ternary' | 'user';

/** For weights all but `movingAverage`; for activations all but `twn` and `ttq`, which are for the ternary grid. */
export type NativeRange =
  | 'absmax'
  | 'mse'
  | 'lsq'
  | 'percentile'
  | 'lp'
  | 'kl'
  | 'lsqPlus'
  | 'aciq'
  | 'twn'
  | 'ttq'
  | 'movingAverage';

/** Parameters of range estimators; absent = the default. */
export interface NativeRangeParameters {
  /** Of `percentile`: 50–100, default 99.9. */
  percentile?: number;
  /** Of `lp`: 1–4, default 2.4. */
  norm?: number;
}

/** Structurally the contract's weight quantizer (the contract is not imported here: native depends on nothing). */
export interface NativeQuantizer extends NativeRangeParameters {
  bits: number;
  grid: NativeGrid;
  granularity: 'tensor' | 'channel' | 'group';
  groupSize: number;
  range: NativeRange;
  method: NativeMethod;
  /** Id of the library of grid and method `user`. One that is not loaded: packed weights can be used, no more. */
  library?: string;
}

export interface NativeActivationQuantizer extends NativeRangeParameters {
  bits: number;
  /** Resolved: the engine replaces `auto` before it gets here. */
  grid: 'signed' | 'unsigned';
  range: NativeRange;
  method: NativeMethod;
}

/** What *prepare* finds. */
export interface NativeScales {
  /** 1, rows, or rows × ceil(cols/groupSize) positive scales. */
  scales: Float32Array;
  /** As many as scales for the unsigned grid, else empty. */
  zeroPoints: Int32Array;
  /** Ternary: |x| above it takes ±scale; as many as scales. Else absent or empty. */
  thresholds?: Float32Array;
  /** Ternary: magnitudes of the minus level, as many as scales. Absent or empty: as scales. */
  negativeScales?: Float32Array;
  /** Grid `user`: per scale the library's parameters behind the first, which is the scale. Else absent or empty. */
  parameters?: Float32Array;
  /** Grid `user`: per scale the levels of codes 0 … 2^bits − 1. Else absent or empty. */
  levels?: Float32Array;
}

/** What `loadQuantizer` found in a library. */
export interface NativeQuantizerLibrary {
  /** `user:` and the name. */
  id: string;
  name: string;
  version: string;
  description: string;
  /** Bit-widths it exists at. */
  bits: number[];
  /** Of every scale; the first is the scale itself. */
  parameters: { name: string; least: number; isLearned: boolean }[];
}

/** Ids of all parts a quantizer can be composed of. */
export interface NativeQuantizerParts {
  grids: NativeGrid[];
  granularities: string[];
  ranges: NativeRange[];
  methods: string[];
  roundings: string[];
}
