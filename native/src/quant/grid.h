// Grids, granularities and how a matrix maps to scales.
#pragma once

#include <cstdint>
#include <vector>

#include "qat/kernels.h"

namespace qat {

// signed -2^(b-1)...2^(b-1)-1 | narrow +-(2^(b-1)-1) | unsigned 0...2^b-1 with zero point |
// binary: scale * sign(x), sign(0) = +1, codes 0 and 1 | mid-rise: the codes of signed, levels
// scale * (q + ½), none of them zero | ternary: codes -1, 0, 1 by a threshold, 2 bits | user: codes
// 0...2^b-1, each with a level that a user's library gave it.
// Numbers are stored in checkpoints: append only.
enum class Grid { kSigned, kNarrow, kUnsigned, kBinary, kMidrise, kTernary, kUser };
enum class Granularity { kTensor, kChannel, kGroup };
// What each does: quant/ranges/. Append only.
enum class RangeEstimator {
  kAbsMax,
  kMse,
  kLsq,
  kPercentile,
  kLp,
  kKl,
  kLsqPlus,
  kAciq,
  kTwn,
  kTtq,
  kMovingAverage,  // activations
};

class UserQuantizer;

struct QuantizerConfig {
  int bits = 4;  // 1-8; 1 exactly when grid is binary (or user); 2 for ternary
  Grid grid = Grid::kSigned;
  Granularity granularity = Granularity::kChannel;
  int64_t group_size = 0;  // used only with kGroup; > 0, the last group of a row may be shorter
  RangeEstimator range = RangeEstimator::kMse;
  double percentile = 99.9;  // of kPercentile: 50 ... 100
  double norm = 2.4;         // of kLp: 1 ... 4
  // Of the user grid, which no range estimator is for. Null where its library is not loaded: weights
  // that are packed already can be read, nothing more. Loaded ones outlive everything.
  const UserQuantizer* user = nullptr;
};

struct CodeRange {
  int32_t qmin = 0;
  int32_t qmax = 0;
  int32_t count() const { return qmax - qmin + 1; }
};

// Binary gives {0, 1}. Throws Error("E-QUANTIZER-INVALID") for bits outside the grid's range.
CodeRange code_range(Grid grid, int bits);

// Where level q lies, in steps from q: ½ for the mid-rise grid, else 0.
inline float grid_offset(Grid grid) { return grid == Grid::kMidrise ? 0.5f : 0.0f; }

// Throws Error("E-QUANTIZER-INVALID") unless the configuration makes sense.
void validate(const QuantizerConfig& config);

// The same configuration at other bits, always legal: 1 becomes binary, a binary one signed above
// 1 bit, a ternary one narrow at any but 2 bits, a user's one signed (or binary) where it does not
// exist; a range estimator for ternary only becomes mse.
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

// Positive scales; as many zero points for the unsigned grid and thresholds for the ternary one
// (else none); of a ternary grid perhaps as many magnitudes of its minus level (none: as scales). Of
// the user grid [scales, parameters - 1] further parameters and [scales, 2^bits] levels of the codes.
struct Scales {
  std::vector<float> scales{};
  std::vector<int32_t> zero_points{};
  std::vector<float> thresholds{};
  std::vector<float> negative_scales{};
  std::vector<float> parameters{};
  std::vector<float> levels{};
};

// Only one estimator gives the two sides of a ternary grid levels of their own.
bool has_negative_scales(const QuantizerConfig& config);

// Room for the scales of this layout: all arrays that the configuration has, zeroed.
Scales make_scales(const QuantizerConfig& config, const ScaleLayout& layout);
// Of one row of the matrix; all where one scale serves the matrix.
Scales scales_of_row(const Scales& all, const ScaleLayout& layout, int64_t row);

// Throws Error("E-NATIVE-ARGUMENT") unless the counts fit, every scale is positive and finite,
// every zero point is a code and every threshold finite and not negative. Levels alone (a weight
// that is packed already) need no thresholds and no further parameters of a user's quantizer.
enum class Thresholds { kNeeded, kOptional };
void validate_scales(const QuantizerConfig& config, const ScaleLayout& layout,
                     const Scales& scales, Thresholds thresholds = Thresholds::kNeeded);

// The kernel's parameters; they point into `scales`, which must outlive them. Kernels do not know the
// user grid: E-QUANTIZER-INVALID.
QuantParams quant_params(const QuantizerConfig& config, const ScaleLayout& layout,
                         const Scales& scales);
// The parameters from scale `index` on, as if it were the first.
QuantParams params_from_scale(QuantParams p, int64_t index);

// x̂ of a stored code (code - qmin; binary: 0 minus, 1 plus) under the first scale of p, as the
// kernels compute it.
float level_of_code(const QuantParams& p, bool binary, int32_t stored);

}  // namespace qat
