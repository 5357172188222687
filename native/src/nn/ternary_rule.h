// Ternary weights: ŵ ∈ {−α₋, 0, α₊} by a threshold.
#pragma once

#include "nn/affine_rule.h"
#include "nn/weight_rule.h"

namespace qat {

// kSte: thresholds and levels are estimated anew whenever the latent weight was written (TWN, Li et
// al. 2016); the gradient passes. kLsq: one level α is learned as a step size, the threshold is α/2.
// kTtq: both levels are learned, ∂α₊ = Σ₊dŵ, ∂α₋ = −Σ₋dŵ, and the latent gradient is that of ŵ times
// α₊, 1, α₋ (Zhu et al. 2017); the threshold follows the weight, Δ = 0.05·max|w|. Their gradients are
// scaled by 1/√N as those of other learned scales are.
class TernaryRule final : public WeightRule {
 public:
  TernaryRule(const WeightOptions& options, int64_t rows, int64_t cols);

  const char* name() const override { return "ternary"; }
  bool negative_scales_learned() const override { return options().method == Method::kTtq; }
  void complete(const float* w, Scales* scales) override;
  void refresh_scales(const float* w, bool weight_written, Scales* scales) override;
  void backward(const float* w, const Scales& scales, float* dweight,
                const ScaleSums& sums) override;
  double gradient_qmax() const override { return 1; }

 private:
  AffineRule nearest_;  // the threshold α/2 is rounding to the nearest of −1, 0, 1
};

}  // namespace qat
