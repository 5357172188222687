// Weights on the levels of a user's quantizer library.
#pragma once

#include "nn/weight_rule.h"

namespace qat {

// ŵ, and both gradients, are what the library says; its learned parameters are trained with the
// gradient scale 1/√N of other learned levels, and kept at or above their least values. The levels
// follow the parameters. Without its library a layer can only hold and use a packed weight.
class UserRule final : public WeightRule {
 public:
  UserRule(const WeightOptions& options, int64_t rows, int64_t cols);

  const char* name() const override { return "user"; }
  bool scales_learned() const override { return scale_learned_; }
  int64_t further_parameters() const override { return further_; }
  void complete(const float* w, Scales* scales) override;
  void refresh_scales(const float* w, bool weight_written, Scales* scales) override;
  void quantize(const float* w, const Scales& scales, float* quantized) override;
  void backward(const float* w, const Scales& scales, float* dweight,
                const ScaleSums& sums) override;
  void after_update(float* w, Scales* scales) override;
  double gradient_qmax() const override { return 1; }

 private:
  bool scale_learned_ = false;
  int64_t further_ = 0;  // parameters behind the scale
};

}  // namespace qat
