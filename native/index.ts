/**
 * The addon's one typed declaration and its loader. Tensors stay native; JavaScript gets handles and
 * summaries. Promises run on the engine's own threads; synchronous calls are short. Every failure is
 * an Error carrying `code` (a code of electron/contract/errors.ts) and `remedy`.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Embedding, EmbeddingBag, EmbeddingBagOptions, EmbeddingOptions } from './embedding.js';
import type {
  MixedRowLinear,
  MixedRowLinearOptions,
  MixedRowWeight,
  MpqLinear,
  MpqLinearOptions,
  MpqWeight,
} from './mpq.js';
import type { NativeOps } from './ops.js';
import type {
  NativeActivationQuantizer,
  NativeGrid,
  NativeQuantizer,
  NativeQuantizerLibrary,
  NativeQuantizerParts,
  NativeScales,
} from './quantizer.js';

export type {
  Embedding,
  EmbeddingBag,
  EmbeddingBagOptions,
  EmbeddingOptions,
  EmbeddingTable,
  SparseGradient,
} from './embedding.js';
export type {
  MixedRowLinear,
  MixedRowLinearOptions,
  MixedRowWeight,
  MpqLinear,
  MpqLinearOptions,
  MpqWeight,
  WeightOnlyGradients,
  WeightOnlyLinear,
  WeightOnlyUpdate,
  ZeroFormat,
} from './mpq.js';
export type { NativeOps } from './ops.js';
export type {
  NativeAdaRound,
  NativeAllocation,
  NativeEqualization,
  NativeGptq,
  NativeHqq,
  NativePtq,
} from './ptq.js';
export type {
  NativeActivationQuantizer,
  NativeGrid,
  NativeMethod,
  NativeQuantizer,
  NativeQuantizerLibrary,
  NativeQuantizerParts,
  NativeRange,
  NativeScales,
} from './quantizer.js';

export interface NativeInfo {
  version: string;
  /** The kernel level in use and all this processor can run, lowest first. */
  isa: 'ref' | 'avx2' | 'avx512';
  isaAvailable: string[];
  threads: number;
}

/** Stops a native job from JavaScript; polled per tile and per step. */
export interface CancelToken {
  cancel(): void;
  readonly cancelled: boolean;
  /** How far the job has come, 0 to 1; stays 0 for jobs that report nothing. */
  readonly progress: number;
}

export interface FileRegion {
  path: string;
  /** Absolute byte offset of the first element, and bytes to read (checked against dtype × shape). */
  offset: number;
  byteLength: number;
  dtype: 'F32' | 'F16' | 'BF16' | 'F64';
}

/** A float32 matrix [rows, cols] held natively. */
export interface Tensor {
  readonly rows: number;
  readonly cols: number;
  copyTo(target: Float32Array): void;
  /** SHA-256-independent 64-bit content hash as 16 hex digits (xxh64 of the little-endian bytes). */
  contentHash(): string;
  dispose(): void;
}

export interface NativeStatistics {
  count: number;
  min: number;
  max: number;
  mean: number;
  std: number;
  absMax: number;
  absMean: number;
  skewness: number;
  kurtosisExcess: number;
  zeroShare: number;
  percentiles: { p: number; value: number }[];
}

export interface NativeHistogram {
  low: number;
  high: number;
  exactBins: number;
  /** `drawnBins` counts, each the sum of exactBins / drawnBins exact bins. */
  counts: number[];
  below: number;
  above: number;
}

export interface NativeQuantizationError {
  bits: number;
  mse: number;
  /** null = exact. */
  sqnrDb: number | null;
  cosine: number;
  maxError: number;
  clippedShare: number;
  codesUsed: number;
  codesTotal: number;
  codeEntropyBits: number;
  effectiveBits: number;
  packedBytes: number;
}

export interface NativeLevels {
  values: number[];
  clipLow: number;
  clipHigh: number;
  scale: number;
  zeroPoint: number;
  row: number | null;
  group: number | null;
  scaleCount: number;
  scaleMin: number;
  scaleMax: number;
}

