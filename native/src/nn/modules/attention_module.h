// Multi-head scaled dot-product attention as a node: inputs queries, keys and values, perhaps ids of keys.
#pragma once

#include <vector>

#include "nn/attention.h"
#include "nn/module.h"
#include "nn/modules/quantizer_parameters.h"
#include "runtime/aligned.h"

namespace qat {

struct AttentionMask {
  bool causal = false;    // token i sees the tokens 0…i
  bool key_ids = false;   // a fourth input: ids [keys]; keys with the id below are seen by none
  int64_t padding_idx = 0;
};

// q [queries, features]; k, v [keys, features]; features = heads · depth. → [queries, features].
// Projections are linear nodes before and after it. Its parameters are the scales and offsets of its
// quantizers: queriesScale, keysScale, probabilitiesScale, valuesScale, …
class AttentionModule final : public Module {
 public:
  AttentionModule(const SampleShape& q, const SampleShape& k, int64_t heads,
                  const AttentionQuantizers& quantizers = {}, const AttentionMask& mask = {});

  std::vector<ModuleParameter> parameters() const override { return parameters_.all(); }
  const float* value(size_t index) const override { return parameters_.value(index); }
  void set_value(size_t index, const float* values, size_t count) override {
    parameters_.set_value(index, values, count);
  }
  float* mutable_value(size_t index) override { return parameters_.mutable_value(index); }
  float* gradient(size_t index) override {
    return attention_.quantizing() ? parameters_.gradient(index) : nullptr;
  }
  void begin_step(const TrainingPosition& position) override {
    attention_.set_quantizing(position.quantizing());
  }
  void after_update() override { parameters_.after_update(); }
  // Queries, keys and values from all rows; probabilities from the first kProbabilityRows, because
  // their number grows with the square of the tokens.
  void prepare(const float* const* x, int64_t rows, const CancelToken* cancel) override;
  bool ready() const override { return attention_.ready(); }

  void forward(const float* const* x, int64_t rows, float* y, Pass pass) override;
  void backward(const float* const* x, const float* y, float* dy, int64_t rows,
                float* const* dx) override;
  int64_t native_bytes() const override;

 private:
  static constexpr int64_t kProbabilityRows = 256;

  void grow(int64_t rows);
  // [rows, tokens, heads, depth] ↔ [rows, heads, tokens, depth].
  void split_heads(const float* x, int64_t rows, int64_t tokens, float* heads) const;
  void join_heads(const float* heads, int64_t rows, int64_t tokens, float* x) const;

  // One byte per key of the ids (fourth input); null without them.
  const uint8_t* key_mask(const float* const* x, int64_t rows);

  AttentionMask mask_;
  std::vector<uint8_t> key_mask_;
  int64_t queries_, keys_, heads_, depth_;
  Attention attention_;
  QuantizerParameters parameters_;
  int64_t rows_ = 0;                     // that the buffers have room for
  AlignedVector<float> q_, k_, v_, y_;   // per head, and their gradients
  AlignedVector<float> dq_, dk_, dv_, dy_;
};

}  // namespace qat
