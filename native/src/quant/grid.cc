#include "quant/grid.h"

#include <cmath>
#include <string>

#include "qat/error.h"
#include "quant/ranges/range_rows.h"
#include "quant/user_quantizer.h"

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

struct Bits {
  int least, most;
};

Bits bits_of(Grid grid) {
  switch (grid) {
    case Grid::kBinary:
      return {1, 1};
    case Grid::kTernary:
      return {2, 2};
    case Grid::kUser:
      return {1, 8};
    case Grid::kUnsigned:  // one bit of an activation is {0, scale}
      return {1, 8};
    default:
      return {2, 8};
  }
}

void validate_range(const QuantizerConfig& config) {
  const RangeRow& row = range_row(config.range);
  if (!row.for_weights || (row.ternary_only && config.grid != Grid::kTernary)) {
    fail_quantizer(std::string("The range estimator ") + row.id + " does not fit this grid.",
                   row.for_weights ? "Use it with the ternary grid, or choose another one."
                                   : "It is for activations; choose another one for weights.");
  }
  if (!(config.percentile >= 50 && config.percentile <= 100)) {
    fail_quantizer("The percentile is " + std::to_string(config.percentile) + ".",
                   "Use 50 to 100.");
  }
  if (!(config.norm >= 1 && config.norm <= 4)) {
    fail_quantizer("The norm is " + std::to_string(config.norm) + ".", "Use 1 to 4.");
  }
}

void require_count(const char* what, size_t got, size_t expected) {
  if (got == expected) return;
  fail_scales("Expected " + std::to_string(expected) + " " + what + ", got " +
              std::to_string(got) + ".");
}

void require_positive(const char* what, const std::vector<float>& values) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] > 0 && std::isfinite(values[i])) continue;
    fail_scales(std::string(what) + " " + std::to_string(i) + " is " + std::to_string(values[i]) +
                "; scales are positive and finite.");
  }
}

void validate_zero_points(const CodeRange& range, const std::vector<int32_t>& zero_points) {
  for (size_t i = 0; i < zero_points.size(); ++i) {
    if (zero_points[i] >= range.qmin && zero_points[i] <= range.qmax) continue;
    fail_scales("Zero point " + std::to_string(i) + " is " + std::to_string(zero_points[i]) +
                "; it must be a code, " + std::to_string(range.qmin) + " to " +
                std::to_string(range.qmax) + ".");
  }
}

void validate_ternary(const Scales& scales, bool is_ternary, size_t expected,
                      Thresholds thresholds) {
  const bool left_out = thresholds == Thresholds::kOptional && scales.thresholds.empty();
  require_count("thresholds", scales.thresholds.size(), is_ternary && !left_out ? expected : 0);
  for (size_t i = 0; i < scales.thresholds.size(); ++i) {
    if (scales.thresholds[i] >= 0 && std::isfinite(scales.thresholds[i])) continue;
    fail_scales("Threshold " + std::to_string(i) + " is " + std::to_string(scales.thresholds[i]) +
                "; thresholds are finite and not negative.");
  }
  if (scales.negative_scales.empty()) return;
  require_count("negative scales", scales.negative_scales.size(), is_ternary ? expected : 0);
  require_positive("Negative scale", scales.negative_scales);
}

size_t further_parameters(const QuantizerConfig& config) {
  return config.user ? static_cast<size_t>(config.user->parameter_count() - 1) : 0;
}

void require_finite(const char* what, const std::vector<float>& values) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i])) continue;
    fail_scales(std::string(what) + " " + std::to_string(i) + " is NaN or infinite.");
  }
}

void validate_user(const QuantizerConfig& config, const Scales& scales, size_t count,
                   Thresholds thresholds) {
  const bool is_user = config.grid == Grid::kUser;
  require_count("levels", scales.levels.size(), is_user ? count << config.bits : 0);
  require_finite("Level", scales.levels);
  const bool left_out =
      is_user && (!config.user || (thresholds == Thresholds::kOptional && scales.parameters.empty()));
  if (left_out) return;
  const size_t each = is_user ? further_parameters(config) : 0;
  require_count("further parameters", scales.parameters.size(), count * each);
  for (size_t i = 0; i < scales.parameters.size(); ++i) {
    const UserQuantizer::Parameter& declared = config.user->parameters()[1 + i % each];
    if (std::isfinite(scales.parameters[i]) && scales.parameters[i] >= declared.least) continue;
    fail_scales("Parameter " + declared.name + " " + std::to_string(i / each) + " is " +
                std::to_string(scales.parameters[i]) + "; it is at least " +
                std::to_string(declared.least) + ".");
  }
}

// Values that belong to one scale.
int64_t of_each(const std::vector<float>& values, const ScaleLayout& layout) {
  return static_cast<int64_t>(values.size()) / layout.count();
}

template <typename T>
std::vector<T> part_of(const std::vector<T>& all, int64_t begin, int64_t end) {
  if (all.empty()) return {};
  return {all.begin() + static_cast<std::ptrdiff_t>(begin),
          all.begin() + static_cast<std::ptrdiff_t>(end)};
}

}  // namespace

CodeRange code_range(Grid grid, int bits) {
  const Bits fit = bits_of(grid);
  if (bits < fit.least || bits > fit.most) {
    fail_quantizer("This grid has no form of " + std::to_string(bits) + " bits.",
                   "Use " + std::to_string(fit.least) + " to " + std::to_string(fit.most) +
                       " bits; 1 bit is the binary grid.");
  }
  switch (grid) {
    case Grid::kSigned:
    case Grid::kMidrise:
      return {-(1 << (bits - 1)), (1 << (bits - 1)) - 1};
    case Grid::kNarrow:
    case Grid::kTernary:
      return {-((1 << (bits - 1)) - 1), (1 << (bits - 1)) - 1};
    case Grid::kUnsigned:
    case Grid::kUser:
      return {0, (1 << bits) - 1};
    case Grid::kBinary:
      break;
  }
  return {0, 1};
}