export interface NativeWhatIf {
  error: NativeQuantizationError;
  levels: NativeLevels;
  codeCounts: number[];
  quantizedCounts: number[];
  meanErrorByBin: number[];
  rowSqnrDb: { row: number; sqnrDb: number | null }[];
  nativeMs: number;
}

export interface NativeAnalysis {
  statistics: NativeStatistics;
  histogram: NativeHistogram;
  /** The same quantizer at bits 1–8 (1 bit = binary). */
  byBits: NativeQuantizationError[];
  nativeMs: number;
}

export interface AnalyzeOptions {
  quantizer: NativeQuantizer;
  /** Restrict values, levels and histogram to one row; null = all. */
  row: number | null;
  range: { low: number; high: number } | null;
  exactBins: number;
  drawnBins: number;
  /** Use these scales (trained or loaded) instead of estimating them. */
  scales?: NativeScales | null;
}

/** A packed integer weight: codes LSB-first, each row padded to whole bytes. See docs/numerics.md. Thresholds are optional. */
export interface QuantizedWeight extends NativeScales {
  bits: number;
  grid: NativeGrid;
  granularity: 'tensor' | 'channel' | 'group';
  groupSize: number;
  /** Grid `user`: the library it was made with; not needed to use it. */
  library?: string;
  rows: number;
  cols: number;
  /** rows × ceil(cols·bits/8) bytes. Codes are stored unsigned: code − qmin; binary: 1 = +α, 0 = −α. */
  packed: Uint8Array;
}

/** A packed weight laid out for products with float32 activations. */
export interface PackedProduct {
  readonly rows: number;
  readonly cols: number;
  /**
   * y [count, rows] = x·ŵᵀ, x [count, cols], on the calling thread and the engine's. `float`: x as it is; `bytes`: every
   * row and group of x as signed bytes with the largest value on 127; `signs`: the signs of x, for weights of 1 bit.
   */
  multiply(x: Float32Array, y: Float32Array, inputs: 'float' | 'bytes' | 'signs'): void;
  dispose(): void;
}

export type LayerLifeState = 'created' | 'weight' | 'prepared' | 'quantized' | 'packedOnly';

/** What every n-bit layer can be told. */
export interface NBitLayerOptions {
  aBit?: number;
  wBit?: number;
  device?: 'cpu';
  dtype?: 'float32';
  bias?: boolean;
  /** A learned shift of every input channel, before quantization (false). */
  inputShift?: boolean;
  /** Everything but `bits`, which `wBit` gives. */
  weight?: Partial<Omit<NativeQuantizer, 'bits'>>;
  activation?: Partial<Omit<NativeActivationQuantizer, 'bits'>>;
}

export interface NBitLinearOptions extends NBitLayerOptions {
  inChannels: number;
  outChannels: number;
}

/** A 2-D convolution of NCHW images (cross-correlation, zeros as padding). */
export interface Conv2dShape {
  inChannels: number;
  outChannels: number;
  /** Side of a square kernel, or [height, width]. */
  kernel: number | [number, number];
  stride?: number;
  padding?: number;
  dilation?: number;
  /** Divides both channels: each group of outputs sees its own share of the inputs. */
  groups?: number;
}

export interface NBitConv2dOptions extends NBitLayerOptions, Conv2dShape {
  /** Of the input images. */
  height: number;
  width: number;
}

export interface LayerGradients {
  dx: Float32Array;
  dWeight: Float32Array;
  dBias: Float32Array | null;
  dScaleWeight: Float32Array;
  /** What the method learns of the activations: [scale], [clip] (pact) or [scale, shift] (lsqPlus). */
  dActivation: Float32Array;
  /** Null without an input shift. */
  dInputShift: Float32Array | null;
}

/**
 * An n-bit layer. Its weight is a matrix with one row per output channel: [outChannels, inChannels] of a linear
 * layer, [outChannels, inChannels/groups · kernel] of a convolution. x and y hold one sample per row.
 */
