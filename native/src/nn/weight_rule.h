// The part of a weight quantizer that training adds: how ŵ follows from the latent float weight and how
// gradients come back to it. One file per rule, one row per rule in weight_rule.cc.
#pragma once

#include <cstdint>
#include <memory>

#include "nn/types.h"
#include "quant/grid.h"
#include "runtime/cancel.h"

namespace qat {

// What a rule is made for: a weight [rows, cols] under a quantizer.
class WeightRule {
 public:
  virtual ~WeightRule() = default;

  // How the layer calls itself: "lsq", "binary", …
  virtual const char* name() const = 0;
  // Scales get gradients; else backward() is called with dscale null.
  bool scales_learned() const { return options_.method == Method::kLsq; }
  // The scales before training: by the range estimator.
  virtual Scales prepare(const float* w, const CancelToken* cancel);
  // Called when the weight was written since the scales were last set.
  virtual void refresh_scales(const float* /*w*/, Scales* /*scales*/) {}
  // ŵ [rows, cols].
  virtual void quantize(const float* w, const Scales& scales, float* quantized) = 0;
  // In place dŵ → dw. Fills dscale (one per scale, sums without gradient scale) unless null.
  virtual void backward(const float* w, const Scales& scales, float* dweight, double* dscale) = 0;
  // qmax of the LSQ gradient scale 1/√(N·qmax).
  virtual double gradient_qmax() const = 0;

  const ScaleLayout& layout() const { return layout_; }

 protected:
  WeightRule(const WeightOptions& options, int64_t rows, int64_t cols);

  const WeightOptions& options() const { return options_; }
  const QuantizerConfig& quantizer() const { return options_.quantizer; }
  // Kernel parameters of the rows from `first_row` on.
  QuantParams row_params(const Scales& scales, int64_t first_row) const;

 private:
  WeightOptions options_;
  ScaleLayout layout_;
};

// Null for kFloatBits. Throws E-QUANTIZER-INVALID for a quantizer that makes no sense.
std::unique_ptr<WeightRule> make_weight_rule(const WeightOptions& options, int64_t rows,
                                             int64_t cols);

}  // namespace qat
