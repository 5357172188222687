// HQQ, half-quadratic quantization (Badri & Shaji 2023): chooses each group's zero point so that
// the weights themselves change least under a norm that cares little for outliers; needs no data.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/cancel.h"

namespace qat {

struct HqqOptions {
  double norm = 0.7;         // p of Σ|w − ŵ|^p, in (0, 1]
  double beta = 10;          // of the shrinking, > 0; errors are measured in steps
  double kappa = 1;          // beta grows by this factor with every iteration, >= 1
  int64_t iterations = 20;   // at most; >= 0
  bool integer_zeros = false;  // round zeros to codes: the `unsigned` grid; 2-8 bits
};

struct HqqResult {
  std::vector<uint8_t> codes;  // [rows, cols], 0 ... 2^bits - 1
  // One per group, row by row. ŵ = (code − zero)·scale; zeros are not rounded unless asked for, and
  // may lie outside the codes.
  std::vector<float> scales, zeros;
  std::vector<float> dequantized;   // [rows, cols]
  double min_max_error = 0, error = 0;  // Σ|w − ŵ|^p with the min-max zeros, and as returned
};

// weight [rows, cols] finite; groups of `group_cols` neighbouring columns of a row, the last may be
// shorter; bits 1-8. The scale is (max − min)/(2^bits − 1) of its group and stays. Each group takes
// the best zero it meets, min-max's own among them. Threaded, the same bits on any number of
// threads; reports progress. Throws Error("E-NATIVE-ARGUMENT") for options or sizes without sense.
HqqResult hqq(const float* weight, int64_t rows, int64_t cols, int bits, int64_t group_cols,
              const HqqOptions& options, const CancelToken* cancel = nullptr);

}  // namespace qat
