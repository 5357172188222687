// The backend boundary: every operation that exists once per instruction set. `ref` defines the
// result; the others are tested against it. Kernels are single-threaded and allocate nothing;
// callers split work by rows (quant/, nn/) and own all buffers. Matrices are row-major, dense.
#pragma once

#include <cstdint>

#include "qat/tile_product.h"

namespace qat {

// How a rows x cols matrix maps to integer codes, by one of two rules:
//   affine:  code = clamp(round_half_even(x/scale - offset) + zero_point, qmin, qmax),
//            x̂ = (code - zero_point + offset) * scale. A NaN takes the code qmin.
//   ternary, where thresholds are given: code = 1 for x > threshold, -1 for x < -threshold, else 0
//            (NaN too); x̂ = scale, -negative_scale, 0. qmin and qmax are -1 and 1, nothing clips.
// Scale of element (r, c) = scale[r * row_stride + c / group_cols]; so the other arrays.
struct QuantParams {
  int32_t qmin = 0;
  int32_t qmax = 0;
  const float* scale = nullptr;         // > 0
  const int32_t* zero_point = nullptr;  // null: all 0
  float offset = 0;                     // 0, or 0.5 for the mid-rise grid
  const float* threshold = nullptr;     // ternary: >= 0; else null
  const float* negative_scale = nullptr;  // ternary: > 0; null: as scale
  int64_t row_stride = 0;               // scales per row; 0: one scale for the whole matrix
  int64_t group_cols = 0;               // columns that share a scale; cols for tensor and channel
  bool streamed = false;  // results are more than the caches hold: write past them (not over x or dy)
};

// Sums over one pass of x against x̂, within 1e-6 of their magnitudes (ref: summed in double); counts are exact.
struct ErrorSums {
  double x2 = 0, y2 = 0, xy = 0, e2 = 0;  // Σx², Σx̂², Σx·x̂, Σ(x−x̂)²
  double max_error = 0;
  int64_t clipped = 0;  // elements whose rounded code was outside [qmin, qmax]
};

struct Moments {  // raw sums about `shift`
  int64_t count = 0, zeros = 0;
  double min = 0, max = 0, abs_sum = 0;
  double shift = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0;
};

// A scale under trial: t = x * inverse, q = clamp(round_half_even(t - offset), low, high) + offset.
struct ScaleCandidate {
  float inverse = 1;  // 1 / scale
  float low = 0, high = 0;  // centred codes: qmin - zero_point, qmax - zero_point
  float offset = 0;   // as QuantParams; the same in all candidates of one call
};

struct ScaleFit {  // sums over t and q of one candidate
  double tq = 0, qq = 0;  // least-squares scale for these codes = scale * tq / qq
  double d2 = 0;          // Σ (t − q)²; the squared error is scale² * d2
};

struct Kernels {
  const char* isa;
  // tile_product of codes of at most so many bits is faster than gemm of the floats they stand for.
  int quick_tile_bits;

  // --- quantization, rows x cols -------------------------------------------------------------
  void (*fake_quant)(const float* x, float* y, int64_t rows, int64_t cols, const QuantParams& p);
  // Codes minus qmin, so 0 ... qmax-qmin.
  void (*quantize)(const float* x, uint8_t* codes, int64_t rows, int64_t cols, const QuantParams& p);
  // dx = dy where the rounded code is inside [qmin, qmax], else 0 (dx may alias dy). dscale_partial
  // has one slot per scale and is ADDED to (not scaled by any gradient scale): Σ dy*(x̂/scale -
  // x/scale inside | x̂/scale outside). Ternary: dx = dy, Σ dy*code (for one scale of both sides).
  // May be null.
  void (*fake_quant_backward)(const float* x, const float* dy, float* dx, double* dscale_partial,
                              int64_t rows, int64_t cols, const QuantParams& p);
  // Binary: x̂ = scale*sign(x), sign(0) = +1; same scale layout (qmin, qmax, zero_point unused).
  void (*binarize)(const float* x, float* y, int64_t rows, int64_t cols, const QuantParams& p);
  // Error sums of fake_quant / binarize without storing x̂; code_counts (qmax-qmin+1 slots) is ADDED
  // to; may be null. `binary` selects the binary rule (codes 0 = minus, 1 = plus).
  void (*quant_error)(const float* x, int64_t rows, int64_t cols, const QuantParams& p, bool binary,
                      ErrorSums* sums, int64_t* code_counts);

  // --- statistics ------------------------------------------------------------------------------
  void (*moments)(const float* x, int64_t n, double shift, Moments* out);
  // Least and greatest value of every group of group_cols columns of one row (the last may be shorter). False
  // where a value is a NaN or an infinity; then low and high are of no use.
  bool (*row_ends)(const float* x, int64_t cols, int64_t group_cols, float* low, float* high);
  // Counts of `bins` equal bins over [low, high]: numpy's rule (last bin closed). counts is ADDED to.
  void (*histogram)(const float* x, int64_t n, double low, double high, int64_t bins,
                    int64_t* counts, int64_t* below, int64_t* above);
  // The same rule's bin of every value: 0 ... bins-1, -1 below low, `bins` above high.
  void (*bin_indices)(const float* x, int64_t n, double low, double high, int64_t bins,
                      int32_t* indices);
  // Copies the values of x inside any of `count` closed ranges (low, high by turns) to `out`, which
  // has room for n, in order; returns how many.
  int64_t (*collect_ranges)(const float* x, int64_t n, const float* ranges, int count, float* out);
  // d2[i] += Σ (t − q)² for each candidate. Search only: multiplies by the reciprocal, so codes at
  // ties may differ from `quantize` in the last bit of x/scale.
  void (*scale_errors)(const float* x, int64_t n, const ScaleCandidate* candidates, int count,
                       double* d2);
  void (*scale_fit)(const float* x, int64_t n, const ScaleCandidate& candidate, ScaleFit* out);
  // Index of the first NaN or infinity, or -1.
  int64_t (*first_not_finite)(const float* x, int64_t n);