export interface NBitLayer {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly wBit: number;
  readonly aBit: number;
  /** By the weight's quantizer: 1 bit is binary, 2–8 are lsq, 32 is float. */
  readonly kind: 'float' | 'lsq' | 'binary';
  readonly training: boolean;
  readonly state: LayerLifeState;
  /** Kaiming uniform, a = √5: U(−1/√n, 1/√n), n the inputs of one output. */
  resetParameters(seed: number): void;
  setWeightData(weight: Float32Array | Tensor): void;
  setBiasData(bias: Float32Array): void;
  /** Sets the weight scales, and the activation scale from `calibration` [batch, input] when given. */
  prepareParams(calibration?: Float32Array): void;
  /** As prepareParams without calibration, on the engine's threads. */
  prepareParamsAsync(cancel?: CancelToken): Promise<void>;
  generateQuantizedWeight(options?: { qweightOnly?: boolean }): void;
  generateQuantizedWeightAsync(options?: { qweightOnly?: boolean }, cancel?: CancelToken): Promise<void>;
  /**
   * Takes codes and scales; gives the float weight up and leaves training mode: `packedOnly`.
   * @throws E-QUANTIZER-INVALID for other bits, another grid or granularity, E-WEIGHT-SHAPE for another shape
   */
  setQuantizedWeightData(weight: QuantizedWeight): void;
  /** Float weight while training, packed weight in inference (packed lazily, never stale). */
  optWeight(): { kind: 'float'; weight: Float32Array } | { kind: 'packed'; qweight: QuantizedWeight };
  scales(): NativeScales;
  setScales(scales: ScalesInput): void;
  activationScale(): number;
  /** LSQ+ only: x̂ = scale·code + shift. */
  activationShift(): number;
  setActivationScale(scale: number, shift?: number): void;
  /**
   * A layer that has only its packed weight gets a float one back: the dequantized one, whose codes and scales are those
   * of the packed one until it is written.
   * @throws E-LAYER-STATE, nothing changed, where the method gives that weight other codes: `dorefa` of 4 bits and more,
   * `irnet` where a row has −1 alone. The float weight itself can be loaded: setWeightData, prepareParams.
   */
  train(): void;
  eval(): void;
  /** x [batch, input] → y [batch, output]; in eval by packed inference. */
  forward(x: Float32Array): Float32Array;
  /** Gradients for the last training forward. */
  backward(dy: Float32Array): LayerGradients;
  dispose(): void;
}

/** Images as bytes and labels, normalised natively: (byte/255 − mean)/std; or floats as they are. */
export interface Dataset {
  readonly count: number;
  readonly features: number;
  dispose(): void;
}

/** A layer of a network; every node but `input` may take its inputs from named earlier nodes (the one before). */
export type NetworkNode =
  /** A name lets nodes take the samples themselves: `inputs: ['x', 'branch']`. */
  | { op: 'input'; name?: string; shape: number[] }
  | ({ name: string; bias: boolean } & LayerQuantizers &
      NodeInputs & { op: 'linear'; inChannels: number; outChannels: number })
  | ({ name: string; bias: boolean } & LayerQuantizers & NodeInputs & { op: 'conv2d' } & Conv2dShape)
  | ({ op: 'relu' | 'gelu' | 'flatten'; name?: string } & NodeInputs)
  | ({ op: 'prelu'; name: string } & NodeInputs)
  | ({ op: 'batchNorm' | 'layerNorm'; name: string; features: number } & NodeInputs)
  /** Square windows without padding; the stride is the kernel unless given. */
  | ({ op: 'maxPool2d' | 'avgPool2d'; name?: string; kernel: number; stride?: number } & NodeInputs)
  /** The sum of two inputs. */
  | { op: 'add'; name?: string; inputs: [string, string] }
  /**
   * Queries, keys and values as [tokens, features]; features are divided among the heads. A fourth input are ids
   * [keys]: keys whose id is `paddingIdx` are seen by no query. A query that sees no key gives zeros.
   */
  | {
      op: 'attention';
      /** Needed with quantizers: their scales are parameters of the node. */
      name?: string;
      inputs: [string, string, string] | [string, string, string, string];
      heads: number;
      /** Token i sees the tokens 0…i; as many queries as keys. */
      causal?: boolean;
      /** The id of keys that are padding, with a fourth input (0). */
      paddingIdx?: number;
      quantizer?: AttentionQuantizer;
    }
  /** [m, k] times [k, n], or transposed [n, k], sample by sample. Needs a name with quantizers. */
  | {
      op: 'matmul';
      name?: string;
      inputs: [string, string];
      transposed?: boolean;
      quantizer?: MatmulQuantizer;
    }
  | ({ op: 'dropout'; name?: string; rate: number } & NodeInputs)
  /** Ids [tokens] → [tokens, embeddingDim]. */
  | ({ op: 'embedding'; name: string } & TableNode & NodeInputs)
  /** Ids [tokens] → [embeddingDim], one bag per sample; `paddingIdx` fills up shorter ones. */
  | ({ op: 'embeddingBag'; name: string; mode?: EmbeddingBagOptions['mode'] } & TableNode & NodeInputs)
  /** [features] or [tokens, features], as linear; float activations. */
  | ({ op: 'mpqLinear'; name: string } & MpqLinearOptions & NodeInputs)
  /** As mpqLinear; `widths` must be given. */
  | ({ op: 'mixedRowLinear'; name: string } & MixedRowLinearOptions & { widths: Int32Array } & NodeInputs);

