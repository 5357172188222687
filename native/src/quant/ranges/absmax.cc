#include "quant/ranges/estimators.h"

namespace qat {

SegmentScale absmax_scale(const Segment& segment, const QuantizerConfig& config) {
  return scale_of_ends(segment.stats().min, segment.stats().max, config);
}

}  // namespace qat
