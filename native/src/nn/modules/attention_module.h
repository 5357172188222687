// Multi-head scaled dot-product attention as a node: inputs queries, keys and values.
#pragma once

#include <memory>

#include "nn/attention.h"
#include "nn/module.h"
#include "runtime/aligned.h"

namespace qat {

// q [queries, features]; k, v [keys, features]; features = heads · depth. → [queries, features].
// Projections are linear nodes before and after it.
class AttentionModule final : public Module {
 public:
  AttentionModule(const SampleShape& q, const SampleShape& k, int64_t heads);
  void forward(const float* const* x, int64_t rows, float* y, Pass pass) override;
  void backward(const float* const* x, const float* y, float* dy, int64_t rows,
                float* const* dx) override;
  int64_t native_bytes() const override;

 private:
  void make(int64_t rows);
  // [rows, tokens, heads, depth] ↔ [rows, heads, tokens, depth].
  void split_heads(const float* x, int64_t rows, int64_t tokens, float* heads) const;
  void join_heads(const float* heads, int64_t rows, int64_t tokens, float* x) const;

  int64_t queries_, keys_, heads_, depth_;
  int64_t rows_ = 0;
  std::unique_ptr<Attention> attention_;  // of rows_ samples
  AlignedVector<float> q_, k_, v_, y_;     // per head, and their gradients
  AlignedVector<float> dq_, dk_, dv_, dy_;
};

}  // namespace qat
