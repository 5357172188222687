// 1 bit weights: ŵ = α·sign(w), sign(0) = +1, with latent float weights (BinaryConnect, Courbariaux et al.
// 2015; α = mean|w|: XNOR-Net, Rastegari et al. 2016, eq. 6).
#pragma once

#include <vector>

#include "nn/weight_rule.h"

namespace qat {

// kSte: α = mean|w| over each scale's elements, recomputed whenever the latent weight was written.
// kLsq: α is learned (∂ŵ/∂α = sign(w), gradient scale 1/√N). Gradients reach latent weights with
// |w| ≤ 1 only, and updates are clipped there, as in BinaryConnect and BNN. Inference with 1-bit activations is XNOR-popcount.
class BinaryRule final : public WeightRule {
 public:
  BinaryRule(const WeightOptions& options, int64_t rows, int64_t cols);

  const char* name() const override { return "binary"; }
  void refresh_scales(const float* w, bool weight_written, Scales* scales) override;
  void backward(const float* w, const Scales& scales, float* dweight,
                const ScaleSums& sums) override;
  double gradient_qmax() const override { return 1; }
  void after_update(float* w, Scales* scales) override;

 private:
  std::vector<double> partials_;  // per chunk of rows
  std::vector<double> means_;     // per scale
};

}  // namespace qat
