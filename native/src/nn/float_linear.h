// 32 bit weights: nothing is quantized but, when asked, the activations.
#pragma once

#include "nn/n_bit_linear_base.h"

namespace qat {

class FloatLinear final : public NBitLinearBase {
 public:
  explicit FloatLinear(const LinearOptions& options)
      : NBitLinearBase(options, LinearKind::kFloat) {}

 protected:
  void quantize_weight_float(float*) const override {}
  void weight_backward(float*, double*) override {}
  double gradient_qmax() const override { return 1; }
};

}  // namespace qat