/**
 * A table of a network. Its inputs are ids: whole numbers from 0 to the number of rows less 1, as floats, which tell
 * 2^24 rows apart; whatever else is refused with `E-DATASET-MISMATCH`. Weight bits 32: a float table.
 */
export interface TableNode {
  numEmbeddings: number;
  embeddingDim: number;
  paddingIdx?: number | null;
  /** A scale per row whatever the granularity; method `lsq` or `ste`. */
  weight: NativeQuantizer;
}

/**
 * The operands of softmax(Q·Kᵀ/√d)·V, each with a scale of its own; float where not given. The packed pass multiplies
 * the codes of two quantized operands as integers.
 */
export interface AttentionQuantizer {
  queries?: NativeActivationQuantizer;
  keys?: NativeActivationQuantizer;
  /** In [0, 1]: the grid must be unsigned. */
  probabilities?: NativeActivationQuantizer & { grid: 'unsigned' };
  values?: NativeActivationQuantizer;
}

/** The operands of a product of two activations; as in attention. Parameters `aScale`, `bScale`, … */
export interface MatmulQuantizer {
  a?: NativeActivationQuantizer;
  b?: NativeActivationQuantizer;
}

export interface NodeInputs {
  inputs?: string[];
}

interface LayerQuantizers {
  inputShift?: boolean;
  weight: NativeQuantizer;
  activation: NativeActivationQuantizer;
}

export interface LayerScales extends NativeScales {
  /** x̂ = activationScale·code + activationShift; the shift is 0 but for LSQ+. */
  activationScale: number;
  activationShift: number;
}

/** Scales from elsewhere. What a ternary weight lacks of thresholds follows from the weight. */
export type ScalesInput = Partial<NativeScales> & Pick<NativeScales, 'scales'>;

export interface EvaluationResult {
  loss: number;
  accuracy: number;
  count: number;
}

/**
 * Nodes in order, with branches where they name their inputs. The first may state the shape of a sample: [features],
 * [tokens, features] or [channels, height, width]. Parameters are named `<node>.weight`, `.bias`, `.gamma`, `.beta`,
 * `.runningMean`, `.runningVar`, `.slope`; of a table `.scales` and (unsigned) `.zeroPoints`; of a weight-only layer
 * `.scales` and `.zeros`, as learned: zero points are rounded where they are used; those of a quantized attention `.queriesScale`, `.keysScale`,
 * `.probabilitiesScale`, `.valuesScale` (`…Clip` for PACT, `…Shift` besides for LSQ+), 0 until *prepare*.
 */
