// Range estimation of sets of elements that share a scale; used by range.cc and analysis.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "quant/grid.h"
#include "quant/scale_search.h"
#include "quant/segment_sample.h"
#include "runtime/cancel.h"

namespace qat {

// Over the pool; chunks are added in order.
SegmentStats tensor_stats(const float* x, int64_t n, const CancelToken* cancel);

// Over the pool: one result per configuration; the searches share every read of x.
std::vector<SegmentScale> estimate_tensor(const float* x, int64_t n, const SegmentStats& stats,
                                          const std::vector<QuantizerConfig>& configs,
                                          const CancelToken* cancel);

// Estimates the scales of one row after another, each for any number of configurations that share
// the layout. On the calling thread.
class RowEstimator {
 public:
  // `searched`: some configuration is_searched().
  RowEstimator(const ScaleLayout& layout, bool searched);

  void set_row(const float* row);
  // All scales of the row; zero_points may be null.
  void estimate(const QuantizerConfig& config, float* scales, int32_t* zero_points) const;

 private:
  struct Segment {
    const float* x = nullptr;
    int64_t n = 0;
    SegmentStats stats;
    SegmentSample sample;
  };

  const ScaleLayout layout_;
  const bool searched_;
  std::vector<Segment> segments_;
};

}  // namespace qat
