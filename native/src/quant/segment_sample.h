// A sample of elements that share a scale, for the first part of the scale search. It depends on
// the elements only, so the searches of all bit-widths share one.
#pragma once

#include <cstdint>
#include <vector>

#include "qat/kernels.h"
#include "quant/segment_stats.h"
#include "runtime/cancel.h"

namespace qat {

// The large values decide how far clipping pays, and they are few: all of those above a threshold
// are kept. Of the rest, blocks of neighbours are drawn, one at a pseudo-random place of each
// stretch of equal length, and the large values in them are left out. Up to kSmallSegment elements
// are their own sample.
class SegmentSample {
 public:
  // x [n] must outlive the sample.
  void take(const float* x, int64_t n, const SegmentStats& stats, const CancelToken* cancel);

  // errors[i] = the estimate of Σ |t − q|^norm over all elements.
  void errors(const ScaleCandidate* candidates, int count, double norm, double* errors) const;

 private:
  void draw_body(const float* x, int64_t n, float threshold);

  const float* x_ = nullptr;  // the elements themselves, where they are the sample
  int64_t n_ = 0;
  std::vector<float> body_, tail_;
  double weight_ = 1;  // elements for each one of the body
};

}  // namespace qat
