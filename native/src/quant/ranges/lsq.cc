#include <cmath>

#include "quant/ranges/estimators.h"

namespace qat {

SegmentScale lsq_scale(const Segment& segment, const QuantizerConfig& config) {
  const CodeRange range = code_range(config.grid, config.bits);
  SegmentScale result = absmax_scale(segment, config);
  const double root = std::sqrt(static_cast<double>(range.qmax));
  result.scale = safe_scale(2.0 * segment.stats().abs_mean / root, range);
  return result;
}

}  // namespace qat
