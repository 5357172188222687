// Range estimation of one set of elements that share a scale; used by range.cc and analysis.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "quant/grid.h"
#include "quant/scale_search.h"
#include "runtime/cancel.h"

namespace qat {

// Up to this many elements the objective of the search is jagged.
constexpr int64_t kSmallSegment = 256;

SegmentStats segment_stats(const float* x, int64_t n);
// The same over the pool; chunks are added in order.
SegmentStats tensor_stats(const float* x, int64_t n, const CancelToken* cancel);

// On the calling thread; n elements, contiguous.
SegmentScale estimate_segment(const float* x, int64_t n, const SegmentStats& stats,
                              const QuantizerConfig& config);
// Over the pool: one result per configuration; the searches share every read of x.
std::vector<SegmentScale> estimate_tensor(const float* x, int64_t n, const SegmentStats& stats,
                                          const std::vector<QuantizerConfig>& configs,
                                          const CancelToken* cancel);
// All scales of one row; zero_points may be null.
void estimate_row(const float* row, const ScaleLayout& layout, const QuantizerConfig& config,
                  float* scales, int32_t* zero_points);

}  // namespace qat
