/** How the addon is told a quantizer: ids as `quantizerParts()` lists them. */

export type NativeGrid = 'signed' | 'narrow' | 'unsigned' | 'binary' | 'midrise' | 'ternary';

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

/** The gradient rule of training. */
export type NativeMethod = 'lsq' | 'ste' | 'lsqPlus' | 'pact' | 'dorefa' | 'ttq' | 'irnet';

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
  /** `ttq` with range `ttq` on the ternary grid; `dorefa`: mid-rise, per tensor; `irnet`: binary, per channel. */
  method: NativeMethod;
}

export interface NativeActivationQuantizer extends NativeRangeParameters {
  bits: number;
  /** Resolved: the engine replaces `auto` before it gets here. */
  grid: 'signed' | 'unsigned';
  range: NativeRange;
  /** `pact` and `dorefa`: unsigned, 2–8 bits; `lsqPlus`: 2–8 bits; not `ttq` or `irnet`. */
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
}

/** Ids of all parts a quantizer can be composed of. */
export interface NativeQuantizerParts {
  grids: NativeGrid[];
  granularities: string[];
  ranges: NativeRange[];
  methods: string[];
  roundings: string[];
}