export interface Network {
  parameters(): { name: string; rows: number; cols: number }[];
  getParameter(name: string, target: Float32Array): void;
  setParameter(name: string, values: Float32Array | Tensor): void;
  /** Weights and biases of the n-bit layers Kaiming uniform; every layer has its own stream of the seed. */
  resetParameters(seed: number): void;
  /** Weight scales by each node's estimator; activation scales from `count` samples of the data set. */
  prepare(calibration: Dataset, count: number, cancel?: CancelToken): Promise<void>;
  /** As *prepare* for the nodes that lack scales; the others keep theirs, to the bit. */
  prepareMissing(calibration: Dataset, count: number, cancel?: CancelToken): Promise<void>;
  /**
   * Takes over what the nodes of the same name and operation in `other` hold: everything from a node that computes
   * alike; weights, biases and statistics where quantizers differ, which *prepareMissing* then prepares. So a float
   * network becomes an n-bit one layer by layer. `linear`, `mpqLinear` and `mixedRowLinear` become each other: weight and
   * bias are kept. Every other change of the operation, and a bias that the new node has no place for: E-MODEL-GRAPH.
   */
  takeFrom(other: Network): void;
  scales(layer: string): LayerScales;
  /** An activation scale of 0, or none, leaves the activations as they are. */
  setScales(
    layer: string,
    scales: ScalesInput & { activationScale?: number; activationShift?: number },
  ): void;
  /** The layer's packed weight, made from its current float weight and scales (not for 32 bits). */
  quantizedWeight(layer: string): QuantizedWeight;
  /** The same of an `mpqLinear` or `mixedRowLinear` node. */
  quantizedWeight<Packed extends MpqWeight | MixedRowWeight>(layer: string): Packed;
  /** In the form of its kind of layer. Tables and weight-only layers can be trained on from it. */
  setQuantizedWeight(layer: string, weight: QuantizedWeight | MpqWeight | MixedRowWeight): void;
  /** `fakeQuant`: the trained arithmetic in float; `packed`: integer codes, never unpacked to float in memory. */
  logits(data: Dataset, mode: 'fakeQuant' | 'packed', cancel?: CancelToken): Promise<Float32Array>;
  evaluate(data: Dataset, mode: 'fakeQuant' | 'packed', cancel?: CancelToken): Promise<EvaluationResult>;
  /** What reaches the layer for the first `count` samples, before its own input quantizer: [count, input]. */
  layerInputs(layer: string, data: Dataset, count: number, cancel?: CancelToken): Promise<Float32Array>;
  dispose(): void;
}

export interface SessionOptions {
  optimizer: 'sgd' | 'adam' | 'adamw' | 'radam' | 'lion' | 'diode';
  learningRate: number;
  /** SGD only; `nesterov` needs it. */
  momentum: number;
  nesterov?: boolean;
  weightDecay: number;
  beta1?: number;
  beta2?: number;
  epsilon?: number;
  /** Diode only: the largest vote that a binary weight starts with (0.001). */
  amplitude?: number;
  /** Steps in a few directions of each weight's gradient; type `std`, updateGap 200, scale 1 unless said. */
  galore?: {
    rank: number;
    type?: 'std' | 'reverse_std' | 'left' | 'right' | 'full';
    updateGap?: number;
    scale?: number;
  } | null;
  schedule: 'constant' | 'cosine' | 'step';
  /** For `step`: the learning rate is multiplied with stepFactor (0.1) after every stepEpochs (1) epochs. */
  stepEpochs?: number;
  stepFactor?: number;
  /** The learning rate rises linearly over this many steps (0). */
  warmupSteps?: number;
  /** Longest gradient of all parameters together, L2; 0 = as it is (0). */
  gradientClip?: number;
  /** Learning rate of learned scales as a multiple of the others' (1). */
  scaleRate?: number;
  /** Share of every target spread over all classes (0). */
  labelSmoothing?: number;
  /**
   * `distillation`: labels and a teacher's outputs, teacherShare·T²·KL + (1 − teacherShare)·cross-entropy;
   * `teacherMse`: squared distance to a teacher's outputs, labels take no part;
   * `mse`: squared distance to one-hot targets of the labels, mean over classes. (`crossEntropy`)
   */
  loss?: 'crossEntropy' | 'distillation' | 'teacherMse' | 'mse';
  /** Distillation (4, 0.9). */
  temperature?: number;
  teacherShare?: number;
  /** Bits of the gradients that n-bit layers get back, by DoReFa's quantizer (32). */
  gradientBits?: number;
  /** Strength of the loss that draws weights to their levels against oscillation (0). */
  dampening?: number;
  /** Steps that are trained as float; then the layers are prepared and quantized (0). */
  quantizeFromStep?: number;
  /** From this step on batch norm uses its running statistics and leaves them as they are (never). */
  freezeNormFromStep?: number;
  /** Steps from one record of every layer's figures to the next; 0 = none (0). They change no bit of the training. */
  diagnosticsEvery?: number;
  /**
   * A weight whose code goes back and forth more often than this share of the steps (exponential mean) is held at its
   * mean code for good; 0 = never (0). Falls to `freezeThresholdEnd` (the same) along half a cosine. Affine and
   * binary grids with lsq or ste; else `E-QUANTIZER-INVALID`.
   */
  freezeThreshold?: number;
  freezeThresholdEnd?: number;
  epochs: number;
  batchSize: number;
  seed: number;
  /** Take batches in file order (reference vectors) instead of shuffling each epoch by the seed. */
  shuffle?: boolean;
  /** Write a checkpoint into memory every this many milliseconds (fetch it with `checkpoint()`). */
  snapshotMs?: number;
}

