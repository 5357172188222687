// The quantizer of a layer's input: one scale for the whole tensor, zero point 0.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/types.h"
#include "quant/grid.h"
#include "runtime/aligned.h"
#include "runtime/cancel.h"

namespace qat {

// x̂ = scale·code + shift; the shift is 0 for every method but LSQ+. Scale 0: not set yet.
struct ActivationState {
  float scale = 0;
  float shift = 0;
};

// 1 bit signed: x̂ = scale·sign(x), sign(0) = +1, straight-through where |x| ≤ 2·scale (with
// scale = mean|x| BITorch's window of 2·mean|x|). 1 bit unsigned: x̂ ∈ {0, scale}.
// 2–8 bits: the affine fake quantizer, straight-through where the rounded code is inside the grid;
//   LSQ+: of x − shift; PACT: straight-through where 0 ≤ x < clip; DoReFa: where 0 ≤ x ≤ 1.
// 32 bits: the identity.
class ActivationQuantizer {
 public:
  // What training changes, each one value. PACT learns the clip, which is scale·qmax.
  enum class Learned { kScale, kClip, kShift };

  // Throws E-QUANTIZER-INVALID for bits that are neither 1–8 nor 32, and for a method that these bits
  // or this grid cannot have.
  explicit ActivationQuantizer(const ActivationOptions& options);

  bool is_float() const { return options_.bits == kFloatBits; }
  // ±scale; its codes are 0 (minus) and 1 (plus).
  bool is_sign() const { return options_.bits == 1 && options_.is_signed; }
  bool ready() const { return is_float() || state_.scale > 0; }
  const ActivationState& state() const { return state_; }
  float scale() const { return state_.scale; }
  // Throws E-NATIVE-ARGUMENT unless the scale is positive and all is finite, E-LAYER-STATE for float.
  void set_state(const ActivationState& state);
  const ActivationOptions& options() const { return options_; }
  const CodeRange& range() const { return range_; }  // of the codes; signs: 0 and 1

  const std::vector<Learned>& learned() const { return learned_; }
  const float* value(Learned what) const;
  float* mutable_value(Learned what);
  void after_update();
  // Of the last backward(), the LSQ gradient scale 1/√(N·qmax) applied where LSQ has it.
  float* gradient(Learned what);

  // Sets the state from x [n] by the range estimator.
  void estimate(const float* x, int64_t n, const CancelToken* cancel);
  // y [rows, cols] = x̂; not for float. cols are the elements of one sample.
  void fake_quantize(const float* x, float* y, int64_t rows, int64_t cols);
  // dx = masked dy (may alias dy), and the gradients. Summed over fixed chunks in order.
  void backward(const float* x, const float* dy, float* dx, int64_t rows, int64_t cols);
  // Of the x [rows, cols] of the last fake_quantize(): how many have a rounded code outside the grid.
  int64_t clipped(const float* x, int64_t rows, int64_t cols) const;
  // Codes minus zero point (sign: ±1), for integer arithmetic.
  void centred_codes(const float* x, int16_t* codes, int64_t n) const;
  // The same as signed bytes: centred code = byte + byte_offset().
  void byte_codes(const float* x, int8_t* codes, int64_t n) const;
  int32_t byte_offset() const { return range_.qmax > 127 ? 128 : 0; }
  void reserve(int64_t rows, int64_t cols);
  int64_t native_bytes() const { return static_cast<int64_t>(shifted_.size() * sizeof(float)); }

 private:
  struct Sums {
    double scale = 0, clipped = 0;
  };

  QuantParams params(int64_t cols) const;
  // Codes minus qmin, of the calling thread until its next call; not for signs.
  const uint8_t* stored_codes(const float* x, int64_t n) const;
  Sums backward_rows(const float* x, const float* dy, float* dx, int64_t rows, int64_t cols) const;

  ActivationOptions options_;
  CodeRange range_;
  std::vector<Learned> learned_;
  ActivationState state_;
  float clip_ = 0;  // PACT; the scale follows from it
  float dscale_ = 0, dclip_ = 0, dshift_ = 0;
  AlignedVector<float> shifted_;  // x − shift of the last fake_quantize
  std::vector<Sums> partials_;
};

}  // namespace qat
