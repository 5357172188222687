// The elements that share one scale, as the range estimators see them.
#pragma once

#include <cstdint>
#include <vector>

#include "quant/segment_sample.h"
#include "quant/segment_stats.h"
#include "quant/statistics.h"
#include "runtime/cancel.h"

namespace qat {

// What an estimator asks for is found out when it is first asked for and kept, so that the
// estimates of several bit-widths share it. One thread at a time asks; the work itself is done over
// the pool, in fixed chunks.
class Segment {
 public:
  static constexpr int64_t kMagnitudeBins = 2048;

  // x [n], n > 0, finite, must outlive its use here. `cancel` may be null.
  void assign(const float* x, int64_t n, const CancelToken* cancel);

  const float* x() const { return x_; }
  int64_t size() const { return n_; }
  const SegmentStats& stats() const { return stats_; }
  const CancelToken* cancel() const { return cancel_; }

  const SegmentSample& sample() const;
  const std::vector<float>& magnitudes() const;         // |x|, in the order of x
  const std::vector<float>& sorted_magnitudes() const;  // ascending
  // The percentile (0 ... 100) of x and of |x|; quant/percentiles.h.
  double percentile(double percentage) const;
  double magnitude_percentile(double percentage) const;
  // Counts of |x| in kMagnitudeBins equal bins from 0 to max|x|, which is not 0.
  const std::vector<int64_t>& magnitude_counts() const;

 private:
  const float* x_ = nullptr;
  int64_t n_ = 0;
  const CancelToken* cancel_ = nullptr;
  SegmentStats stats_;
  mutable std::vector<Percentile> percentiles_, magnitude_percentiles_;
  mutable bool has_sample_ = false;
  mutable SegmentSample sample_;
  mutable std::vector<float> magnitudes_, sorted_;  // empty: not asked for yet
  mutable std::vector<int64_t> counts_;
};

}  // namespace qat
