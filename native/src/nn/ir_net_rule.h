// IR-Net's binary weights (Qin et al. 2020): signs of the balanced weight, with an annealed gradient.
#pragma once

#include <vector>

#include "nn/weight_rule.h"
#include "runtime/aligned.h"

namespace qat {

// ŵ = 2^s·sign(n), n = (w − mean)/deviation of each output channel, s = round(log2 mean|n|). Backward,
// sign is k·tanh(t·n) with t rising over the training (the error decay estimator). Nothing is learned
// but the latent weight. One scale per channel.
class IrNetRule final : public WeightRule {
 public:
  IrNetRule(const WeightOptions& options, int64_t rows, int64_t cols);

  const char* name() const override { return "irnet"; }
  Scales prepare(const float* w, const CancelToken* cancel) override;
  void refresh_scales(const float* w, bool weight_written, Scales* scales) override;
  const float* rounded_values(const float* w) override;
  bool changes_values() const override { return true; }
  void backward(const float* w, const Scales& scales, float* dweight,
                const ScaleSums& sums) override;
  double gradient_qmax() const override { return 1; }
  void set_progress(double progress) override { progress_ = progress; }

 private:
  AlignedVector<float> normalized_;
  std::vector<float> deviations_, scales_;
  double progress_ = 0;
};

}  // namespace qat
