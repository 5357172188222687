#include <algorithm>
#include <cmath>

#include "quant/ranges/estimators.h"

namespace qat {

SegmentScale lsq_plus_scale(const Segment& segment, const QuantizerConfig& config) {
  const SegmentStats& s = segment.stats();
  const double low = s.mean - 3 * s.deviation, high = s.mean + 3 * s.deviation;
  if (config.grid == Grid::kUnsigned) {
    return scale_of_ends(std::max(low, s.min), std::min(high, s.max), config);
  }
  const double reach = std::max(std::fabs(low), std::fabs(high));
  SegmentScale result;
  result.scale = safe_scale(reach / (1 << (config.bits - 1)), code_range(config.grid, config.bits));
  return result;
}

}  // namespace qat
