#include <algorithm>
#include <cmath>

#include "quant/ranges/estimators.h"
#include "quant/ranges/side_means.h"

namespace qat {

SegmentScale twn_scale(const Segment& segment, const QuantizerConfig& config) {
  SegmentScale result;
  // Below the largest value, which it could round to among the smallest floats.
  const float largest = static_cast<float>(largest_magnitude(segment.stats()));
  result.threshold = std::min(static_cast<float>(0.7 * segment.stats().abs_mean),
                              std::nextafter(largest, 0.0f));
  const SideMeans sides = means_beyond(segment, result.threshold);
  result.scale = safe_scale(sides.both(), code_range(config.grid, config.bits));
  return result;
}

}  // namespace qat
