// 2–8 bit weights: the affine fake quantizer with learned step sizes (LSQ, Esser et al. 2020).
#pragma once

#include <vector>

#include "nn/weight_rule.h"

namespace qat {

// Signed, narrow, unsigned or mid-rise grid; per tensor, channel or group. With method kSte abs-max scales
// and their zero points follow the weight at every step, those of other estimators stay as prepared. Zero
// points (unsigned) are not learned.
class AffineRule final : public WeightRule {
 public:
  AffineRule(const WeightOptions& options, int64_t rows, int64_t cols);

  const char* name() const override { return "lsq"; }
  void refresh_scales(const float* w, bool weight_written, Scales* scales) override;
  void backward(const float* w, const Scales& scales, float* dweight,
                const ScaleSums& sums) override;
  bool level_params(const Scales& scales, QuantParams* params) const override;
  double gradient_qmax() const override { return range_.qmax; }

 private:
  CodeRange range_;
  std::vector<double> partials_;  // per chunk of rows, for the one scale of a tensor
};

}  // namespace qat
