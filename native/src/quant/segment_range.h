// Range estimation of sets of elements that share a scale; used by range.cc and analysis.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "quant/grid.h"
#include "quant/segment.h"
#include "runtime/cancel.h"

namespace qat {

// By the scale search alone (mse, lp). Over the pool.
SegmentScale search_scale(const Segment& segment, const QuantizerConfig& config,
                          bool hold_zero_point = false);

// Over the pool: one result per configuration; the searches share every read of the elements.
std::vector<SegmentScale> estimate_scales_of(const Segment& segment,
                                             const std::vector<QuantizerConfig>& configs);

// Writes what was found at `index` of the arrays that `scales` has.
void put_scale(const SegmentScale& found, size_t index, Scales* scales);

// Estimates the scales of one row after another, each for any number of configurations that share
// the layout. On the calling thread, when that is one of the pool's.
class RowEstimator {
 public:
  explicit RowEstimator(const ScaleLayout& layout);

  void set_row(const float* row, const CancelToken* cancel);
  // All scales of the row, written from index `first` on.
  void estimate(const QuantizerConfig& config, int64_t first, Scales* scales) const;

 private:
  const ScaleLayout layout_;
  std::vector<Segment> segments_;
};

}  // namespace qat
