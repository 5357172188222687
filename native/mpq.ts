/**
 * Linear layers with float activations and a packed weight: one width for all inputs (MPQ, the layout of
 * GPTQ checkpoints) or a width per group of inputs (mixed-bit rows). Training keeps a float weight,
 * which is all its state: updates go to it, codes are derived from it, and the residual is what they do not show.
 */
import type { CancelToken, LayerLifeState, Tensor } from './index.js';

/** Integer zero points are stored as z − 1 (`gptq`) or as z (`gptqV2`). */
export type ZeroFormat = 'gptq' | 'gptqV2';

export interface WeightOnlyOptions {
  inChannels: number;
  outChannels: number;
  bias?: boolean;
  /** How `prepareParams` sets scales and zeros; `mse` by default. */
  range?: 'absmax' | 'mse';
  /** `lsq`: scales and zeros get gradients; `ste` (default): they stay as prepared. */
  method?: 'lsq' | 'ste';
}

export interface WeightOnlyGradients {
  dx: Float32Array;
  /** [outChannels, inChannels], straight through where the code is not clipped. */
  dWeight: Float32Array;
  dBias: Float32Array | null;
  /** [groups, outChannels]; empty unless `method` is `lsq`. */
  dScales: Float32Array;
  dZeros: Float32Array;
}

/** What an optimizer adds to the float parameters; what is left out stays. */
export interface WeightOnlyUpdate {
  weight?: Float32Array;
  bias?: Float32Array;
  scales?: Float32Array;
  zeros?: Float32Array;
}

/** What both layers do. `Packed` is the packed weight's form. */
export interface WeightOnlyLinear<Packed> {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly training: boolean;
  readonly state: LayerLifeState;
  /** Kaiming uniform, a = √5: U(−1/√in, 1/√in). */
  resetParameters(seed: number): void;
  /** [outChannels, inChannels] */
  setWeightData(weight: Float32Array | Tensor): void;
  setBiasData(bias: Float32Array): void;
  bias(): Float32Array | null;
  /** Scales and zeros from the float weight. A weight that came packed keeps its own: nothing changes. */
  prepareParams(): void;
  /** As prepareParams, on the engine's threads. */
  prepareParamsAsync(cancel?: CancelToken): Promise<void>;
  generateQuantizedWeight(options?: { qweightOnly?: boolean }): void;
  generateQuantizedWeightAsync(options?: { qweightOnly?: boolean }, cancel?: CancelToken): Promise<void>;
  /** A checkpoint's tensors, as they are: saved again before an update they are equal. */
  setQuantizedWeightData(weight: Packed): void;
  /** Float weight while training, packed weight in inference (packed lazily, never stale). */
  optWeight(): { kind: 'float'; weight: Float32Array } | { kind: 'packed'; qweight: Packed };
  /** In use, [groups, outChannels]: integer zero points rounded, after double quantization. */
  scales(): { scales: Float32Array; zeros: Float32Array };
  setScales(scales: Float32Array, zeros: Float32Array): void;
  /** The weight that forward uses, [outChannels, inChannels]. */
  dequantizedWeight(): Float32Array;
  /** Float weight − quantized weight, [outChannels, inChannels]. */
  residual(): Float32Array;
  /** A layer that has only its packed weight gets a float one back from it. */
  train(): void;
  eval(): void;
  /** x [batch, inChannels] → y [batch, outChannels]; in eval from the packed words. */
  forward(x: Float32Array): Float32Array;
  /** Gradients for the last training forward. */
  backward(dy: Float32Array): WeightOnlyGradients;
  /** Adds an optimizer's step. A scale keeps its sign; nothing changes where a value would not be finite. */
  update(update: WeightOnlyUpdate): void;
  dispose(): void;
}

export interface MpqLinearOptions extends WeightOnlyOptions {
  /** 4 by default. */
  wBit?: 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;
  /** Inputs per group, 128 by default; −1: all. The last group may be shorter. */
  groupSize?: number;
  /** Float zeros, w = s·q − z, instead of integer zero points, w = s·(q − z). */
  symmetric?: boolean;
  zeroFormat?: ZeroFormat;
  /** Outputs that share a scale and zero of the scales themselves (double quantization); 0: none. */
  doubleGroupSize?: number;
  /** Group of each input (act-order); by default consecutive. */
  gIdx?: Int32Array;
}

/**
 * Tensors in the layout of GPTQ and bitorch-engine checkpoints. Codes are one bit stream per output along
 * the inputs, least significant bit first: word r of output n is qweight[r · outChannels + n].
 */
export interface MpqWeight {
  bits: number;
  inChannels: number;
  outChannels: number;
  /** Inputs per group; −1: all. */
  groupSize: number;
  symmetric: boolean;
  zeroFormat: ZeroFormat;
  doubleGroupSize: number;
  /** [ceil(inChannels·bits/32), outChannels] */
  qweight: Int32Array;
  /** [inChannels]; consecutive groups where it is left out. */
  gIdx?: Int32Array;
  /** [groups, outChannels], unless double-quantized. */
  scales?: Float32Array;
  /** [groups, outChannels], symmetric and not double-quantized. */
  zeros?: Float32Array;
  /** [groups, ceil(outChannels·bits/32)], packed along the outputs; not symmetric. */
  qzeros?: Int32Array;
  /** Symmetric, double-quantized: [groups, blocks, doubleGroupSize], scale code in the high, zero code in the low nibble. */
  qstatistic?: Uint8Array;
  /** Not symmetric, double-quantized: scale codes of 8 bits in the same order. */
  qscales?: Uint8Array;
  /** [groups, blocks] each: scale = (code − qscalesZeros) · qscalesScales, zeros alike. */
  qscalesScales?: Float32Array;
  qscalesZeros?: Float32Array;
  qzerosScales?: Float32Array;
  qzerosZeros?: Float32Array;
}

export interface MpqLinear extends WeightOnlyLinear<MpqWeight> {
  readonly wBit: number;
  readonly groupSize: number;
  readonly symmetric: boolean;
  readonly zeroFormat: ZeroFormat;
}

export interface MixedRowLinearOptions extends WeightOnlyOptions {
  /** Inputs per group, 32 by default; −1: all. */
  groupSize?: number;
  /**
   * A width (8, 6, 5, 4, 3, 2 bits) per group of consecutive inputs; inputs · bits of a group is a multiple
   * of 32. Left out, a packed weight brings the widths.
   */
  widths?: Int32Array;
  /** [inChannels], multiplied to the inputs before the weight. */
  channelScale?: Float32Array;
}

/** Groups are stored widest first, each from a new packed row; w = q·s − z. */
export interface MixedRowWeight {
  inChannels: number;
  outChannels: number;
  /** [packed rows, outChannels] */
  qweight: Int32Array;
  /** [inChannels]: stored row i is input qPerm[i]; all 0: as they are. */
  qPerm: Int32Array;
  /** [groups, 2]: bits, first packed row. */
  qGroups: Int32Array;
  /** [inChannels, 2] per stored row: its group, and rows of the group left with it. Derived; not read. */
  qGroupMap?: Int32Array;
  /** Stored rows of 8, of 8 and 6, … of 8 to 2 bits; mask with bit b − 1 per width b. Derived; not read. */
  rows?: Int32Array;
  /** [groups, outChannels] */
  scales: Float32Array;
  zeros: Float32Array;
  channelScale?: Float32Array | null;
}

export interface MixedRowLinear extends WeightOnlyLinear<MixedRowWeight> {
  /** Width of each group in stored order; empty while none are known. */
  groupBits(): Int32Array;
}
