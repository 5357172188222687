#include "quant/analysis.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>
#include <utility>

#include "qat/error.h"
#include "quant/bins_of_error.h"
#include "quant/percentiles.h"
#include "quant/range.h"
#include "quant/row_pieces.h"
#include "quant/segment_range.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kMostRowsShown = 512;

double milliseconds_since(std::chrono::steady_clock::time_point start) {
  const auto elapsed = std::chrono::steady_clock::now() - start;
  return std::chrono::duration<double, std::milli>(elapsed).count();
}

// The part of the matrix that is looked at: all of it, or one row.
struct View {
  const float* x;
  int64_t rows, cols;
  int64_t first_row;
  int64_t count() const { return rows * cols; }
};

View view_of(const float* x, int64_t rows, int64_t cols, const AnalyzeOptions& options) {
  scale_layout(options.config, rows, cols);  // refuses bad shapes
  if (options.row < 0) return {x, rows, cols, 0};
  if (options.row >= rows) {
    throw Error("E-NATIVE-ARGUMENT",
                "Row " + std::to_string(options.row) + " of " + std::to_string(rows) + " rows.",
                "Choose a row of the matrix.");
  }
  return {x + options.row * cols, 1, cols, options.row};
}

// Of the scales of the whole matrix those of one row; row −1: all.
Scales scales_of_view(const Scales& all, int64_t rows, int64_t cols, const QuantizerConfig& config,
                      int64_t row) {
  const ScaleLayout layout = scale_layout(config, rows, cols);
  validate_scales(config, layout, all);
  return row < 0 ? all : scales_of_row(all, layout, row);
}

// The scales of the view: given, or estimated. One scale for the whole matrix comes from all rows.
Scales scales_for_view(const float* x, int64_t rows, int64_t cols, const View& view,
                       const AnalyzeOptions& options, const CancelToken* cancel) {
  if (options.scales) {
    return scales_of_view(*options.scales, rows, cols, options.config, options.row);
  }
  const ScaleLayout layout = scale_layout(options.config, rows, cols);
  if (layout.row_stride == 0) return estimate_scales(x, rows, cols, options.config, cancel);
  return estimate_scales(view.x, view.rows, view.cols, options.config, cancel);
}

