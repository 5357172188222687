// 1 bit weights: ŵ = α·sign(w), sign(0) = +1, with latent float weights (BinaryConnect, XNOR-Net).
#pragma once

#include "nn/n_bit_linear_base.h"

namespace qat {

// kSte: α = mean|w| over each scale's elements, recomputed whenever the latent weight was written.
// kLsq: α is learned (∂ŵ/∂α = sign(w), gradient scale 1/√N). Gradients reach latent weights with
// |w| ≤ 1 only, as in BinaryConnect and BNN. Inference with 1-bit activations is XNOR-popcount.
class BinaryLinear final : public NBitLinearBase {
 public:
  explicit BinaryLinear(const LinearOptions& options);

 protected:
  void refresh_scales() override;
  void quantize_weight_float(float* quantized) const override;
  void weight_backward(float* dweight, double* dscale) override;
  double gradient_qmax() const override { return 1; }

 private:
  std::vector<double> partials_;  // per chunk of rows
  std::vector<double> means_;     // per scale
};

}  // namespace qat
