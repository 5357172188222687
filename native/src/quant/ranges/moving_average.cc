#include <algorithm>

#include "quant/ranges/estimators.h"
#include "quant/segment_stats.h"

namespace qat {
namespace {

constexpr int64_t kBatches = 16;   // that the calibration values are cut into, in their order
constexpr double kMomentum = 0.9;  // of the running ends

}  // namespace

SegmentScale moving_average_scale(const Segment& segment, const QuantizerConfig& config) {
  const int64_t n = segment.size(), batches = std::min(kBatches, n);
  double low = 0, high = 0;
  for (int64_t b = 0; b < batches; ++b) {
    const int64_t begin = n * b / batches, end = n * (b + 1) / batches;
    const SegmentStats batch = segment_stats(segment.x() + begin, end - begin, segment.cancel());
    const double kept = b == 0 ? 0.0 : kMomentum;
    low = kept * low + (1 - kept) * batch.min;
    high = kept * high + (1 - kept) * batch.max;
  }
  if (low >= 0 && high <= 0) return absmax_scale(segment, config);
  return scale_of_ends(low, high, config);
}

}  // namespace qat