  // --- packing: LSB-first, bits 1-8, one row; packed has ceil(cols*bits/8) bytes ---------------
  void (*pack_row)(const uint8_t* codes, uint8_t* packed, int64_t cols, int bits);
  void (*unpack_row)(const uint8_t* packed, uint8_t* codes, int64_t cols, int bits);

  // --- float GEMM: C[m,n] = A[m,k]*B (+ C when accumulate). ld* are row strides. ---------------
  // trans_a: A stored [k,m]; trans_b: B stored [n,k].
  void (*gemm)(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const float* a,
               int64_t lda, const float* b, int64_t ldb, float* c, int64_t ldc, bool accumulate);

  // --- packed inference ------------------------------------------------------------------------
  // Integer dot products of one row of activation codes (centred: code - zp) against one packed
  // weight row (codes minus qmin as packed): Σ a[k] * (w[k] + w_offset), per group of group_cols
  // columns -> out[groups]. a and w + w_offset fit −255…255; a group of more than 33 000 columns
  // could overflow out (split it). Never writes unpacked weights to memory.
  void (*dot_packed_row)(const int16_t* a, const uint8_t* packed, int64_t cols, int bits,
                         int32_t w_offset, int64_t group_cols, int32_t* out);
  // The same with float activations: Σ a[k] * (w[k] + w_offset) per group.
  void (*dot_packed_row_f32)(const float* a, const uint8_t* packed, int64_t cols, int bits,
                             int32_t w_offset, int64_t group_cols, float* out);
  // y[i, row] = Σ_groups scale_x·scale_w·Σ a·(c − zero) + bias, i < count, for the rows of the tiles [first,
  // last): integer sums exactly, groups added in float in order. bias [rows] may be null; y has `stride`
  // floats a row. A group has at most kTileGroupCols columns.
  void (*tile_product)(const TileWeight& w, int64_t first, int64_t last, const TileInputs& x,
                       int64_t count, const float* bias, float* y, int64_t stride);
  // The same with float activations x [count, steps·tile_step], padded with 0: sums of kTileFloatCols columns
  // in float, one fused multiply-add after the other, then as above.
  void (*tile_product_f32)(const TileWeight& w, int64_t first, int64_t last, const float* x,
                           int64_t count, const float* bias, float* y, int64_t stride);
  // The same of signs with a weight of 1 bit, by counting bits that differ.
  void (*tile_product_signs)(const TileWeight& w, int64_t first, int64_t last, const TileSigns& x,
                             int64_t count, const float* bias, float* y, int64_t stride);
  // Signed bytes of one row of x for tile_product, largest value of each group on 127: codes, sums and
  // scales of its groups, padded as TileInputs. `cols` and `group_cols` without padding.
  void (*code_row)(const float* x, int64_t cols, int64_t group_cols, int step, int8_t* codes,
                   int32_t* sums, float* scales);
  // Signs of one row of x for tile_product_signs, 1 for x >= 0.
  void (*sign_row)(const float* x, int64_t cols, int64_t group_cols, uint32_t* signs);
  // XNOR-popcount: number of equal bits among the first `cols` bits of a and b.
  int64_t (*xnor_popcount)(const uint8_t* a, const uint8_t* b, int64_t cols);

  // --- training pieces -------------------------------------------------------------------------
  void (*relu)(const float* x, float* y, int64_t n);
  void (*relu_backward)(const float* y, const float* dy, float* dx, int64_t n);
  void (*add_bias_rows)(float* y, const float* bias, int64_t rows, int64_t cols);
  void (*sum_rows)(const float* dy, float* dbias, int64_t rows, int64_t cols);  // over rows
  // PyTorch's definitions. sgd: d = g + wd*p; m = first ? d : momentum*m + d;
  // p -= lr * (nesterov ? d + momentum*m : m). momentum 0 uses no buffer (m may be null).
  // Scalars are computed in double and rounded to float once; no fused operations, so every
  // instruction set gives the same bits.
  void (*sgd_step)(float* p, const float* g, float* m, int64_t n, double lr, double momentum,
                   double weight_decay, bool nesterov, bool first);
  // adamw: p *= 1 - lr*wd; m, v moments; p -= lr/(1-beta1^t) * m / (sqrt(v)/sqrt(1-beta2^t) + eps).
  // decoupled = false is Adam with L2 (g += wd*p). t counts from 1.
  void (*adam_step)(float* p, const float* g, float* m, float* v, int64_t n, double lr,
                    double beta1, double beta2, double eps, double weight_decay, bool decoupled,
                    int64_t t);
};

// The table in use: the best this processor and operating system run, lowered (never raised) by the
// environment variable QAT_ISA = ref | avx2 | avx512. Resolved once.
const Kernels& kernels();
// A given level's table, or null when it was not built or cannot run here ("ref" always exists).
const Kernels* kernels_for(const char* isa);

}  // namespace qat