// Index of the lower median scale; equal scales count in order.
int64_t median_scale(const std::vector<float>& scales) {
  std::vector<int64_t> order(scales.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>((order.size() - 1) / 2);
  std::nth_element(order.begin(), middle, order.end(), [&](int64_t a, int64_t b) {
    const float left = scales[static_cast<size_t>(a)], right = scales[static_cast<size_t>(b)];
    return left < right || (left == right && a < b);
  });
  return *middle;
}

Levels levels_of(const View& view, const QuantizerConfig& config, const Scales& scales) {
  const ScaleLayout layout = scale_layout(config, view.rows, view.cols);
  const int64_t index = median_scale(scales.scales);
  const float scale = scales.scales[static_cast<size_t>(index)];
  Levels levels;
  levels.scale = scale;
  levels.scale_count = static_cast<int64_t>(scales.scales.size());
  const auto extremes = std::minmax_element(scales.scales.begin(), scales.scales.end());
  levels.scale_min = *extremes.first;
  levels.scale_max = *extremes.second;
  if (layout.row_stride) {
    levels.row = view.first_row + index / layout.row_stride;
    if (config.granularity == Granularity::kGroup) levels.group = index % layout.row_stride;
  }
  if (!scales.zero_points.empty()) {
    levels.zero_point = scales.zero_points[static_cast<size_t>(index)];
  }
  if (config.grid == Grid::kUser) {
    const auto first = scales.levels.begin() + static_cast<std::ptrdiff_t>(index << config.bits);
    levels.values.assign(first, first + (1 << config.bits));
    std::sort(levels.values.begin(), levels.values.end());
    levels.clip_low = levels.values.front();
    levels.clip_high = levels.values.back();
    return levels;
  }
  const QuantParams p = params_from_scale(quant_params(config, layout, scales), index);
  const bool binary = config.grid == Grid::kBinary;
  const CodeRange range = code_range(config.grid, config.bits);
  for (int32_t stored = 0; stored < range.count(); ++stored) {
    levels.values.push_back(static_cast<double>(level_of_code(p, binary, stored)));
  }
  // Where clipping begins: half a step beyond the outermost levels; at them where nothing clips.
  levels.clip_low = levels.values.front();
  levels.clip_high = levels.values.back();
  if (binary || config.grid == Grid::kTernary) return levels;
  const double offset = static_cast<double>(p.offset);
  levels.clip_low = (range.qmin - levels.zero_point + offset - 0.5) * levels.scale;
  levels.clip_high = (range.qmax - levels.zero_point + offset + 0.5) * levels.scale;
  return levels;
}

// At most kMostRowsShown rows, the worst of each bucket of neighbours.
std::vector<RowSqnr> worst_rows(const std::vector<ErrorSums>& sums, int64_t first_row) {
  const int64_t rows = static_cast<int64_t>(sums.size());
  const int64_t buckets = std::min(rows, kMostRowsShown);
  std::vector<RowSqnr> shown;
  for (int64_t b = 0; b < buckets; ++b) {
    RowSqnr worst;
    worst.row = -1;
    for (int64_t r = rows * b / buckets; r < rows * (b + 1) / buckets; ++r) {
      const Sqnr sqnr = sqnr_of(sums[static_cast<size_t>(r)]);
      const bool worse = worst.row < 0 || (worst.exact && !sqnr.exact) ||
                         (!worst.exact && !sqnr.exact && sqnr.db < worst.sqnr_db);
      if (worse) worst = {first_row + r, sqnr.exact, sqnr.db};
    }
    shown.push_back(worst);
  }
  return shown;
}

WhatIf what_if_of_view(const View& view, const AnalyzeOptions& options, const Scales& scales,
                       ValueRange range, const CancelToken* cancel) {
  const ScaleLayout layout = scale_layout(options.config, view.rows, view.cols);
  const BinnedError binned =
      measure_binned_error(view.x, layout, options.config, scales,
                           {range, options.exact_bins, options.drawn_bins}, cancel);
  WhatIf result;
  result.error = summarize_error(binned.detail, options.config, layout);
  result.levels = levels_of(view, options.config, scales);
  result.code_counts = binned.detail.code_counts;
  result.quantized_counts = binned.quantized_counts;
  result.mean_error_by_bin = binned.mean_error;
  result.row_sqnr = worst_rows(binned.detail.row_sums, view.first_row);
  return result;
}

ValueRange range_of_view(const View& view, const AnalyzeOptions& options,
                         const CancelToken* cancel) {
  if (options.range) return *options.range;
  const SegmentStats stats = segment_stats(view.x, view.count(), cancel);
  return histogram_range(stats.min, stats.max);
}

void check_options(const AnalyzeOptions& options) {
  validate(options.config);
  if (options.drawn_bins <= 0 || options.exact_bins % options.drawn_bins != 0) {
    throw Error("E-NATIVE-ARGUMENT",
                std::to_string(options.drawn_bins) + " drawn bins do not divide " +
                    std::to_string(options.exact_bins) + " exact ones.",
                "Use a number of drawn bins that divides the number of exact bins.");
  }
}

// Errors at several bit-widths and the scales they were measured with.
struct ByBits {
  std::vector<QuantizationError> errors;
  std::vector<Scales> scales;
};

// Estimates and measures every configuration on rows [begin, end), each row read once. Writes the
// scales of these rows.
void measure_rows(const View& view, const std::vector<QuantizerConfig>& configs, int64_t begin,
                  int64_t end, std::vector<ErrorDetail>* details, std::vector<Scales>* scales,
                  const CancelToken* cancel) {
  details->resize(configs.size());
  for (size_t i = 0; i < configs.size(); ++i) {
    const CodeRange range = code_range(configs[i].grid, configs[i].bits);
    (*details)[i].code_counts.assign(static_cast<size_t>(range.count()), 0);
  }
  const ScaleLayout layout = scale_layout(configs[0], view.rows, view.cols);
  RowEstimator estimator(layout);
  for (int64_t r = begin; r < end; ++r) {
    const float* row = view.x + r * view.cols;
    estimator.set_row(row, cancel);
    for (size_t i = 0; i < configs.size(); ++i) {
      Scales& all = (*scales)[i];
      estimator.estimate(configs[i], r * layout.row_stride, &all);
      ErrorDetail& detail = (*details)[i];
      kernels().quant_error(row, 1, view.cols,
                            params_of_row(quant_params(configs[i], layout, all), r),
                            configs[i].grid == Grid::kBinary, &detail.sums,
                            detail.code_counts.data());
    }
  }
}

ByBits errors_by_row_scales(const View& view, const std::vector<QuantizerConfig>& configs,
                            const CancelToken* cancel) {
  ByBits result;
  for (const QuantizerConfig& config : configs) {
    result.scales.push_back(make_scales(config, scale_layout(config, view.rows, view.cols)));
  }
  const int64_t chunk = rows_per_chunk(view.cols);
  std::vector<std::vector<ErrorDetail>> parts(
      static_cast<size_t>(chunk_count(view.rows, chunk)));
  parallel_chunks(view.rows, chunk, [&](int64_t index, int64_t begin, int64_t end) {
    throw_if_cancelled(cancel);
    measure_rows(view, configs, begin, end, &parts[static_cast<size_t>(index)], &result.scales,
                 cancel);
  });
  for (size_t i = 0; i < configs.size(); ++i) {
    ErrorDetail total = parts[0][i];
    for (size_t p = 1; p < parts.size(); ++p) {
      add_sums(parts[p][i].sums, &total.sums);
      for (size_t s = 0; s < total.code_counts.size(); ++s) {
        total.code_counts[s] += parts[p][i].code_counts[s];
      }
    }
    result.errors.push_back(summarize_error(total, configs[i],
                                            scale_layout(configs[i], view.rows, view.cols)));
  }
  return result;
}

ByBits errors_by_one_scale(const float* x, int64_t rows, int64_t cols, const View& view,
                           const std::vector<QuantizerConfig>& configs, const CancelToken* cancel) {
  Segment segment;
  segment.assign(x, rows * cols, cancel);
  const std::vector<SegmentScale> found = estimate_scales_of(segment, configs);
  ByBits result;
  for (size_t i = 0; i < configs.size(); ++i) {
    Scales scales = make_scales(configs[i], scale_layout(configs[i], rows, cols));
    put_scale(found[i], 0, &scales);
    result.errors.push_back(
        quantization_error(view.x, view.rows, view.cols, configs[i], scales, cancel));
    result.scales.push_back(std::move(scales));
  }
  return result;
}

// A user's library estimates and quantizes by itself: one bit-width after the other.
ByBits errors_of_user(const float* x, int64_t rows, int64_t cols, const View& view,
                      const std::vector<QuantizerConfig>& configs, const CancelToken* cancel) {
  ByBits result;
  for (const QuantizerConfig& config : configs) {
    const bool whole = config.granularity == Granularity::kTensor;
    Scales scales = whole ? estimate_scales(x, rows, cols, config, cancel)
                          : estimate_scales(view.x, view.rows, view.cols, config, cancel);
    result.errors.push_back(
        quantization_error(view.x, view.rows, view.cols, config, scales, cancel));
    result.scales.push_back(std::move(scales));
  }
  return result;
}

// `asked` at the bits of `configs`; a library has other grids where it has no such bits.
ByBits estimated_errors(const float* x, int64_t rows, int64_t cols, const View& view,
                        const QuantizerConfig& asked, const std::vector<QuantizerConfig>& configs,
                        const CancelToken* cancel) {
  if (configs.empty()) return {};
  if (asked.grid == Grid::kUser) return errors_of_user(x, rows, cols, view, configs, cancel);
  return asked.granularity == Granularity::kTensor
             ? errors_by_one_scale(x, rows, cols, view, configs, cancel)
             : errors_by_row_scales(view, configs, cancel);
}

ByBits errors_by_bits(const float* x, int64_t rows, int64_t cols, const View& view,
                      const AnalyzeOptions& options, const CancelToken* cancel) {
  const auto given = [&](size_t i) {
    return i < options.scales_by_bits.size() && options.scales_by_bits[i];
  };
  std::vector<QuantizerConfig> configs, unknown;
  for (int bits = 1; bits <= 8; ++bits) {
    configs.push_back(with_bits(options.config, bits));
    if (!given(configs.size() - 1)) unknown.push_back(configs.back());
  }
  ByBits estimated = estimated_errors(x, rows, cols, view, options.config, unknown, cancel);
  ByBits result;
  for (size_t i = 0, next = 0; i < configs.size(); ++i) {
    if (given(i)) {
      result.scales.push_back(
          scales_of_view(*options.scales_by_bits[i], rows, cols, configs[i], options.row));
      result.errors.push_back(quantization_error(view.x, view.rows, view.cols, configs[i],
                                                 result.scales.back(), cancel));
    } else {
      result.scales.push_back(std::move(estimated.scales[next]));
      result.errors.push_back(estimated.errors[next++]);
    }
  }
  return result;
}

}  // namespace

