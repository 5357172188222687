#include "quant/ranges/estimators.h"
#include "quant/segment_range.h"

namespace qat {

SegmentScale lp_scale(const Segment& segment, const QuantizerConfig& config) {
  return search_scale(segment, config);
}

}  // namespace qat
