/**
 * Post-training methods on arrays. Row-major float32; weights are [rows, cols] = [outputs, inputs]. Promises run on the
 * engine's threads; a cancel token stops them and shows how far they are. Formulas in docs/numerics.md.
 */
import type { CancelToken, QuantizedWeight } from './index.js';
import type { NativeQuantizer, NativeScales } from './quantizer.js';

export interface NativeGptq {
  /** Columns where they were. */
  weight: QuantizedWeight;
  /** Group of each column where groups are not consecutive columns (act-order without static groups), else null. */
  gIdx: Int32Array | null;
  dequantized: Float32Array;
  /** Mean squared output error on the calibration samples, with the damping counted in. */
  loss: number;
}

export interface NativeAdaRound {
  weight: QuantizedWeight;
  dequantized: Float32Array;
  /** Mean squared output error on the calibration samples, rounded to nearest and as returned. */
  nearestLoss: number;
  loss: number;
}

/** ŵ = (code − zero)·scale; one scale and one float zero per group, row by row. */
export interface NativeHqq {
  bits: number;
  groupSize: number;
  rows: number;
  cols: number;
  /** rows × ceil(cols·bits/8) bytes, as QuantizedWeight's. */
  packed: Uint8Array;
  scales: Float32Array;
  zeros: Float32Array;
  dequantized: Float32Array;
  /** Σ|w − ŵ|^norm with the zeros of min-max, and as returned. */
  minMaxError: number;
  error: number;
}

export interface NativeEqualization {
  layers: { weight: Float32Array; bias: Float32Array | null }[];
  /** Of the channels between neighbours: rows of the first were divided by them, columns of the next multiplied. */
  scales: Float64Array[];
  sweeps: number;
}

export interface NativeAllocation {
  /** Index into each layer's choices. */
  choices: number[];
  sensitivity: number;
  cost: number;
}

export interface NativePtq {
  /** H = (2/samples) Σ x·xᵀ [cols, cols] of inputs x [samples, cols]. */
  hessian(x: Float32Array, samples: number, cols: number, cancel?: CancelToken): Promise<Float64Array>;
  /** Column by column, each one's error spread over those to come. Refuses a Hessian that needs more damping. */
  gptq(
    weight: Float32Array,
    rows: number,
    cols: number,
    hessian: Float64Array,
    quantizer: NativeQuantizer,
    options?: {
      /** Share of the Hessian's mean diagonal added to it (0.01). */
      damping?: number;
      /** Columns in descending order of the Hessian's diagonal (false). */
      actOrder?: boolean;
      /** Groups of neighbouring columns with scales of the weight as it was (false). */
      staticGroups?: boolean;
      /** Instead of those of the weight as it was, for some rows of a matrix; not for groups that are not static. */
      scales?: NativeScales | null;
    },
    cancel?: CancelToken,
  ): Promise<NativeGptq>;
  /** Each weight up or down so that the outputs change least; scales by the quantizer's range unless given. */
  adaround(
    weight: Float32Array,
    rows: number,
    cols: number,
    hessian: Float64Array,
    quantizer: NativeQuantizer,
    options?: {
      scales?: NativeScales | null;
      /** 500 */
      iterations?: number;
      /** 0.1 */
      learningRate?: number;
      /** Weight of the pull to up or down (0.3). */
      lambda?: number;
      /** Share of the iterations without it (0.2). */
      warmStart?: number;
      /** Its exponent, 20 falling to 2. */
      betaStart?: number;
      betaEnd?: number;
    },
    cancel?: CancelToken,
  ): Promise<NativeAdaRound>;
  /** The zero of each group that changes the weights least under a norm that forgives outliers; no data. */
  hqq(
    weight: Float32Array,
    rows: number,
    cols: number,
    options: {
      bits: number;
      /** Columns that share a scale and a zero; cols for a whole row. */
      groupSize: number;
      /** p, above 0 and at most 1 (0.7). */
      norm?: number;
      /** 10, growing by the factor kappa (1) with each iteration. */
      beta?: number;
      kappa?: number;
      /** At most (20). */
      iterations?: number;
      /** Round zeros to codes: then it is the `unsigned` grid's weight (false). 2–8 bits. */
      integerZeros?: boolean;
    },
    cancel?: CancelToken,
  ): Promise<NativeHqq>;
  /** Equal ranges for the channels between consecutive layers; exact for ReLU between. Returns new arrays. */
  equalize(
    layers: { weight: Float32Array; rows: number; cols: number; bias: Float32Array | null }[],
    cancel?: CancelToken,
  ): Promise<NativeEqualization>;
  /** bias − (quantized − weight)·meanInput, [rows]. */
  biasCorrection(
    weight: Float32Array,
    quantized: Float32Array,
    rows: number,
    cols: number,
    meanInput: Float32Array,
    bias: Float32Array,
  ): Float32Array;
  /** The layer that computes layer and batch norm; a convolution's cols are inputs × kernel positions. */
  foldBatchNorm(
    weight: Float32Array,
    bias: Float32Array | null,
    rows: number,
    cols: number,
    norm: {
      gamma: Float32Array;
      beta: Float32Array;
      mean: Float32Array;
      variance: Float32Array;
      epsilon: number;
    },
  ): { weight: Float32Array; bias: Float32Array };
  /** One choice per layer with the least summed sensitivity whose summed cost is within the budget (integers). */
  allocateBits(
    table: { sensitivity: number; cost: number }[][],
    budget: number,
    method: 'exact' | 'greedy',
    cancel?: CancelToken,
  ): Promise<NativeAllocation>;
}