void validate(const QuantizerConfig& config) {
  const bool is_user = config.grid == Grid::kUser;
  if (!is_user && (config.bits == 1) != (config.grid == Grid::kBinary)) {
    fail_quantizer("A weight of " + std::to_string(config.bits) + " bits does not fit its grid.",
                   "1 bit is the binary grid, and the binary grid is 1 bit.");
  }
  code_range(config.grid, config.bits);
  if (is_user && config.user && !config.user->exists_at(config.bits)) {
    fail_quantizer("The quantizer library \"" + config.user->name() + "\" has no form of " +
                       std::to_string(config.bits) + " bits.",
                   "Choose bits that it exists at.");
  }
  if (config.granularity == Granularity::kGroup && config.group_size <= 0) {
    fail_quantizer("The group size is " + std::to_string(config.group_size) + ".",
                   "Give a group of at least one column.");
  }
  validate_range(config);
}

QuantizerConfig with_bits(const QuantizerConfig& config, int bits) {
  QuantizerConfig changed = config;
  changed.bits = bits;
  const bool is_user = config.grid == Grid::kUser;
  if (is_user && (!config.user || config.user->exists_at(bits))) return changed;
  if (is_user) changed.user = nullptr;
  if (bits == 1) {
    changed.grid = Grid::kBinary;
  } else if (config.grid == Grid::kBinary || is_user) {
    changed.grid = Grid::kSigned;
  } else if (config.grid == Grid::kTernary && bits != 2) {
    changed.grid = Grid::kNarrow;
  }
  if (changed.grid != Grid::kTernary && range_row(changed.range).ternary_only) {
    changed.range = RangeEstimator::kMse;
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

bool has_negative_scales(const QuantizerConfig& config) {
  return config.grid == Grid::kTernary && config.range == RangeEstimator::kTtq;
}

Scales make_scales(const QuantizerConfig& config, const ScaleLayout& layout) {
  const auto count = static_cast<size_t>(layout.count());
  Scales result;
  result.scales.resize(count);
  if (config.grid == Grid::kUnsigned) result.zero_points.resize(count);
  if (config.grid == Grid::kTernary) result.thresholds.resize(count);
  if (has_negative_scales(config)) result.negative_scales.resize(count);
  if (config.grid == Grid::kUser) {
    result.levels.resize(count << config.bits);
    if (config.user) result.parameters.resize(count * further_parameters(config));
  }
  return result;
}

Scales scales_of_row(const Scales& all, const ScaleLayout& layout, int64_t row) {
  if (layout.row_stride == 0) return all;
  const int64_t begin = row * layout.row_stride, end = begin + layout.row_stride;
  return {part_of(all.scales, begin, end), part_of(all.zero_points, begin, end),
          part_of(all.thresholds, begin, end), part_of(all.negative_scales, begin, end),
          part_of(all.parameters, begin * of_each(all.parameters, layout),
                  end * of_each(all.parameters, layout)),
          part_of(all.levels, begin * of_each(all.levels, layout),
                  end * of_each(all.levels, layout))};
}

void validate_scales(const QuantizerConfig& config, const ScaleLayout& layout,
                     const Scales& scales, Thresholds thresholds) {
  const size_t expected = static_cast<size_t>(layout.count());
  require_count("scales", scales.scales.size(), expected);
  require_count("zero points", scales.zero_points.size(),
                config.grid == Grid::kUnsigned ? expected : 0);
  require_positive("Scale", scales.scales);
  validate_zero_points(code_range(config.grid, config.bits), scales.zero_points);
  validate_ternary(scales, config.grid == Grid::kTernary, expected, thresholds);
  validate_user(config, scales, expected, thresholds);
}

QuantParams quant_params(const QuantizerConfig& config, const ScaleLayout& layout,
                         const Scales& scales) {
  if (config.grid == Grid::kUser) {
    fail_quantizer("This operation does not work with the quantizer of a library.",
                   "Use it with one of the built-in quantizers.");
  }
  const CodeRange range = code_range(config.grid, config.bits);
  QuantParams p;
  p.qmin = range.qmin;
  p.qmax = range.qmax;
  p.scale = scales.scales.data();
  p.zero_point = scales.zero_points.empty() ? nullptr : scales.zero_points.data();
  p.offset = grid_offset(config.grid);
  p.threshold = scales.thresholds.empty() ? nullptr : scales.thresholds.data();
  p.negative_scale = scales.negative_scales.empty() ? nullptr : scales.negative_scales.data();
  p.row_stride = layout.row_stride;
  p.group_cols = layout.group_cols;
  return p;
}

QuantParams params_from_scale(QuantParams p, int64_t index) {
  p.scale += index;
  if (p.zero_point) p.zero_point += index;
  if (p.threshold) p.threshold += index;
  if (p.negative_scale) p.negative_scale += index;
  return p;
}

float level_of_code(const QuantParams& p, bool binary, int32_t stored) {
  if (binary) return stored ? p.scale[0] : -p.scale[0];
  const int32_t code = stored + p.qmin;
  if (p.negative_scale && code < 0) return -p.negative_scale[0];
  const int32_t zero_point = p.zero_point ? p.zero_point[0] : 0;
  return (static_cast<float>(code - zero_point) + p.offset) * p.scale[0];
}

}  // namespace qat
