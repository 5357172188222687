#include "quant/percentiles.h"
#include "quant/ranges/estimators.h"

namespace qat {

SegmentScale percentile_scale(const Segment& segment, const QuantizerConfig& config) {
  double low = 0, high = 0;
  if (config.grid == Grid::kUnsigned) {
    const std::vector<Percentile> ends =
        compute_percentiles(segment.x(), segment.size(),
                            {100 - config.percentile, config.percentile}, segment.cancel());
    low = ends[0].value;
    high = ends[1].value;
  } else {
    high = compute_percentiles(segment.magnitudes().data(), segment.size(), {config.percentile},
                               segment.cancel())[0]
               .value;
  }
  // Nearly all elements are 0: a percentile says nothing about the others.
  if (low >= 0 && high <= 0) return absmax_scale(segment, config);
  return scale_of_ends(low, high, config);
}

}  // namespace qat
