// Scales and zeros of a weight-only layer from its float weight.
#include <limits>
#include <numeric>

#include "qat/error.h"
#include "quant/group_affine.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kOutputsPerRange = 4;
// The search tries ranges down to this share of the whole one, in this many steps, and refits each.
constexpr int kRanges = 24;
constexpr float kLeastRange = 0.25f;
constexpr int kRefits = 4;

// The affine map whose lowest and highest code are low and high; integer zero points are rounded.
GroupAffine from_range(float low, float high, GroupAffine grid, ZeroFormat format) {
  const auto lowest = static_cast<float>(lowest_zero_point(format));
  if (grid.integer_zero) {
    low = std::min(low, 0.0f);
    high = std::max(high, 0.0f);
  }
  grid.scale = static_cast<float>((double{high} - low) / grid.top);
  if (grid.scale < std::numeric_limits<float>::min()) grid.scale = 0;
  if (!grid.integer_zero) {
    if (grid.scale == 0) grid.scale = 1;  // all weights are `low`, the value of code 0
    grid.zero = -low;
    return grid;
  }
  if (grid.scale == 0) grid.scale = 1;
  const float nearest = std::nearbyint(-low / grid.scale);
  // A format without zero point 0 gives one code away below a range that begins at 0.
  if (nearest < lowest && grid.top > lowest && high > 0) {
    grid.scale = std::max(high / (grid.top - lowest), std::numeric_limits<float>::min());
  }
  grid.zero = std::clamp(nearest, lowest, lowest + grid.top);
  return grid;
}

double squared_error(const std::vector<float>& weights, const GroupAffine& affine) {
  double sum = 0;
  for (const float w : weights) {
    const double error = double{w} - affine.value(affine.code(w));
    sum += error * error;
  }
  return sum;
}

// The least-squares scale (and float zero) for the codes that `affine` gives.
GroupAffine refit(const std::vector<float>& weights, const GroupAffine& affine) {
  double n = 0, q = 0, qq = 0, w_sum = 0, wq = 0;
  for (const float w : weights) {
    const double code = double{affine.code(w)} - (affine.integer_zero ? affine.zero : 0.0f);
    n += 1;
    q += code;
    qq += code * code;
    w_sum += w;
    wq += code * w;
  }
  GroupAffine fitted = affine;
  if (affine.integer_zero) {
    if (qq > 0 && wq > 0) fitted.scale = static_cast<float>(wq / qq);
    return fitted;
  }
  const double spread = n * qq - q * q;
  if (!(spread > 0)) return affine;
  const double slope = (n * wq - q * w_sum) / spread;
  if (!(slope > 0)) return affine;
  fitted.scale = static_cast<float>(slope);
  fitted.zero = static_cast<float>((slope * q - w_sum) / n);
  return fitted;
}

// The best of `kRanges` ranges about the middle, each refitted while that helps; least error wins,
// the whole range on ties.
GroupAffine search(const std::vector<float>& weights, float low, float high,
                   const GroupAffine& grid, ZeroFormat format) {
  GroupAffine best = from_range(low, high, grid, format);
  double best_error = squared_error(weights, best);
  const float middle = grid.integer_zero ? 0.0f : 0.5f * low + 0.5f * high;
  for (int i = 0; i < kRanges && best_error > 0; ++i) {
    const float share = 1 - (1 - kLeastRange) * static_cast<float>(i) / (kRanges - 1);
    GroupAffine affine = from_range(middle + share * (low - middle),
                                    middle + share * (high - middle), grid, format);
    double error = squared_error(weights, affine);
    for (int j = 0; j < kRefits; ++j) {
      const GroupAffine fitted = refit(weights, affine);
      const double fitted_error = squared_error(weights, fitted);
      if (!(fitted_error < error)) break;
      affine = fitted;
      error = fitted_error;
    }
    if (error < best_error && affine.scale >= std::numeric_limits<float>::min()) {
      best = affine;
      best_error = error;
    }
  }
  return best;
}

// One bit with a float zero: −a and +a with a = mean|w| (XNOR-Net, Rastegari et al. 2016, eq. 6).
GroupAffine sign_map(const std::vector<float>& weights, GroupAffine grid) {
  double sum = 0;
  for (const float w : weights) sum += std::fabs(w);
  const auto mean = static_cast<float>(sum / static_cast<double>(weights.size()));
  grid.zero = std::max(mean, std::numeric_limits<float>::min());
  grid.scale = 2 * grid.zero;
  return grid;
}

GroupAffine estimate(const std::vector<float>& weights, const GroupLayout& layout, int64_t group,
                     RangeEstimator range) {
  GroupAffine grid;
  grid.top = static_cast<float>((1 << layout.bits[static_cast<size_t>(group)]) - 1);
  grid.integer_zero = layout.integer_zeros;
  if (weights.empty()) return from_range(0, 0, grid, layout.zero_format);
  if (grid.top == 1 && !grid.integer_zero) return sign_map(weights, grid);
  const auto [low, high] = std::minmax_element(weights.begin(), weights.end());
  if (range == RangeEstimator::kAbsMax) return from_range(*low, *high, grid, layout.zero_format);
  return search(weights, *low, *high, grid, layout.zero_format);
}

}  // namespace

GroupScales estimate_group_scales(const float* weight, const GroupLayout& layout,
                                  RangeEstimator range, const CancelToken* cancel) {
  if (range != RangeEstimator::kAbsMax && range != RangeEstimator::kMse) {
    throw Error("E-QUANTIZER-INVALID", "Weight-only layers have no such range estimator.",
                "Use absmax or mse.");
  }
  GroupScales result;
  result.scales.resize(static_cast<size_t>(layout.scale_count()));
  result.zeros.resize(result.scales.size());
  parallel_for(layout.out, kOutputsPerRange, [&](int64_t begin, int64_t end) {
    std::vector<std::vector<float>> groups(static_cast<size_t>(layout.groups()));
    for (int64_t n = begin; n < end; ++n) {
      throw_if_cancelled(cancel);
      for (auto& group : groups) group.clear();
      for (int64_t k = 0; k < layout.in; ++k) {
        groups[static_cast<size_t>(layout.group_of[static_cast<size_t>(k)])].push_back(
            weight[n * layout.in + k]);
      }
      for (int64_t g = 0; g < layout.groups(); ++g) {
        const GroupAffine affine = estimate(groups[static_cast<size_t>(g)], layout, g, range);
        const auto at = static_cast<size_t>(g * layout.out + n);
        result.scales[at] = affine.scale;
        result.zeros[at] = affine.zero;
      }
    }
  });
  return result;
}

}  // namespace qat