WhatIf what_if(const float* x, int64_t rows, int64_t cols, const AnalyzeOptions& options,
               const CancelToken* cancel) {
  const auto start = std::chrono::steady_clock::now();
  check_options(options);
  const View view = view_of(x, rows, cols, options);
  const ValueRange range = range_of_view(view, options, cancel);
  const Scales scales = scales_for_view(x, rows, cols, view, options, cancel);
  WhatIf result = what_if_of_view(view, options, scales, range, cancel);
  result.native_ms = milliseconds_since(start);
  return result;
}

Analysis analyze(const float* x, int64_t rows, int64_t cols, const AnalyzeOptions& options,
                 const CancelToken* cancel) {
  const auto start = std::chrono::steady_clock::now();
  check_options(options);
  const View view = view_of(x, rows, cols, options);
  Analysis result;
  result.statistics = compute_statistics(view.x, view.count(), {}, cancel);
  const ValueRange range = options.range
                               ? *options.range
                               : histogram_range(result.statistics.min, result.statistics.max);
  result.histogram = compute_histogram(view.x, view.count(), range, options.exact_bins, cancel);
  result.statistics.percentiles = compute_percentiles(view.x, view.count(), result.histogram,
                                                      default_percentiles(), cancel);
  result.drawn_counts = drawn_counts(result.histogram.counts, options.drawn_bins);
  ByBits by_bits = errors_by_bits(x, rows, cols, view, options, cancel);
  result.by_bits = std::move(by_bits.errors);
  result.scales_by_bits = std::move(by_bits.scales);
  result.native_ms = milliseconds_since(start);
  return result;
}

}  // namespace qat
