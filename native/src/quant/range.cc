#include "quant/range.h"

#include <algorithm>
#include <array>
#include <vector>

#include "qat/kernels.h"
#include "quant/segment_range.h"
#include "quant/statistics.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kChunk = int64_t{1} << 16;  // elements: half a second-level cache

int64_t rows_per_range(int64_t cols) { return std::max<int64_t>(1, kChunk / cols); }

void take_partial_errors(std::vector<ScaleSearch>& searches, const float* x, int64_t n) {
  // One read of the elements serves all searches.
  const int64_t chunks = chunk_count(n, kChunk);
  const size_t stride = searches.size() * ScaleSearch::kMostCandidates;
  std::vector<double> partial(static_cast<size_t>(chunks) * stride, 0.0);
  std::vector<ScaleFit> fits(static_cast<size_t>(chunks) * searches.size());
  parallel_chunks(n, kChunk, [&](int64_t chunk, int64_t begin, int64_t end) {
    for (size_t s = 0; s < searches.size(); ++s) {
      const ScaleSearch& search = searches[s];
      const size_t slot = static_cast<size_t>(chunk) * searches.size() + s;
      if (search.wants_errors()) {
        kernels().scale_errors(x + begin, end - begin, search.candidates(), search.count(),
                               partial.data() + slot * ScaleSearch::kMostCandidates);
      } else if (search.wants_fit()) {
        kernels().scale_fit(x + begin, end - begin, search.candidates()[0], &fits[slot]);
      }
    }
  });
  for (size_t s = 0; s < searches.size(); ++s) {
    std::array<double, ScaleSearch::kMostCandidates> errors{};
    ScaleFit fit;
    for (size_t chunk = 0; chunk < static_cast<size_t>(chunks); ++chunk) {
      const size_t slot = chunk * searches.size() + s;
      for (size_t i = 0; i < errors.size(); ++i) {
        errors[i] += partial[slot * ScaleSearch::kMostCandidates + i];
      }
      fit.tq += fits[slot].tq;
      fit.qq += fits[slot].qq;
      fit.d2 += fits[slot].d2;
    }
    if (searches[s].wants_errors()) {
      searches[s].take_errors(errors.data());
    } else if (searches[s].wants_fit()) {
      searches[s].take_fit(fit);
    }
  }
}

}  // namespace

SegmentStats segment_stats(const float* x, int64_t n) {
  Moments m;
  kernels().moments(x, n, 0.0, &m);
  return {m.min, m.max, m.abs_sum / static_cast<double>(n)};
}

SegmentScale estimate_segment(const float* x, int64_t n, const SegmentStats& stats,
                              const QuantizerConfig& config) {
  if (config.range != RangeEstimator::kMse || config.grid == Grid::kBinary) {
    return initial_scale(stats, config);
  }
  ScaleSearch search(stats, config, n <= kSmallSegment);
  while (!search.done()) {
    if (search.wants_fit()) {
      ScaleFit fit;
      kernels().scale_fit(x, n, search.candidates()[0], &fit);
      search.take_fit(fit);
    } else {
      double errors[ScaleSearch::kMostCandidates] = {};
      kernels().scale_errors(x, n, search.candidates(), search.count(), errors);
      search.take_errors(errors);
    }
  }
  return search.result();
}

SegmentStats tensor_stats(const float* x, int64_t n, const CancelToken* cancel) {
  std::vector<Moments> parts(static_cast<size_t>(chunk_count(n, kChunk)));
  parallel_chunks(n, kChunk, [&](int64_t chunk, int64_t begin, int64_t end) {
    throw_if_cancelled(cancel);
    kernels().moments(x + begin, end - begin, 0.0, &parts[static_cast<size_t>(chunk)]);
  });
  SegmentStats stats{parts[0].min, parts[0].max, 0};
  for (const Moments& m : parts) {
    stats.min = std::min(stats.min, m.min);
    stats.max = std::max(stats.max, m.max);
    stats.abs_mean += m.abs_sum / static_cast<double>(n);
  }
  return stats;
}

