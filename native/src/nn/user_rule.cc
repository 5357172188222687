#include "nn/user_rule.h"

#include <algorithm>

#include "quant/user_grid.h"
#include "quant/user_quantizer.h"

namespace qat {

UserRule::UserRule(const WeightOptions& options, int64_t rows, int64_t cols)
    : WeightRule(options, rows, cols) {
  if (!quantizer().user) return;
  scale_learned_ = quantizer().user->parameters()[0].is_learned;
  further_ = quantizer().user->parameter_count() - 1;
}

void UserRule::complete(const float*, Scales* scales) {
  scales->levels.assign(static_cast<size_t>(layout().count()) << quantizer().bits, 0.0f);
  validate_scales(quantizer(), layout(), *scales);
  fill_user_levels(quantizer(), layout(), scales);
}

void UserRule::refresh_scales(const float*, bool, Scales* scales) {
  fill_user_levels(quantizer(), layout(), scales);
}

void UserRule::quantize(const float* w, const Scales& scales, float* quantized) {
  user_fake_quantize(w, quantized, quantizer(), layout(), scales);
}

void UserRule::backward(const float* w, const Scales& scales, float* dweight,
                        const ScaleSums& sums) {
  user_backward(w, dweight, quantizer(), layout(), scales, sums.scale, sums.parameters);
}

void UserRule::after_update(float*, Scales* scales) {
  const auto& declared = user_quantizer_of(quantizer()).parameters();
  for (float& scale : scales->scales) scale = std::max(scale, declared[0].least);
  for (size_t i = 0; i < scales->parameters.size(); ++i) {
    float& value = scales->parameters[i];
    value = std::max(value, declared[1 + i % static_cast<size_t>(further_)].least);
  }
}

}  // namespace qat
