#include "nn/modules/weight_only_module.h"

namespace qat {

WeightOnlyModule::WeightOnlyModule(std::unique_ptr<WeightOnlyLinear> layer, SampleShape output)
    : Module(std::move(output)), layer_(std::move(layer)) {
  using Role = ModuleParameter::Role;
  const int64_t groups = layer_->layout().groups(), outputs = layer_->out_channels();
  add(Kind::kWeight, {"weight", outputs, layer_->in_channels()});
  if (layer_->has_bias()) add(Kind::kBias, {"bias", 1, outputs});
  add(Kind::kScales, {"scales", groups, outputs, Role::kScale});
  add(Kind::kZeros, {"zeros", groups, outputs, Role::kOffset});
}

void WeightOnlyModule::add(Kind kind, ModuleParameter parameter) {
  kinds_.push_back(kind);
  parameters_.push_back(std::move(parameter));
  gradients_.push_back(nullptr);
}

const float* WeightOnlyModule::value(size_t index) const {
  const GroupScales& learned = layer_->learned_scales();
  switch (kinds_[index]) {
    case Kind::kWeight: return layer_->weight();
    case Kind::kBias: return layer_->bias();
    case Kind::kScales: return learned.scales.empty() ? nullptr : learned.scales.data();
    case Kind::kZeros: return learned.zeros.empty() ? nullptr : learned.zeros.data();
  }
  return nullptr;
}

void WeightOnlyModule::set_value(size_t index, const float* values, size_t count) {
  switch (kinds_[index]) {
    case Kind::kWeight: layer_->set_weight_data(values, count); break;
    case Kind::kBias: layer_->set_bias_data(values, count); break;
    case Kind::kScales: layer_->set_learned_scales(values, nullptr, count); break;
    case Kind::kZeros: layer_->set_learned_scales(nullptr, values, count); break;
  }
}

float* WeightOnlyModule::mutable_value(size_t index) {
  switch (kinds_[index]) {
    case Kind::kWeight: return layer_->mutable_weight();
    case Kind::kBias: return layer_->mutable_bias();
    case Kind::kScales: return layer_->mutable_scales();
    case Kind::kZeros: return layer_->mutable_zeros();
  }
  return nullptr;
}

bool WeightOnlyModule::reset(uint64_t seed) {
  layer_->reset_parameters(seed);
  return true;
}

bool WeightOnlyModule::ready() const {
  const LayerState state = layer_->state();
  return state == LayerState::kPrepared || state == LayerState::kQuantized;
}

void WeightOnlyModule::begin_step(const TrainingPosition& position) {
  layer_->set_quantizing(position.quantizing());
}

void WeightOnlyModule::forward(const float* const* x, int64_t rows, float* y, Pass pass) {
  const int64_t batch = rows * (output().size() / layer_->out_channels());
  if (pass == Pass::kPacked) {
    layer_->forward_packed(x[0], batch, y);
  } else {
    layer_->forward_borrowed(x[0], batch, y, pass == Pass::kTraining);
  }
}

void WeightOnlyModule::backward(const float* const*, const float*, float* dy, int64_t,
                                float* const* dx) {
  const WeightOnlyGradients g = layer_->backward_borrowed(dy, dx[0]);
  for (size_t i = 0; i < kinds_.size(); ++i) {
    switch (kinds_[i]) {
      case Kind::kWeight: gradients_[i] = g.dweight; break;
      case Kind::kBias: gradients_[i] = g.dbias; break;
      case Kind::kScales: gradients_[i] = g.dscales; break;
      case Kind::kZeros: gradients_[i] = g.dzeros; break;
    }
  }
}

void MpqModule::set_packed_weight(const PackedWeight& weight) {
  MpqWeight form = require_form<MpqWeight>(weight);
  if (form.g_idx.empty()) form.g_idx = consecutive_groups(form.in, form.format.group_size);
  if (form.g_idx != layer_.layout().group_of) {
    throw Error("E-QUANTIZER-INVALID", "The packed weight groups its inputs in another way.",
                "Create the node with the gIdx of the packed weight.");
  }
  layer_.set_quantized_weight_data(form);
  layer_.train();
  // Quantizing dequantized scales again may move them by a rounding. Done now, a resumed training finds
  // the same ones.
  if (form.format.double_group_size > 0) {
    const GroupScales scales = layer_.scales();
    layer_.set_learned_scales(scales.scales.data(), scales.zeros.data(), scales.scales.size());
  }
}

void MixedRowModule::set_packed_weight(const PackedWeight& weight) {
  const auto& form = require_form<MixedRowWeight>(weight);
  const bool same_order =
      form.q_perm.size() == layer_.plan().q_perm.size() &&
      mixed_permutation(form.q_perm) == mixed_permutation(layer_.plan().q_perm);
  if (!same_order || form.q_groups != layer_.plan().q_groups ||
      form.channel_scale != layer_.channel_scale()) {
    throw Error("E-QUANTIZER-INVALID",
                "The packed weight has other widths, inputs in another order or another channel "
                "scale than the node.",
                "Create the node with the widths and the channel scale of the packed weight.");
  }
  layer_.set_quantized_weight_data(form);
  layer_.train();
}

}  // namespace qat
