#include "quant/ranges/estimators.h"
#include "quant/segment_range.h"

namespace qat {

SegmentScale mse_scale(const Segment& segment, const QuantizerConfig& config) {
  if (config.grid == Grid::kTernary) return best_ternary_scale(segment);
  return search_scale(segment, config);
}

}  // namespace qat
