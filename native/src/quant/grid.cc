#include "quant/grid.h"

#include <cmath>
#include <string>

#include "qat/error.h"

namespace qat {
namespace {

constexpr int64_t kMostElements = int64_t{1} << 40;

[[noreturn]] void fail_quantizer(const std::string& message, const std::string& remedy) {
  throw Error("E-QUANTIZER-INVALID", message, remedy);
}

[[noreturn]] void fail_scales(const std::string& message) {
  throw Error("E-NATIVE-ARGUMENT", message,
              "Pass the scales that were prepared or loaded for this matrix and quantizer.");
}

}  // namespace

CodeRange code_range(Grid grid, int bits) {
  const int least = grid == Grid::kSigned || grid == Grid::kNarrow ? 2 : 1;
  const int most = grid == Grid::kBinary ? 1 : 8;
  if (bits < least || bits > most) {
    fail_quantizer("This grid has no form of " + std::to_string(bits) + " bits.",
                   "Use " + std::to_string(least) + " to " + std::to_string(most) +
                       " bits; 1 bit is the binary grid.");
  }
  switch (grid) {
    case Grid::kSigned:
      return {-(1 << (bits - 1)), (1 << (bits - 1)) - 1};
    case Grid::kNarrow:
      return {-((1 << (bits - 1)) - 1), (1 << (bits - 1)) - 1};
    case Grid::kUnsigned:
      return {0, (1 << bits) - 1};
    case Grid::kBinary:
      break;
  }
  return {0, 1};
}

void validate(const QuantizerConfig& config) {
  if ((config.bits == 1) != (config.grid == Grid::kBinary)) {
    fail_quantizer("A weight of " + std::to_string(config.bits) + " bits does not fit its grid.",
                   "1 bit is the binary grid, and the binary grid is 1 bit.");
  }
  code_range(config.grid, config.bits);
  if (config.granularity == Granularity::kGroup && config.group_size <= 0) {
    fail_quantizer("The group size is " + std::to_string(config.group_size) + ".",
                   "Give a group of at least one column.");
  }
}

QuantizerConfig with_bits(const QuantizerConfig& config, int bits) {
  QuantizerConfig changed = config;
  changed.bits = bits;
  if (bits == 1) {
    changed.grid = Grid::kBinary;
  } else if (config.grid == Grid::kBinary) {
    changed.grid = Grid::kSigned;
  }
  return changed;
}

ScaleLayout scale_layout(const QuantizerConfig& config, int64_t rows, int64_t cols) {
  if (rows <= 0 || cols <= 0 || rows > kMostElements / cols) {
    throw Error("E-WEIGHT-SHAPE",
                "A weight of shape " + std::to_string(rows) + " x " + std::to_string(cols) +
                    " cannot be quantized.",
                "Use a matrix of at least one row and one column.");
  }
  ScaleLayout layout{rows, cols, cols, 0};
  if (config.granularity == Granularity::kChannel) layout.row_stride = 1;
  if (config.granularity == Granularity::kGroup) {
    validate(config);
    layout.group_cols = config.group_size < cols ? config.group_size : cols;
    layout.row_stride = (cols + layout.group_cols - 1) / layout.group_cols;
  }
  return layout;
}

void validate_scales(const QuantizerConfig& config, const ScaleLayout& layout,
                     const Scales& scales) {
  const size_t expected = static_cast<size_t>(layout.count());
  const size_t zero_points = config.grid == Grid::kUnsigned ? expected : 0;
  if (scales.scales.size() != expected) {
    fail_scales("Expected " + std::to_string(expected) + " scales, got " +
                std::to_string(scales.scales.size()) + ".");
  }
  if (scales.zero_points.size() != zero_points) {
    fail_scales("Expected " + std::to_string(zero_points) + " zero points, got " +
                std::to_string(scales.zero_points.size()) + ".");
  }
  for (size_t i = 0; i < expected; ++i) {
    if (!(scales.scales[i] > 0) || !std::isfinite(scales.scales[i])) {
      fail_scales("Scale " + std::to_string(i) + " is " + std::to_string(scales.scales[i]) +
                  "; scales are positive and finite.");
    }
  }
  const CodeRange range = code_range(config.grid, config.bits);
  for (size_t i = 0; i < zero_points; ++i) {
    if (scales.zero_points[i] < range.qmin || scales.zero_points[i] > range.qmax) {
      fail_scales("Zero point " + std::to_string(i) + " is " +
                  std::to_string(scales.zero_points[i]) + "; it must be a code, " +
                  std::to_string(range.qmin) + " to " + std::to_string(range.qmax) + ".");
    }
  }
}

QuantParams quant_params(const QuantizerConfig& config, const ScaleLayout& layout,
                         const Scales& scales) {
  const CodeRange range = code_range(config.grid, config.bits);
  QuantParams p;
  p.qmin = range.qmin;
  p.qmax = range.qmax;
  p.scale = scales.scales.data();
  p.zero_point = scales.zero_points.empty() ? nullptr : scales.zero_points.data();
  p.row_stride = layout.row_stride;
  p.group_cols = layout.group_cols;
  return p;
}

}  // namespace qat
