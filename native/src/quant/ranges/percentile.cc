#include "quant/ranges/estimators.h"

namespace qat {

SegmentScale percentile_scale(const Segment& segment, const QuantizerConfig& config) {
  double low = 0, high = 0;
  if (config.grid == Grid::kUnsigned) {
    low = segment.percentile(100 - config.percentile);
    high = segment.percentile(config.percentile);
  } else {
    high = segment.magnitude_percentile(config.percentile);
  }
  // Nearly all elements are 0: a percentile says nothing about the others.
  if (low >= 0 && high <= 0) return absmax_scale(segment, config);
  return scale_of_ends(low, high, config);
}

}  // namespace qat
