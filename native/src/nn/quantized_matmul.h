// The product of two activations, each through a quantizer with a scale of its own: what a layer with
// weights cannot do, and attention needs twice.
#pragma once

#include <cstdint>

#include "nn/activation_quantizer.h"
#include "runtime/aligned.h"

namespace qat {

// An operand that stays float.
inline ActivationOptions float_operand(bool is_signed = true) {
  ActivationOptions options;
  options.bits = kFloatBits;
  options.is_signed = is_signed;
  return options;
}

// One quantizer per operand, float unless told.
struct MatmulQuantizers {
  ActivationOptions a = float_operand(), b = float_operand();
};

// samples · matrices products of [m, k] by [k, n]. `matrices` are those of one sample: attention's heads.
struct MatmulShape {
  int64_t samples = 0;
  int64_t matrices = 1;
  int64_t m = 0, n = 0, k = 0;
  int64_t batch() const { return samples * matrices; }
  int64_t a_size() const { return matrices * m * k; }  // of one sample
  int64_t b_size() const { return matrices * n * k; }
  int64_t y_size() const { return matrices * m * n; }
};

// Y = Â·B̂ᵀ with B [batch, n, k] (kTransposed), or Y = Â·B̂ with B [batch, k, n] (kPlain).
// A [batch, m, k], Y [batch, m, n], row-major. Â and B̂ are the operands' fake-quantized values; 32 bits
// are the float operand itself. Integer products of affine codes: the sums in Jacob et al. 2018
// (arXiv:1712.05877), eq. 7, with real offsets and without its requantization, because Y is float; of signs
// by XNOR and popcount: Rastegari et al. 2016 (XNOR-Net). One user at a time.
class QuantizedMatmul {
 public:
  enum class Right { kPlain, kTransposed };

  // Throws E-QUANTIZER-INVALID as ActivationQuantizer does.
  QuantizedMatmul(Right right, const ActivationOptions& a, const ActivationOptions& b);

  ActivationQuantizer& a() { return a_; }
  ActivationQuantizer& b() { return b_; }
  bool ready() const { return a_.ready() && b_.ready(); }

  // false: forward() and backward() take the operands as they are (a training that quantizes from a
  // later step on); forward_packed() stays packed. A change forgets the last forward().
  void set_quantizing(bool quantizing);
  bool quantizing() const { return quantizing_; }

  // Throws E-LAYER-STATE before both scales are set, E-NATIVE-ARGUMENT for an extent below 1. a and b
  // stay unchanged until backward().
  void forward(const MatmulShape& shape, const float* a, const float* b, float* y);
  // For the last forward(): ∂A = ∂Y·B̂ and ∂B = ∂Yᵀ·Â (or their transposes), masked by each quantizer's
  // rule. The gradients of what the quantizers learn are theirs: a().gradient(…). da and db overlap
  // nothing. Throws E-LAYER-STATE without a forward.
  void backward(const float* dy, float* da, float* db);
  // forward() by exact integer dot products of the codes, signs by XNOR and popcount: a value is off the
  // real-number result by one rounding to float. With a float operand it is forward().
  void forward_packed(const MatmulShape& shape, const float* a, const float* b, float* y);
  int64_t native_bytes() const;

 private:
  void require_ready(const MatmulShape& shape) const;
  void multiply(const MatmulShape& shape, const float* a, const float* b, float* y, bool quantize);
  void multiply_codes(const MatmulShape& shape, const float* a, const float* b, float* y) const;
  void multiply_signs(const MatmulShape& shape, const float* a, const float* b, float* y) const;

  Right right_;
  ActivationQuantizer a_, b_;
  bool quantizing_ = true;
  MatmulShape shape_;                              // of the last forward()
  const float *a_input_ = nullptr, *b_input_ = nullptr;
  const float *a_hat_ = nullptr, *b_hat_ = nullptr;  // the inputs, or in the buffers
  AlignedVector<float> a_buffer_, b_buffer_;
};

}  // namespace qat
