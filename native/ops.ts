/** Single operations on arrays, the same kernels as the layers use: for tests and reference vectors. Synchronous. */
import type { QuantizedWeight } from './index.js';
import type { NativePtq } from './ptq.js';
import type { NativeQuantizer, NativeScales } from './quantizer.js';

/** An affine quantizer by its numbers; with thresholds a ternary one (codes −1 … 1). */
export interface NativeQuantizerNumbers extends NativeScales {
  qmin: number;
  qmax: number;
  groupSize?: number;
  /** 0, or 0.5 for the mid-rise grid (0). */
  offset?: number;
}

/** Gradient low-rank projection: the optimizer works in the span of the gradient's largest singular vectors. */
export interface GaloreOptions {
  rank: number;
  /** Which side is projected: `std` the shorter one (default), `reverse_std` the longer, `full` both. */
  type?: 'std' | 'reverse_std' | 'left' | 'right' | 'full';
  /** Steps between two choices of the subspace (200). */
  updateGap?: number;
  /** Of what goes back to the weight (1). */
  scale?: number;
}

/** Row-major float32 in, float32 out; shapes are [rows, cols] unless said. */
export interface NativeOps extends NativePtq {
  /** `into` receives the result in place of a new array; its values are undefined where the call throws. */
  fakeQuant(
    x: Float32Array,
    rows: number,
    cols: number,
    q: NativeQuantizerNumbers,
    into?: Float32Array,
  ): Float32Array;
  /** Straight-through dx, and dScale already multiplied by gradScale (ternary: of one scale for both sides). */
  fakeQuantBackward(
    x: Float32Array,
    dy: Float32Array,
    rows: number,
    cols: number,
    q: NativeQuantizerNumbers,
    gradScale: number,
    into?: Float32Array,
  ): { dx: Float32Array; dScale: Float32Array };
  /** Scales by the quantizer's range estimator, and the codes under them, packed. */
  quantizeWeight(x: Float32Array, rows: number, cols: number, quantizer: NativeQuantizer): QuantizedWeight;
  /**
   * Mean squared error of x under each scale and range of codes, all in one pass. By products with 1/scale: a value
   * that lies on a tie to the last bit may go to the other, equally near, level.
   */
  quantizationErrors(
    x: Float32Array,
    candidates: readonly { scale: number; qmin: number; qmax: number }[],
  ): Float64Array;
  estimateScales(x: Float32Array, rows: number, cols: number, quantizer: NativeQuantizer): NativeScales;
  softmaxCrossEntropy(
    logits: Float32Array,
    labels: Uint8Array,
    rows: number,
    cols: number,
    labelSmoothing: number,
  ): { loss: number; dx: Float32Array };
  /** Mean of (x − target)² over all elements. */
  meanSquaredError(
    x: Float32Array,
    target: Float32Array,
    rows: number,
    cols: number,
  ): { loss: number; dx: Float32Array };
  /**
   * teacherShare·T²·KL(softmax(teacher/T) ‖ softmax(logits/T)) + (1 − teacherShare)·cross-entropy with the labels, mean
   * over rows. Labels may be null when all is the teacher's.
   */
  distillation(
    logits: Float32Array,
    teacher: Float32Array,
    labels: Uint8Array | null,
    rows: number,
    cols: number,
    options?: {
      /** T (4). */
      temperature?: number;
      /** 0–1 (0.9). */
      teacherShare?: number;
      labelSmoothing?: number;
    },
  ): { loss: number; dx: Float32Array };
  /** DoReFa: `bits` (1–16) levels from −max|g| to max|g| of each sample, rounded at random, without bias. */
  quantizeGradient(
    gradient: Float32Array,
    samples: number,
    width: number,
    bits: number,
    seed: number,
    step: number,
  ): Float32Array;
  batchNorm(
    x: Float32Array,
    dy: Float32Array,
    rows: number,
    features: number,
    /** Values per feature and row (1 for matrices, H·W for NCHW images). */
    inner: number,
    gamma: Float32Array,
    beta: Float32Array,
    epsilon: number,
    momentum: number,
  ): {
    y: Float32Array;
    dx: Float32Array;
    dGamma: Float32Array;
    dBeta: Float32Array;
    runningMean: Float32Array;
    runningVar: Float32Array;
  };
  /** Over rows of `features` values; dx, dGamma and dBeta for the gradient dy of y. */
  layerNorm(
    x: Float32Array,
    dy: Float32Array,
    rows: number,
    features: number,
    gamma: Float32Array,
    beta: Float32Array,
    epsilon: number,
  ): { y: Float32Array; dx: Float32Array; dGamma: Float32Array; dBeta: Float32Array };
  /** Exact: x·Φ(x). */
  gelu(x: Float32Array, dy: Float32Array): { y: Float32Array; dx: Float32Array };
  /** x [planes, height, width], dy [planes, out, out]; no padding; of equal values the first is taken. */
  maxPool2d(
    x: Float32Array,
    dy: Float32Array,
    shape: { planes: number; height: number; width: number; kernel: number; stride: number },
  ): { y: Float32Array; dx: Float32Array };
  /** softmax(QKᵀ/√depth)V; q, dy, y, dq [heads, queries, depth], k, v, dk, dv [heads, keys, depth]. */
  attention(
    q: Float32Array,
    k: Float32Array,
    v: Float32Array,
    dy: Float32Array,
    shape: { heads: number; queries: number; keys: number; depth: number },
  ): { y: Float32Array; dq: Float32Array; dk: Float32Array; dv: Float32Array };
  /** `steps` optimizer steps on given gradients [steps, size]; returns the trajectory [steps, size]. */
  optimize(
    init: Float32Array,
    gradients: Float32Array,
    options: {
      optimizer: 'sgd' | 'adam' | 'adamw' | 'radam' | 'lion' | 'diode';
      learningRate: number;
      momentum?: number;
      nesterov?: boolean;
      weightDecay?: number;
      beta1?: number;
      beta2?: number;
      epsilon?: number;
      /** Diode: the strongest initial vote of a binary weight (0.001). */
      amplitude?: number;
      /** Of Diode's initial votes and GaLore's first subspace (0). */
      seed?: number;
      /** `init` is a matrix with this many rows; without it, nothing is projected. */
      rows?: number;
      /** `init` is a 1-bit weight, of which only the signs count (Diode). */
      binary?: boolean;
      galore?: GaloreOptions;
    },
  ): Float32Array;
  /** C[m,n] = A[m,k]·B; `transposeB`: B is [n,k]; `transposeA`: A is [k,m]. */
  gemm(
    a: Float32Array,
    b: Float32Array,
    m: number,
    n: number,
    k: number,
    options?: { transposeA?: boolean; transposeB?: boolean },
  ): Float32Array;
}