std::vector<SegmentScale> estimate_tensor(const float* x, int64_t n, const SegmentStats& stats,
                                          const std::vector<QuantizerConfig>& configs,
                                          const CancelToken* cancel) {
  std::vector<SegmentScale> results;
  std::vector<ScaleSearch> searches;
  std::vector<size_t> searched;
  for (size_t i = 0; i < configs.size(); ++i) {
    results.push_back(initial_scale(stats, configs[i]));
    if (configs[i].range == RangeEstimator::kMse && configs[i].grid != Grid::kBinary) {
      searches.emplace_back(stats, configs[i], n <= kSmallSegment);
      searched.push_back(i);
    }
  }
  const auto all_done = [&] {
    return std::all_of(searches.begin(), searches.end(),
                       [](const ScaleSearch& s) { return s.done(); });
  };
  while (!all_done()) {
    throw_if_cancelled(cancel);
    take_partial_errors(searches, x, n);
  }
  for (size_t s = 0; s < searches.size(); ++s) results[searched[s]] = searches[s].result();
  return results;
}

void estimate_row(const float* row, const ScaleLayout& layout, const QuantizerConfig& config,
                  float* scales, int32_t* zero_points) {
  for (int64_t g = 0; g < layout.groups_per_row(); ++g) {
    const int64_t begin = g * layout.group_cols;
    const int64_t n = std::min(layout.group_cols, layout.cols - begin);
    const SegmentScale found =
        estimate_segment(row + begin, n, segment_stats(row + begin, n), config);
    scales[g] = found.scale;
    if (zero_points) zero_points[g] = found.zero_point;
  }
}

Scales estimate_scales(const float* x, int64_t rows, int64_t cols, const QuantizerConfig& config,
                       const CancelToken* cancel) {
  validate(config);
  const ScaleLayout layout = scale_layout(config, rows, cols);
  Scales result;
  result.scales.resize(static_cast<size_t>(layout.count()));
  if (config.grid == Grid::kUnsigned) result.zero_points.resize(result.scales.size());
  int32_t* zero_points = result.zero_points.empty() ? nullptr : result.zero_points.data();
  if (layout.row_stride == 0) {
    const SegmentStats stats = tensor_stats(x, rows * cols, cancel);
    const SegmentScale found = estimate_tensor(x, rows * cols, stats, {config}, cancel)[0];
    result.scales[0] = found.scale;
    if (zero_points) zero_points[0] = found.zero_point;
    return result;
  }
  parallel_for(rows, rows_per_range(cols), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      throw_if_cancelled(cancel);
      const int64_t first = r * layout.row_stride;
      estimate_row(x + r * cols, layout, config, result.scales.data() + first,
                   zero_points ? zero_points + first : nullptr);
    }
  });
  return result;
}

float estimate_activation_scale(const float* x, int64_t n, int bits, bool is_signed,
                                RangeEstimator range, const CancelToken* cancel) {
  QuantizerConfig config;
  config.bits = bits;
  config.grid = is_signed ? Grid::kSigned : Grid::kUnsigned;
  config.granularity = Granularity::kTensor;
  config.range = range;
  if (n <= 0) return 1.0f;
  SegmentStats stats = tensor_stats(x, n, cancel);
  if (is_signed) return estimate_tensor(x, n, stats, {config}, cancel)[0].scale;
  // Negative inputs clip to 0 whatever the scale is: they are no part of the range.
  stats.min = 0;
  stats.max = std::max(stats.max, 0.0);
  if (range != RangeEstimator::kMse || stats.max == 0) return initial_scale(stats, config).scale;
  std::vector<ScaleSearch> search;
  search.emplace_back(stats, config, n <= kSmallSegment);
  search[0].hold_zero_point();
  while (!search[0].done()) {
    throw_if_cancelled(cancel);
    take_partial_errors(search, x, n);
  }
  return search[0].result().scale;
}

}  // namespace qat
