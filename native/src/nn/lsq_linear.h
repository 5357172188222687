// 2–8 bit weights: the affine fake quantizer with learned step sizes (LSQ, Esser et al. 2020).
#pragma once

#include "nn/n_bit_linear_base.h"

namespace qat {

// Signed, narrow or unsigned grid; per tensor, channel or group. With method kSte the scales stay as
// prepared. Zero points (unsigned) are not learned.
class LsqLinear final : public NBitLinearBase {
 public:
  explicit LsqLinear(const LinearOptions& options);

 protected:
  void quantize_weight_float(float* quantized) const override;
  void weight_backward(float* dweight, double* dscale) override;
  double gradient_qmax() const override { return range_.qmax; }

 private:
  CodeRange range_;
  std::vector<double> partials_;  // per chunk of rows, for the one scale of a tensor
};

}  // namespace qat
