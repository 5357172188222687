#include "nn/modules/n_bit_module.h"

#include <utility>

#include "nn/layer_limits.h"

namespace qat {
namespace {

using Learned = ActivationQuantizer::Learned;

ModuleParameter activation_parameter(Learned learned) {
  using Role = ModuleParameter::Role;
  switch (learned) {
    case Learned::kClip: return {"activationClip", 1, 1, Role::kScale};
    case Learned::kShift: return {"activationShift", 1, 1, Role::kOffset};
    case Learned::kScale: break;
  }
  return {"activationScale", 1, 1, Role::kScale};
}

}  // namespace

NBitModule::NBitModule(std::unique_ptr<NBitLayer> layer, SampleShape output)
    : Module(std::move(output)), layer_(std::move(layer)) {
  ModuleParameter weight{"weight", layer_->rows(), layer_->cols()};
  weight.binary = layer_->is_binary();
  add({Kind::kWeight}, std::move(weight));
  if (layer_->options().bias) add({Kind::kBias}, {"bias", 1, layer_->rows()});
  if (layer_->weight_scales_learned()) {
    add({Kind::kWeightScales},
        {"scales", 1, layer_->scale_count(), ModuleParameter::Role::kScale});
  }
  if (layer_->negative_scales_learned()) {
    add({Kind::kNegativeScales},
        {"negativeScales", 1, layer_->scale_count(), ModuleParameter::Role::kScale});
  }
  if (const int64_t count = layer_->scale_parameter_count()) {
    add({Kind::kScaleParameters},
        {"scaleParameters", 1, count, ModuleParameter::Role::kOffset});
  }
  for (const Learned learned : layer_->activation().learned()) {
    add({Kind::kActivation, learned}, activation_parameter(learned));
  }
  if (const InputShift* shift = layer_->input_shift()) {
    add({Kind::kInputShift}, {"inputShift", 1, static_cast<int64_t>(shift->values.size())});
  }
}

void NBitModule::add(Source source, ModuleParameter parameter) {
  sources_.push_back(source);
  parameters_.push_back(std::move(parameter));
  gradients_.push_back(nullptr);
}

const float* NBitModule::value(size_t index) const {
  const Source& source = sources_[index];
  switch (source.kind) {
    case Kind::kWeight: return layer_->weight();
    case Kind::kBias: return layer_->bias();
    case Kind::kWeightScales: return layer_->scale_values();
    case Kind::kNegativeScales: return layer_->negative_scale_values();
    case Kind::kScaleParameters: return layer_->scale_parameter_values();
    case Kind::kActivation: return layer_->activation().value(source.learned);
    case Kind::kInputShift: return layer_->input_shift()->values.data();
  }
  return nullptr;
}

void NBitModule::set_value(size_t index, const float* values, size_t count) {
  switch (sources_[index].kind) {
    case Kind::kWeight: layer_->set_weight_data(values, count); break;
    case Kind::kBias: layer_->set_bias_data(values, count); break;
    case Kind::kInputShift: {
      AlignedVector<float>& shift = layer_->input_shift()->values;
      require_count("The input shift", count, shift.size());
      require_finite_values("Input shift", values, count);
      shift.assign(values, values + count);
      break;
    }
    case Kind::kWeightScales:
    case Kind::kNegativeScales:
    case Kind::kScaleParameters:
    case Kind::kActivation: break;  // set through the layer
  }
}

float* NBitModule::mutable_value(size_t index) {
  const Source& source = sources_[index];
  switch (source.kind) {
    case Kind::kWeight: return layer_->mutable_weight();
    case Kind::kBias: return layer_->mutable_bias();
    case Kind::kWeightScales: return layer_->mutable_scales();
    case Kind::kNegativeScales: return layer_->mutable_negative_scales();
    case Kind::kScaleParameters: return layer_->mutable_scale_parameters();
    case Kind::kActivation: return layer_->activation().mutable_value(source.learned);
    case Kind::kInputShift: return layer_->input_shift()->values.data();
  }
  return nullptr;
}

void NBitModule::begin_step(const TrainingPosition& position) {
  layer_->set_progress(position.progress());
  layer_->set_quantizing(position.quantizing());
  layer_->set_dampening(position.dampening);
}

bool NBitModule::ready() const {
  const LayerState state = layer_->state();
  const bool scaled = state == LayerState::kPrepared || state == LayerState::kQuantized;
  return (layer_->is_float() ? layer_->weight() != nullptr : scaled) && layer_->activation_ready();
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
  for (size_t i = 0; i < sources_.size(); ++i) {
    const Source& source = sources_[i];
    switch (source.kind) {
      case Kind::kWeight: gradients_[i] = g.dweight; break;
      case Kind::kBias: gradients_[i] = g.dbias; break;
      case Kind::kWeightScales: gradients_[i] = g.dscale_weight; break;
      case Kind::kNegativeScales: gradients_[i] = g.dnegative_scale_weight; break;
      case Kind::kScaleParameters: gradients_[i] = g.dparameters_weight; break;
      case Kind::kActivation:
        gradients_[i] =
            layer_->quantizing() ? layer_->activation().gradient(source.learned) : nullptr;
        break;
      case Kind::kInputShift: gradients_[i] = layer_->input_shift()->gradient.data(); break;
    }
  }
}

}  // namespace qat
