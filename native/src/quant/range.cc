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

// Answers the questions about the sample; the searches run side by side.
void search_sample(std::vector<ScaleSearch>& searches, const SegmentSample& sample,
                   const CancelToken* cancel) {
  parallel_for(static_cast<int64_t>(searches.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; ++s) {
      ScaleSearch& search = searches[static_cast<size_t>(s)];
      while (search.wants_sample()) {
        throw_if_cancelled(cancel);
        double errors[ScaleSearch::kMostCandidates];
        sample.errors(search.candidates(), search.count(), errors);
        search.take_errors(errors);
      }
    }
  });
}

// Answers one question of each search about all elements: one read of them serves all searches.
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

namespace {

SegmentStats segment_stats(const float* x, int64_t n) {
  Moments m;
  kernels().moments(x, n, 0.0, &m);
  return {m.min, m.max, m.abs_sum / static_cast<double>(n)};
}

SegmentScale search_segment(const float* x, int64_t n, const SegmentStats& stats,
                            const SegmentSample& sample, const QuantizerConfig& config) {
  ScaleSearch search(n, stats, config);
  while (!search.done()) {
    if (search.wants_fit()) {
      ScaleFit fit;
      kernels().scale_fit(x, n, search.candidates()[0], &fit);
      search.take_fit(fit);
      continue;
    }
    double errors[ScaleSearch::kMostCandidates] = {};
    if (search.wants_sample()) {
      sample.errors(search.candidates(), search.count(), errors);
    } else {
      kernels().scale_errors(x, n, search.candidates(), search.count(), errors);
    }
    search.take_errors(errors);
  }
  return search.result();
}

// Runs the searches to their ends.
void search_tensor(std::vector<ScaleSearch>& searches, const float* x, int64_t n,
                   const SegmentStats& stats, const CancelToken* cancel) {
  if (searches.empty()) return;
  SegmentSample sample;
  sample.take_parallel(x, n, stats, cancel);
  search_sample(searches, sample, cancel);
  const auto done = [](const ScaleSearch& s) { return s.done(); };
  while (!std::all_of(searches.begin(), searches.end(), done)) {
    throw_if_cancelled(cancel);
    take_partial_errors(searches, x, n);
  }
}

}  // namespace

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
    if (!is_searched(configs[i])) continue;
    searches.emplace_back(n, stats, configs[i]);
    searched.push_back(i);
  }
  search_tensor(searches, x, n, stats, cancel);
  for (size_t s = 0; s < searches.size(); ++s) results[searched[s]] = searches[s].result();
  return results;
}

RowEstimator::RowEstimator(const ScaleLayout& layout, bool searched)
    : layout_(layout), searched_(searched),
      segments_(static_cast<size_t>(layout.groups_per_row())) {}

void RowEstimator::set_row(const float* row) {
  int64_t begin = 0;
  for (Segment& segment : segments_) {
    segment.x = row + begin;
    segment.n = std::min(layout_.group_cols, layout_.cols - begin);
    segment.stats = segment_stats(segment.x, segment.n);
    if (searched_) segment.sample.take(segment.x, segment.n, segment.stats);
    begin += segment.n;
  }
}

void RowEstimator::estimate(const QuantizerConfig& config, float* scales,
                            int32_t* zero_points) const {
  for (size_t g = 0; g < segments_.size(); ++g) {
    const Segment& s = segments_[g];
    const SegmentScale found = is_searched(config)
                                   ? search_segment(s.x, s.n, s.stats, s.sample, config)
                                   : initial_scale(s.stats, config);
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
    RowEstimator estimator(layout, is_searched(config));
    for (int64_t r = begin; r < end; ++r) {
      throw_if_cancelled(cancel);
      const int64_t first = r * layout.row_stride;
      estimator.set_row(x + r * cols);
      estimator.estimate(config, result.scales.data() + first,
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
  search.emplace_back(n, stats, config);
  search[0].hold_zero_point();
  search_tensor(search, x, n, stats, cancel);
  return search[0].result().scale;
}

}  // namespace qat
