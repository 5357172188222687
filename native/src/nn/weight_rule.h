// The part of a weight quantizer that training adds: how ŵ follows from the latent float weight and how
// gradients come back to it. One file per rule, one row per rule in weight_rule.cc.
#pragma once

#include <cstdint>
#include <memory>

#include "nn/types.h"
#include "quant/grid.h"
#include "runtime/cancel.h"

namespace qat {

// Gradients of the scales before the gradient scale, one value each; null: not wanted.
struct ScaleSums {
  double* scale = nullptr;
  double* negative_scale = nullptr;  // null unless learned
  double* parameters = nullptr;      // [scales, further_parameters()]; null unless there are any
};

// What a rule is made for: a weight [rows, cols] under a quantizer.
class WeightRule {
 public:
  virtual ~WeightRule() = default;

  // How the layer calls itself: "lsq", "binary", …
  virtual const char* name() const = 0;
  // Scales get gradients.
  virtual bool scales_learned() const {
    return options_.method == Method::kLsq || negative_scales_learned();
  }
  virtual bool negative_scales_learned() const { return false; }
  // Parameters that every scale has besides itself (the user grid).
  virtual int64_t further_parameters() const { return 0; }
  // The scales before training: by the range estimator.
  virtual Scales prepare(const float* w, const CancelToken* cancel);
  // Fills in what given scales lack and what follows from the weight.
  virtual void complete(const float* /*w*/, Scales* /*scales*/) {}
  // Called when weight or scales were written; `weight_written`: since the scales were last set.
  virtual void refresh_scales(const float* /*w*/, bool /*weight_written*/, Scales* /*scales*/) {}
  // The values [rows, cols] whose codes the grid gives: the weight, unless the rule changes it first.
  virtual const float* rounded_values(const float* w) { return w; }
  // Those values are not the weight, and the scales are the rule's own, not the range estimator's.
  virtual bool changes_values() const { return false; }
  // ŵ [rows, cols]: the levels of rounded_values().
  virtual void quantize(const float* w, const Scales& scales, float* quantized);
  // In place dŵ → dw, after quantize() of the same weight. Fills `sums` unless they are null.
  virtual void backward(const float* w, const Scales& scales, float* dweight,
                        const ScaleSums& sums) = 0;
  // Kernel parameters of the levels ŵ lies on; false where ŵ is not the nearest level of w itself.
  virtual bool level_params(const Scales& /*scales*/, QuantParams* /*params*/) const { return false; }
  // An optimizer has written w [rows, cols] and what is learned of the scales.
  virtual void after_update(float* /*w*/, Scales* /*scales*/) {}
  // Share of the training that is done.
  virtual void set_progress(double /*progress*/) {}
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

// Null for kFloatBits. Throws E-QUANTIZER-INVALID for a quantizer that makes no sense, and for a method
// that its grid cannot have.
std::unique_ptr<WeightRule> make_weight_rule(const WeightOptions& options, int64_t rows,
                                             int64_t cols);

}  // namespace qat
