#include "nn/ternary_rule.h"

#include "quant/range.h"
#include "quant/ternary.h"

namespace qat {
namespace {

WeightOptions as_narrow(WeightOptions options) {
  options.quantizer.grid = Grid::kNarrow;
  options.quantizer.range = RangeEstimator::kMse;  // any that the grid can have: it is not asked
  return options;
}

}  // namespace

TernaryRule::TernaryRule(const WeightOptions& options, int64_t rows, int64_t cols)
    : WeightRule(options, rows, cols),
      nearest_(as_narrow(options), rows, cols) {}

void TernaryRule::complete(const float* w, Scales* scales) {
  if (scales->thresholds.empty()) {
    scales->thresholds = estimate_scales(w, layout().rows, layout().cols, quantizer()).thresholds;
  }
  if (has_negative_scales(quantizer()) && scales->negative_scales.empty()) {
    scales->negative_scales = scales->scales;
  }
}

void TernaryRule::refresh_scales(const float* w, bool weight_written, Scales* scales) {
  if (options().method == Method::kLsq) {
    for (size_t i = 0; i < scales->scales.size(); ++i) {
      scales->thresholds[i] = scales->scales[i] / 2;
    }
    return;
  }
  if (!weight_written) return;
  Scales now = estimate_scales(w, layout().rows, layout().cols, quantizer());
  if (options().method == Method::kTtq) {
    scales->thresholds = std::move(now.thresholds);
  } else {
    *scales = std::move(now);
  }
}

void TernaryRule::backward(const float* w, const Scales& scales, float* dweight,
                           const ScaleSums& sums) {
  if (options().method == Method::kLsq) {
    nearest_.backward(w, {scales.scales, {}, {}, {}}, dweight, sums);
  } else if (options().method == Method::kTtq) {
    ternary_backward(w, dweight, dweight, sums.scale, sums.negative_scale, layout().count(),
                     layout().rows, layout().cols, row_params(scales, 0));
  }
}

}  // namespace qat
