#include <algorithm>
#include <cmath>

#include "quant/ranges/estimators.h"

namespace qat {

// With the k largest magnitudes kept at their mean the squared error is Σx² − (Σ of them)²/k: every
// k is tried. Equal magnitudes stay together, for the error of parting them is never the least.
SegmentScale best_ternary_scale(const Segment& segment) {
  const std::vector<float>& sorted = segment.sorted_magnitudes();
  double sum = 0, best_gain = -1, best_mean = 0;
  size_t first = 0;
  for (size_t i = sorted.size(); i-- > 0;) {
    sum += static_cast<double>(sorted[i]);
    if (i > 0 && sorted[i - 1] == sorted[i]) continue;
    const double kept = static_cast<double>(sorted.size() - i);
    const double gain = sum * (sum / kept);
    if (gain > best_gain) {
      best_gain = gain;
      best_mean = sum / kept;
      first = i;
    }
  }
  SegmentScale result;
  result.scale = safe_scale(best_mean, {-1, 1});
  // Half the level, as nearest levels want it, and surely between the kept and the dropped.
  const float least_kept = std::nextafter(sorted[first], 0.0f);
  const float largest_dropped = first > 0 ? sorted[first - 1] : 0.0f;
  result.threshold = std::clamp(result.scale / 2, largest_dropped, least_kept);
  return result;
}

}  // namespace qat
