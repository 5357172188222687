/** Tables of vectors as 1–8 bit codes with a scale per row; training touches only the rows of a batch. */
import type { CancelToken, LayerLifeState, QuantizedWeight, Tensor } from './index.js';
import type { NativeQuantizer } from './quantizer.js';

export interface EmbeddingOptions {
  numEmbeddings: number;
  embeddingDim: number;
  /** 1–8, 4 by default; 1 is ±scale. */
  wBit?: number;
  /** This row is zeros in every lookup, takes no part in a bag and gets no gradient. */
  paddingIdx?: number | null;
  /** Everything but `bits`; a scale per row whatever the granularity. */
  weight?: Partial<Omit<NativeQuantizer, 'bits'>>;
}

/** Of the rows that the last training forward touched, in rising order. */
export interface SparseGradient {
  rows: Int32Array;
  /** [rows, embeddingDim] */
  dWeight: Float32Array;
  /** [rows]; empty where scales are not learned. */
  dScales: Float32Array;
}

/** What embedding and embedding bag share. */
export interface EmbeddingTable {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly wBit: number;
  readonly training: boolean;
  readonly state: LayerLifeState;
  /** N(0, 1), the padding row 0. */
  resetParameters(seed: number): void;
  /** [numEmbeddings, embeddingDim] */
  setWeightData(weight: Float32Array | Tensor): void;
  /** A scale per row. A table that came packed keeps its own: nothing changes. */
  prepareParams(): void;
  prepareParamsAsync(cancel?: CancelToken): Promise<void>;
  generateQuantizedWeight(options?: { qweightOnly?: boolean }): void;
  generateQuantizedWeightAsync(options?: { qweightOnly?: boolean }, cancel?: CancelToken): Promise<void>;
  /**
   * A packed table with granularity `channel`: `packedOnly`.
   * @throws E-QUANTIZER-INVALID for another quantizer, also for ternary codes with two levels per row (ttq)
   */
  setQuantizedWeightData(weight: QuantizedWeight): void;
  /** Float table while training, packed table in inference (packed lazily, never stale). */
  optWeight(): { kind: 'float'; weight: Float32Array } | { kind: 'packed'; qweight: QuantizedWeight };
  scales(): { scales: Float32Array; zeroPoints: Int32Array };
  setScales(scales: Float32Array, zeroPoints?: Int32Array): void;
  /** A layer that has only its packed table gets a float one back from it. */
  train(): void;
  eval(): void;
  /** Gradient for the last training forward. */
  backward(dy: Float32Array): SparseGradient;
  /** Adds an optimizer's step to `rows`, each given once; nothing changes where a value would not be finite. */
  update(update: { rows: Int32Array; weight: Float32Array; scales?: Float32Array }): void;
  dispose(): void;
}

export interface Embedding extends EmbeddingTable {
  /** ids [count] → [count, embeddingDim]; every id is checked against the vocabulary. */
  forward(ids: Int32Array): Float32Array;
}

export interface EmbeddingBagOptions extends EmbeddingOptions {
  /** `mean` by default; `vote`: of 1-bit rows the sign of the majority, +1 on a tie. */
  mode?: 'sum' | 'mean' | 'vote';
}

export interface EmbeddingBag extends EmbeddingTable {
  readonly mode: 'sum' | 'mean' | 'vote';
  /** Bag b holds ids from offsets[b] up to offsets[b + 1], the last one the rest → [bags, embeddingDim]. */
  forward(ids: Int32Array, offsets: Int32Array): Float32Array;
}
