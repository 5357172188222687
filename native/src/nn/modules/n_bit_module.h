// A node that holds an n-bit layer: linear, conv2d.
#pragma once

#include <memory>

#include "nn/module.h"
#include "nn/n_bit_layer.h"

namespace qat {

class NBitModule final : public Module {
 public:
  NBitModule(std::unique_ptr<NBitLayer> layer, SampleShape output);

  std::vector<ModuleParameter> parameters() const override { return parameters_; }
  const float* value(size_t index) const override;
  void set_value(size_t index, const float* values, size_t count) override;
  float* mutable_value(size_t index) override;
  float* gradient(size_t index) override { return gradients_[index]; }
  bool reset(uint64_t seed) override {
    layer_->reset_parameters(seed);
    return true;
  }
  PackedWeight packed_weight() override { return layer_->packed_weight(); }
  void set_packed_weight(const PackedWeight& weight) override {
    layer_->set_quantized_weight_data(require_form<QuantizedWeight>(weight));
  }
  void begin_step(const TrainingPosition& position) override;
  void after_update() override { layer_->after_update(); }
  NBitLayer* layer() override { return layer_.get(); }
  void prepare(const float* const* x, int64_t rows, const CancelToken* cancel) override {
    layer_->prepare_params(x[0], rows, cancel);
  }
  bool ready() const override;

  void reserve(int64_t rows, bool for_backward) override {
    layer_->reserve_batch(rows, for_backward);
  }
  void forward(const float* const* x, int64_t rows, float* y, Pass pass) override;
  void backward(const float* const* x, const float* y, float* dy, int64_t rows,
                float* const* dx) override;
  int64_t native_bytes() const override { return layer_->native_bytes(); }

 private:
  struct Source {  // what a parameter is of
    enum class Kind {
      kWeight,
      kBias,
      kWeightScales,
      kNegativeScales,
      kScaleParameters,
      kActivation,
      kInputShift,
    } kind;
    ActivationQuantizer::Learned learned = ActivationQuantizer::Learned::kScale;
  };
  using Kind = Source::Kind;

  void add(Source source, ModuleParameter parameter);

  std::unique_ptr<NBitLayer> layer_;
  std::vector<ModuleParameter> parameters_;
  std::vector<Source> sources_;     // per parameter
  std::vector<float*> gradients_;   // per parameter
};

}  // namespace qat
