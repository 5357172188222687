#include "addon/float_what_if.h"

#include <algorithm>
#include <chrono>

#include "nn/types.h"

namespace qat::addon {
namespace {

constexpr int64_t kMaxRowPoints = 512;

double elapsed_ms(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - since)
      .count();
}

std::vector<RowSqnr> exact_rows(int64_t rows, int64_t row) {
  std::vector<RowSqnr> result;
  if (row >= 0) {
    result.push_back({row, true, 0});
    return result;
  }
  const int64_t points = std::min(rows, kMaxRowPoints);
  for (int64_t i = 0; i < points; ++i) result.push_back({i * rows / points, true, 0});
  return result;
}

// The part that needs no pass over the values.
WhatIf without_error(const AnalyzeOptions& options, int64_t rows, int64_t count, double min,
                     double max, std::vector<int64_t> counts) {
  WhatIf result;
  result.error.bits = kFloatBits;
  result.error.exact = true;
  result.error.cosine = 1;
  result.error.effective_bits = kFloatBits;
  result.error.packed_bytes = count * static_cast<int64_t>(sizeof(float));
  result.levels.clip_low = min;
  result.levels.clip_high = max;
  result.levels.row = options.row;
  result.mean_error_by_bin.assign(counts.size(), 0.0);
  result.quantized_counts = std::move(counts);
  result.row_sqnr = exact_rows(rows, options.row);
  return result;
}

}  // namespace

WhatIf float_what_if(const float* x, int64_t rows, int64_t cols, const AnalyzeOptions& options,
                     const CancelToken* cancel) {
  const auto start = std::chrono::steady_clock::now();
  const float* values = options.row >= 0 ? x + options.row * cols : x;
  const int64_t count = options.row >= 0 ? cols : rows * cols;
  const Statistics statistics = compute_statistics(values, count, {}, cancel);
  const ValueRange range =
      options.range ? *options.range : histogram_range(statistics.min, statistics.max);
  const Histogram exact = compute_histogram(values, count, range, options.exact_bins, cancel);
  WhatIf result = without_error(options, rows, count, statistics.min, statistics.max,
                                drawn_counts(exact.counts, options.drawn_bins));
  result.native_ms = elapsed_ms(start);
  return result;
}

}  // namespace qat::addon
