// A node that holds a weight-only layer: MPQ linear, mixed-bit-row linear.
#pragma once

#include <memory>
#include <utility>

#include "nn/mixed_row_linear.h"
#include "nn/module.h"
#include "nn/mpq_linear.h"

namespace qat {

// x [features] or [tokens, features]. Parameters: weight, the float weight whose residual w − ŵ keeps
// updates too small for a code; bias; scales and zeros [groups, out], as learned: zero points are
// rounded and scales double-quantized where they are used. Those have gradients with kLsq only.
class WeightOnlyModule : public Module {
 public:
  std::vector<ModuleParameter> parameters() const override { return parameters_; }
  const float* value(size_t index) const override;
  void set_value(size_t index, const float* values, size_t count) override;
  float* mutable_value(size_t index) override;
  float* gradient(size_t index) override { return gradients_[index]; }
  bool reset(uint64_t seed) override;
  void prepare(const float* const*, int64_t, const CancelToken* cancel) override {
    layer_->prepare_params(cancel);
  }
  bool ready() const override;
  std::optional<WeightFigures> weight_figures() override {
    if (!layer_->quantizing()) return {};
    return layer_->figures();
  }
  int64_t code_count() const override { return layer_->in_channels() * layer_->out_channels(); }
  void weight_codes(uint8_t* codes) override { layer_->weight_codes(codes); }

  void begin_step(const TrainingPosition& position) override;
  void forward(const float* const* x, int64_t rows, float* y, Pass pass) override;
  void backward(const float* const* x, const float* y, float* dy, int64_t rows,
                float* const* dx) override;
  int64_t native_bytes() const override { return layer_->native_bytes(); }

 protected:
  WeightOnlyModule(std::unique_ptr<WeightOnlyLinear> layer, SampleShape output);
  WeightOnlyLinear& layer_held() { return *layer_; }

 private:
  enum class Kind { kWeight, kBias, kScales, kZeros };
  void add(Kind kind, ModuleParameter parameter);

  std::unique_ptr<WeightOnlyLinear> layer_;
  std::vector<ModuleParameter> parameters_;
  std::vector<Kind> kinds_;        // per parameter
  std::vector<float*> gradients_;  // per parameter
};

class MpqModule final : public WeightOnlyModule {
 public:
  MpqModule(std::unique_ptr<MpqLinear> layer, SampleShape output)
      : WeightOnlyModule(std::move(layer), std::move(output)),
        layer_(static_cast<MpqLinear&>(layer_held())) {}
  PackedWeight packed_weight() override { return layer_.quantized_weight(); }
  // The float weight is what the codes say, ready to be trained.
  void set_packed_weight(const PackedWeight& weight) override;

 private:
  MpqLinear& layer_;
};

class MixedRowModule final : public WeightOnlyModule {
 public:
  MixedRowModule(std::unique_ptr<MixedRowLinear> layer, SampleShape output)
      : WeightOnlyModule(std::move(layer), std::move(output)),
        layer_(static_cast<MixedRowLinear&>(layer_held())) {}
  PackedWeight packed_weight() override { return layer_.quantized_weight(); }
  // As of an MPQ node. E-QUANTIZER-INVALID for other widths, another order of the inputs or another
  // channel scale than the node was made with.
  void set_packed_weight(const PackedWeight& weight) override;

 private:
  MixedRowLinear& layer_;
};

}  // namespace qat