export type SessionState = 'idle' | 'running' | 'paused' | 'finished' | 'cancelled' | 'failed';

/**
 * One n-bit layer, weight-only layer or table at one step: scales, clipped shares, gradients (L2, before clipping) and SQNR that the step computed
 * with, and what its update did to the codes. Null: the layer has no such thing, or not yet; `sqnrDb` also: exact.
 */
export interface SessionLayerStep {
  name: string;
  weightScale: number | null;
  activationScale: number | null;
  /**
   * Share of weight codes changed from one look at them to the next, mean since the record before. Codes are looked at
   * for every record, with freezing after every step.
   */
  flipShare: number | null;
  /** Weights whose code went back in more than 2 % of the looks (exponential mean), or than the threshold of freezing. */
  oscillatingShare: number | null;
  frozenShare: number | null;
  /** Share of weights, and of the batch's inputs, whose rounded code is outside the grid. */
  clippedWeights: number | null;
  clippedInputs: number | null;
  weightGradient: number | null;
  scaleGradient: number | null;
  sqnrDb: number | null;
}

export interface SessionStep {
  step: number;
  epoch: number;
  loss: number;
  learningRate: number;
  /** Every n-bit layer, weight-only layer and table of codes when it is the step's turn (diagnosticsEvery), else null. */
  layers: SessionLayerStep[] | null;
}

export interface SessionEvaluation {
  step: number;
  epoch: number;
  testLoss: number;
  /** Null where the loss takes no labels. */
  testAccuracy: number | null;
  /** N-bit layers only. */
  layers: { name: string; sqnrDb: number | null; scaleMean: number; flipShare: number }[];
}

/** What has happened since the last drain. The ring is bounded: the session waits rather than lose a point. */
export interface SessionProgress {
  state: SessionState;
  step: number;
  stepsTotal: number;
  stepMs: number | null;
  steps: SessionStep[];
  evaluations: SessionEvaluation[];
  error: { code: string; message: string; remedy: string } | null;
}

/** Trains a network on its own thread. Same seed and thread count: same bits. */
export interface TrainingSession {
  start(): void;
  pause(): void;
  resume(): void;
  /** Answered within 250 ms; `drain` then shows `cancelled`. */
  cancel(): void;
  drain(): SessionProgress;
  /** Resolves when the thread has ended (finished, cancelled or failed). */
  readonly done: Promise<SessionState>;
  /** Weights as of the last snapshot (taken between steps, at most every 200 ms): parameter or layer weight. */
  snapshotTensor(parameter: string): Tensor;
  snapshotScales(layer: string): LayerScales;
  /** All state needed for an exact resume: parameters, scales, optimizer, order, step. Consistent between steps. */
  checkpoint(): Promise<Uint8Array>;
  restore(checkpoint: Uint8Array): void;
  dispose(): void;
}

export interface NativeAddon {
  info(): NativeInfo;
  setThreads(count: number): void;
  createCancelToken(): CancelToken;

