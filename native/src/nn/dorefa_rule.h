// DoReFa-Net weights (Zhou et al. 2016): the mid-rise levels of the squashed weight.
#pragma once

#include "nn/weight_rule.h"
#include "runtime/aligned.h"

namespace qat {

// u = tanh(w)/max|tanh w| in [−1, 1], quantized to 2^bits levels −1 … 1 without a zero. Nothing is
// learned; the gradient goes straight through the rounding and exactly through u. One scale per tensor.
class DoReFaRule final : public WeightRule {
 public:
  DoReFaRule(const WeightOptions& options, int64_t rows, int64_t cols);

  const char* name() const override { return "dorefa"; }
  Scales prepare(const float* w, const CancelToken* cancel) override;
  const float* rounded_values(const float* w) override;
  bool changes_values() const override { return true; }
  void backward(const float* w, const Scales& scales, float* dweight,
                const ScaleSums& sums) override;
  double gradient_qmax() const override { return 1; }

 private:
  AlignedVector<float> squashed_;
};

}  // namespace qat
