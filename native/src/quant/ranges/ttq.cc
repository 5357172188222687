#include "quant/ranges/estimators.h"
#include "quant/ranges/side_means.h"

namespace qat {

SegmentScale ttq_scale(const Segment& segment, const QuantizerConfig& config) {
  const CodeRange range = code_range(config.grid, config.bits);
  SegmentScale result;
  result.threshold = static_cast<float>(0.05 * largest_magnitude(segment.stats()));
  const SideMeans sides = means_beyond(segment, result.threshold);
  // A side without values is not used; the other one's level keeps it a legal scale.
  result.scale = safe_scale(sides.plus > 0 ? sides.plus_mean() : sides.minus_mean(), range);
  result.negative_scale =
      safe_scale(sides.minus > 0 ? sides.minus_mean() : sides.plus_mean(), range);
  return result;
}

}  // namespace qat
