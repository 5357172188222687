#include "quant/segment_stats.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <vector>

#include "qat/kernels.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kChunk = int64_t{1} << 16;  // elements: half a second-level cache

// Of parts in their order.
SegmentStats stats_of(const Moments* parts, size_t count, double n) {
  SegmentStats stats;
  stats.min = parts[0].min;
  stats.max = parts[0].max;
  double square_mean = 0;
  for (size_t i = 0; i < count; ++i) {
    const Moments& m = parts[i];
    stats.min = std::min(stats.min, m.min);
    stats.max = std::max(stats.max, m.max);
    stats.abs_mean += m.abs_sum / n;
    stats.mean += m.s1 / n;
    square_mean += m.s2 / n;
    stats.nonzero += m.count - m.zeros;
  }
  stats.deviation = std::sqrt(std::max(0.0, square_mean - stats.mean * stats.mean));
  return stats;
}

}  // namespace

SegmentStats segment_stats(const float* x, int64_t n, const CancelToken* cancel) {
  throw_if_cancelled(cancel);
  if (n <= kChunk) {  // groups of a row are many and small
    Moments all;
    kernels().moments(x, n, 0.0, &all);
    return stats_of(&all, 1, static_cast<double>(n));
  }
  std::vector<Moments> parts(static_cast<size_t>(chunk_count(n, kChunk)));
  parallel_chunks(n, kChunk, [&](int64_t chunk, int64_t begin, int64_t end) {
    throw_if_cancelled(cancel);
    kernels().moments(x + begin, end - begin, 0.0, &parts[static_cast<size_t>(chunk)]);
  });
  return stats_of(parts.data(), parts.size(), static_cast<double>(n));
}

double largest_magnitude(const SegmentStats& stats) {
  return std::max(std::fabs(stats.min), std::fabs(stats.max));
}

float safe_scale(double scale, const CodeRange& range) {
  const double reach = std::max(1, std::max(range.qmax, -range.qmin));
  const double highest = static_cast<double>(FLT_MAX) / reach * (1 - 1e-6);
  return static_cast<float>(std::clamp(scale, static_cast<double>(FLT_MIN), highest));
}

SegmentScale scale_of_ends(double low, double high, const QuantizerConfig& config) {
  const CodeRange range = code_range(config.grid, config.bits);
  SegmentScale result;
  if (config.grid != Grid::kUnsigned) {
    const double top = range.qmax + static_cast<double>(grid_offset(config.grid));
    result.scale = safe_scale(std::max(std::fabs(low), std::fabs(high)) / top, range);
    return result;
  }
  // Widened to hold 0, so that 0 has a code of its own.
  low = std::min(low, 0.0);
  high = std::max(high, 0.0);
  result.scale = safe_scale((high - low) / range.qmax, range);
  const double zero = std::nearbyint(-low / static_cast<double>(result.scale));
  result.zero_point = static_cast<int32_t>(std::clamp(zero, 0.0, static_cast<double>(range.qmax)));
  return result;
}

}  // namespace qat
