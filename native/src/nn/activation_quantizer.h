// The quantizer of a layer's input: one scale for the whole tensor, zero point 0.
#pragma once

#include <cstdint>

#include "nn/types.h"
#include "runtime/cancel.h"

namespace qat {

// 1 bit: x̂ = scale·sign(x), sign(0) = +1, straight-through where |x| ≤ 1 (BNN's rule).
// 2–8 bits: the affine fake quantizer, straight-through where the rounded code is inside the grid.
// 32 bits: the identity.
class ActivationQuantizer {
 public:
  // Throws E-QUANTIZER-INVALID for bits that are neither 1–8 nor 32.
  explicit ActivationQuantizer(const ActivationOptions& options);

  bool is_float() const { return options_.bits == kFloatBits; }
  bool is_binary() const { return options_.bits == 1; }
  bool learned() const { return !is_float() && options_.method == Method::kLsq; }
  // 0 until it was estimated or set.
  float scale() const { return scale_; }
  bool ready() const { return is_float() || scale_ > 0; }
  // Throws E-NATIVE-ARGUMENT unless positive and finite.
  void set_scale(float scale);
  float* mutable_scale() { return &scale_; }
  const ActivationOptions& options() const { return options_; }
  CodeRange code_range() const { return range_; }

  // Sets the scale from x [n] by the range estimator.
  void estimate(const float* x, int64_t n, const CancelToken* cancel);
  // y[rows, cols] = x̂; not for float.
  void fake_quantize(const float* x, float* y, int64_t rows, int64_t cols) const;
  // dx = masked dy (may alias dy). Returns Σ over all elements of ∂x̂/∂scale·dy times the gradient
  // scale 1/√(cols·qmax): cols are the elements of one sample. 0 when the scale is not learned.
  float backward(const float* x, const float* dy, float* dx, int64_t rows, int64_t cols) const;
  // Codes minus zero point (1 bit: ±1).
  void centred_codes(const float* x, int16_t* codes, int64_t n) const;

 private:
  ActivationOptions options_;
  CodeRange range_;
  float scale_ = 0;
};

}  // namespace qat
