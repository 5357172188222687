// How far a quantized matrix is from its float original.
#pragma once

#include <cstdint>
#include <vector>

#include "quant/fake_quant.h"
#include "quant/grid.h"
#include "runtime/cancel.h"

namespace qat {

struct QuantizationError {
  int bits = 0;
  double mse = 0;
  bool exact = false;   // no error at all: sqnr_db has no value
  double sqnr_db = 0;   // 10 log10(sum x² / sum (x - x̂)²); 0 signal with an error cannot happen
  double cosine = 0;    // 1 when both are zero
  double max_error = 0;
  double clipped_share = 0;
  int64_t codes_used = 0, codes_total = 0;
  double code_entropy_bits = 0;
  int64_t packed_bytes = 0;   // codes with row padding, float32 scales, int32 zero points
  double effective_bits = 0;  // packed_bytes * 8 per weight
};

// 10 log10(x2 / e2), within −300 … 300: of a signal of 0 the lowest. exact: no error that could be seen.
struct Sqnr {
  bool exact = false;
  double db = 0;
};
Sqnr sqnr_of(const ErrorSums& sums);

// Sums and code counts (slot = code - qmin; binary 0 = minus, 1 = plus) of the whole matrix.
struct ErrorDetail {
  ErrorSums sums;
  std::vector<int64_t> code_counts;
  std::vector<ErrorSums> row_sums;  // one per row when asked for, else empty
};

// x [rows, cols]. Threaded; row sums are added in order: independent of the thread count.
ErrorDetail measure_error(const float* x, int64_t rows, int64_t cols,
                          const QuantizerConfig& config, const Scales& scales, bool keep_rows,
                          const CancelToken* cancel = nullptr);

QuantizationError summarize_error(const ErrorDetail& detail, const QuantizerConfig& config,
                                  const ScaleLayout& layout);

// measure_error and summarize_error in one.
QuantizationError quantization_error(const float* x, int64_t rows, int64_t cols,
                                     const QuantizerConfig& config, const Scales& scales,
                                     const CancelToken* cancel = nullptr);

// A scale and the codes that go with it, without a zero point.
struct GridScale {
  float scale = 1;
  int32_t qmin = 0, qmax = 0;
};

// Mean of (x − x̂)² over x [n], n > 0, for each candidate, all in one pass over the pool; chunks are added in
// order. By the search's kernel: codes by products with 1/scale. `check` may be null.
std::vector<double> mean_squared_errors(const float* x, int64_t n, const std::vector<GridScale>& candidates,
                                        FiniteCheck* check = nullptr);

// Bytes of the stored weight: codes, float32 scales (of both signs where they differ), int32 zero
// points; of the user grid float32 levels of every code besides. Ternary thresholds are not needed to read a weight.
int64_t packed_bytes(const QuantizerConfig& config, const ScaleLayout& layout);

}  // namespace qat
