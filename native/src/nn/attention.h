// Scaled dot-product attention (Vaswani et al. 2017): softmax(Q·Kᵀ/√d)·V.
#pragma once

#include <cstdint>

#include "runtime/aligned.h"

namespace qat {

struct AttentionShape {
  int64_t heads = 0;    // batch · heads
  int64_t queries = 0;  // tokens that ask
  int64_t keys = 0;     // tokens that answer
  int64_t depth = 0;    // d of a head
};

// q, y [heads, queries, depth]; k, v [heads, keys, depth].
class Attention {
 public:
  // Throws E-NATIVE-ARGUMENT unless every extent is positive.
  explicit Attention(const AttentionShape& shape);

  // q, k, v must stay unchanged until backward().
  void forward(const float* q, const float* k, const float* v, float* y);
  // Gradients in the shapes of q, k, v, for the last forward().
  void backward(const float* dy, float* dq, float* dk, float* dv);
  int64_t native_bytes() const;

 private:
  AttentionShape shape_;
  AlignedVector<float> probabilities_;  // [heads, queries, keys]
  AlignedVector<float> dscores_;        // the same shape
  const float *q_ = nullptr, *k_ = nullptr, *v_ = nullptr;
};

}  // namespace qat
