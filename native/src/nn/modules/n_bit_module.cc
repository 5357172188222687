#include "nn/modules/n_bit_module.h"

#include <utility>

namespace qat {

NBitModule::NBitModule(std::unique_ptr<NBitLayer> layer, SampleShape output)
    : Module(std::move(output)), layer_(std::move(layer)) {
  using Role = ModuleParameter::Role;
  add(Kind::kWeight, {"weight", layer_->rows(), layer_->cols()});
  if (layer_->options().bias) add(Kind::kBias, {"bias", 1, layer_->rows()});
  if (layer_->weight_scales_learned()) {
    add(Kind::kWeightScales, {"scales", 1, layer_->scale_count(), Role::kScale});
  }
  if (layer_->activation_scale_learned()) {
    add(Kind::kActivationScale, {"activationScale", 1, 1, Role::kScale});
  }
}

void NBitModule::add(Kind kind, ModuleParameter parameter) {
  kinds_.push_back(kind);
  parameters_.push_back(std::move(parameter));
  gradients_.push_back(nullptr);
}

const float* NBitModule::value(size_t index) const {
  switch (kinds_[index]) {
    case Kind::kWeight: return layer_->weight();
    case Kind::kBias: return layer_->bias();
    case Kind::kWeightScales: return layer_->scale_values();
    case Kind::kActivationScale: return layer_->activation_scale_value();
  }
  return nullptr;
}

void NBitModule::set_value(size_t index, const float* values, size_t count) {
  if (kinds_[index] == Kind::kBias) {
    layer_->set_bias_data(values, count);
  } else {
    layer_->set_weight_data(values, count);
  }
}

float* NBitModule::mutable_value(size_t index) {
  switch (kinds_[index]) {
    case Kind::kWeight: return layer_->mutable_weight();
    case Kind::kBias: return layer_->mutable_bias();
    case Kind::kWeightScales: return layer_->mutable_scales();
    case Kind::kActivationScale: return layer_->mutable_activation_scale();
  }
  return nullptr;
}

void NBitModule::forward(const float* const* x, int64_t rows, float* y, Pass pass) {
  if (pass == Pass::kPacked) {
    layer_->forward_packed(x[0], rows, y);
  } else {
    layer_->forward_borrowed(x[0], rows, y, pass == Pass::kTraining);
  }
}

void NBitModule::backward(const float* const*, const float*, float* dy, int64_t,
                          float* const* dx) {
  const LayerGradients g = layer_->backward_borrowed(dy, dx[0]);
  for (size_t i = 0; i < kinds_.size(); ++i) {
    switch (kinds_[i]) {
      case Kind::kWeight: gradients_[i] = g.dweight; break;
      case Kind::kBias: gradients_[i] = g.dbias; break;
      case Kind::kWeightScales: gradients_[i] = g.dscale_weight; break;
      case Kind::kActivationScale: gradients_[i] = g.dscale_activation; break;
    }
  }
}

}  // namespace qat