  tensorFromArray(values: Float32Array, rows: number, cols: number): Tensor;
  /** Reads and converts natively; refuses NaN and infinity with `E-WEIGHT-NOT-FINITE`, naming the first index. */
  tensorFromFile(region: FileRegion, rows: number, cols: number, cancel?: CancelToken): Promise<Tensor>;
  /** Counts of equal bins over [min, max]. */
  thumbnail(tensor: Tensor, bins: number): Promise<number[]>;
  statistics(tensor: Tensor, percentiles?: number[]): Promise<NativeStatistics>;
  histogram(
    tensor: Tensor,
    bins: number,
    range?: { low: number; high: number } | null,
  ): Promise<NativeHistogram>;
  analyze(tensor: Tensor, options: AnalyzeOptions, cancel?: CancelToken): Promise<NativeAnalysis>;
  whatIf(tensor: Tensor, options: AnalyzeOptions, cancel?: CancelToken): Promise<NativeWhatIf>;

  /** Codes of `bits` bits (already offset to ≥ 0), LSB-first, each row padded to whole bytes. */
  packCodes(codes: Uint8Array, rows: number, cols: number, bits: number): Uint8Array;
  unpackCodes(packed: Uint8Array, rows: number, cols: number, bits: number): Uint8Array;

  /** What a quantizer can be composed of; electron/contract/quantizer-table.ts describes each. */
  quantizerParts(): NativeQuantizerParts;
  /**
   * Loads the shared library at an absolute path (native/include/qat_quantizer.h) and runs its code, with every right
   * of this process; the same library again gives the same answer. It stays loaded until the process ends.
   * @throws E-NATIVE-ARGUMENT for a path that is not absolute, E-QUANTIZER-LIBRARY for all else
   */
  loadQuantizer(path: string): NativeQuantizerLibrary;
  createLinear(options: NBitLinearOptions): NBitLayer;
  createConv2d(options: NBitConv2dOptions): NBitLayer;
  createMpqLinear(options: MpqLinearOptions): MpqLinear;
  createMixedRowLinear(options: MixedRowLinearOptions): MixedRowLinear;
  createEmbedding(options: EmbeddingOptions): Embedding;
  /** Not for grid `user`, nor for ternary weights with two levels. */
  createPackedProduct(weight: QuantizedWeight): PackedProduct;
  createEmbeddingBag(options: EmbeddingBagOptions): EmbeddingBag;
  createDatasetFromBytes(
    images: Uint8Array,
    labels: Uint8Array,
    shape: { count: number; features: number; classes: number },
    normalisation: { mean: number; std: number },
  ): Dataset;
  createDatasetFromFloats(
    values: Float32Array,
    labels: Uint8Array,
    shape: { count: number; features: number; classes: number },
  ): Dataset;
  createNetwork(nodes: NetworkNode[]): Network;
  /** `teacher`: for the losses that need one. It is asked once, when the training starts. */
  createSession(
    network: Network,
    train: Dataset,
    test: Dataset,
    options: SessionOptions,
    teacher?: Network | null,
  ): TrainingSession;

  /** Single operations, for reference vectors and tests: same kernels as the layers use. */
  ops: NativeOps;
}

/** Where `npm run build:native` leaves the addon, given the folder that holds `package.json`. */
export function defaultAddonPath(appRoot: string): string {
  return join(appRoot, 'native', 'build', 'qat_native.node');
}

/**
 * Loads the addon from an absolute `path` (`defaultAddonPath` gives the usual one). Throws an Error with code
 * `E-NATIVE-MISSING` when there is none or it cannot be loaded here.
 */
export function loadNative(path: string): NativeAddon {
  try {
    // A native module can only be loaded by require; createRequire works in ESM and in a CommonJS bundle.
    return createRequire(path)(path) as NativeAddon;
  } catch (cause) {
    throw missingAddon(path, cause);
  }
}

function missingAddon(path: string, cause: unknown): Error {
  const reason = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
  const error = new Error(`The native engine could not be loaded from ${path}: ${reason}`, { cause });
  return Object.assign(error, {
    code: 'E-NATIVE-MISSING',
    remedy: 'Build it with "npm run build:native"; "npm run doctor" says what is missing for that.',
  });
}
