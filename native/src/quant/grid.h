// Grids, granularities and how a matrix maps to scales.
#pragma once

#include <cstdint>
#include <vector>

#include "qat/kernels.h"

namespace qat {

// signed -2^(b-1)...2^(b-1)-1 | narrow +-(2^(b-1)-1) | unsigned 0...2^b-1 with zero point |
// binary: scale * sign(x), sign(0) = +1, codes 0 and 1.
enum class Grid { kSigned, kNarrow, kUnsigned, kBinary };
enum class Granularity { kTensor, kChannel, kGroup };
enum class RangeEstimator { kAbsMax, kMse, kLsq };

struct QuantizerConfig {
  int bits = 4;  // 1-8; 1 exactly when grid is binary
  Grid grid = Grid::kSigned;
  Granularity granularity = Granularity::kChannel;
  int64_t group_size = 0;  // used only with kGroup; > 0, the last group of a row may be shorter
  RangeEstimator range = RangeEstimator::kMse;
};

struct CodeRange {
  int32_t qmin = 0;
  int32_t qmax = 0;
  int32_t count() const { return qmax - qmin + 1; }
};

// Binary gives {0, 1}. Throws Error("E-QUANTIZER-INVALID") for bits outside the grid's range.
CodeRange code_range(Grid grid, int bits);

// Throws Error("E-QUANTIZER-INVALID") unless the configuration makes sense.
void validate(const QuantizerConfig& config);

// The same configuration at other bits: 1 becomes binary; a binary one becomes signed above 1 bit.
QuantizerConfig with_bits(const QuantizerConfig& config, int bits);

// Scales of a rows x cols matrix: element (r, c) uses scales[r * row_stride + c / group_cols].
struct ScaleLayout {
  int64_t rows = 0, cols = 0;
  int64_t group_cols = 0;  // columns per scale; cols for tensor and channel
  int64_t row_stride = 0;  // 0: one scale for the whole matrix
  int64_t groups_per_row() const { return row_stride ? row_stride : 1; }
  int64_t count() const { return row_stride ? rows * row_stride : 1; }
  // Elements that share scale `index`: the last group of a row may be shorter.
  int64_t elements_of(int64_t index) const {
    if (row_stride == 0) return rows * cols;
    const int64_t begin = index % row_stride * group_cols;
    return group_cols < cols - begin ? group_cols : cols - begin;
  }
};

// Throws Error("E-WEIGHT-SHAPE") for an empty or overflowing shape.
ScaleLayout scale_layout(const QuantizerConfig& config, int64_t rows, int64_t cols);

// Positive scales, and as many zero points for the unsigned grid (else none).
struct Scales {
  std::vector<float> scales;
  std::vector<int32_t> zero_points;
};

// Throws Error("E-NATIVE-ARGUMENT") unless the counts fit, every scale is positive and finite and
// every zero point is a code.
void validate_scales(const QuantizerConfig& config, const ScaleLayout& layout,
                     const Scales& scales);

// The kernel's parameters; they point into `scales`, which must outlive them.
QuantParams quant_params(const QuantizerConfig& config, const ScaleLayout& layout,
                         const Scales& scales);

}  // namespace qat
