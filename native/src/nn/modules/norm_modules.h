// Batch and layer normalisation as nodes.
#pragma once

#include "nn/batch_norm.h"
#include "nn/layer_norm.h"
#include "nn/module.h"

namespace qat {

// [features], or [channels, height, width] with statistics per channel.
class BatchNormModule final : public Module {
 public:
  explicit BatchNormModule(const SampleShape& input);

  std::vector<ModuleParameter> parameters() const override;
  const float* value(size_t index) const override { return array(index).data(); }
  void set_value(size_t index, const float* values, size_t count) override;
  float* mutable_value(size_t index) override { return array(index).data(); }
  float* gradient(size_t index) override;
  void forward(const float* const* x, int64_t rows, float* y, Pass pass) override;
  void backward(const float* const* x, const float* y, float* dy, int64_t rows,
                float* const* dx) override;
  void begin_step(const TrainingPosition& position) override { frozen_ = position.norm_frozen(); }
  bool needs_batch() const override { return output().extents.size() == 1; }
  int64_t native_bytes() const override { return norm_.native_bytes(); }

 private:
  AlignedVector<float>& array(size_t index);
  const AlignedVector<float>& array(size_t index) const;

  BatchNorm norm_;
  bool frozen_ = false;
};

// Over the last extent of [features] or [tokens, features].
class LayerNormModule final : public Module {
 public:
  explicit LayerNormModule(const SampleShape& input);

  std::vector<ModuleParameter> parameters() const override;
  const float* value(size_t index) const override;
  void set_value(size_t index, const float* values, size_t count) override;
  float* mutable_value(size_t index) override;
  float* gradient(size_t index) override;
  void forward(const float* const* x, int64_t rows, float* y, Pass pass) override;
  void backward(const float* const* x, const float* y, float* dy, int64_t rows,
                float* const* dx) override;
  int64_t native_bytes() const override { return norm_.native_bytes(); }

 private:
  int64_t tokens_;
  LayerNorm norm_;
};

}  // namespace qat
