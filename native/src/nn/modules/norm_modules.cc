#include "nn/modules/norm_modules.h"

#include "nn/layer_limits.h"

namespace qat {

BatchNormModule::BatchNormModule(const SampleShape& input)
    : Module(input), norm_(input.extents[0], input.size() / input.extents[0]) {}

std::vector<ModuleParameter> BatchNormModule::parameters() const {
  using Role = ModuleParameter::Role;
  const int64_t n = norm_.features();
  return {{"gamma", 1, n},
          {"beta", 1, n},
          {"runningMean", 1, n, Role::kStatistic},
          {"runningVar", 1, n, Role::kStatistic, 0.0f}};
}

const AlignedVector<float>& BatchNormModule::array(size_t index) const {
  const AlignedVector<float>* const arrays[] = {&norm_.gamma, &norm_.beta, &norm_.running_mean,
                                                &norm_.running_var};
  return *arrays[index];
}

AlignedVector<float>& BatchNormModule::array(size_t index) {
  return const_cast<AlignedVector<float>&>(
      static_cast<const BatchNormModule&>(*this).array(index));
}

void BatchNormModule::set_value(size_t index, const float* values, size_t count) {
  const std::string name = parameters()[index].suffix;
  require_count(name.c_str(), count, array(index).size());
  require_finite_values(name, values, count);
  array(index).assign(values, values + count);
}

float* BatchNormModule::gradient(size_t index) {
  return index == 0 ? norm_.dgamma.data() : index == 1 ? norm_.dbeta.data() : nullptr;
}

void BatchNormModule::forward(const float* const* x, int64_t rows, float* y, Pass pass) {
  if (pass == Pass::kTraining && frozen_) {
    norm_.forward_frozen(x[0], y, rows);
  } else if (pass == Pass::kTraining) {
    norm_.forward_training(x[0], y, rows);
  } else {
    norm_.forward_inference(x[0], y, rows);
  }
}

void BatchNormModule::backward(const float* const*, const float*, float* dy, int64_t,
                               float* const* dx) {
  norm_.backward(dy, dx[0]);
}

LayerNormModule::LayerNormModule(const SampleShape& input)
    : Module(input),
      tokens_(input.size() / input.extents.back()),
      norm_(input.extents.back()) {}

std::vector<ModuleParameter> LayerNormModule::parameters() const {
  return {{"gamma", 1, norm_.features()}, {"beta", 1, norm_.features()}};
}

const float* LayerNormModule::value(size_t index) const {
  return index == 0 ? norm_.gamma.data() : norm_.beta.data();
}

float* LayerNormModule::mutable_value(size_t index) {
  return index == 0 ? norm_.gamma.data() : norm_.beta.data();
}

void LayerNormModule::set_value(size_t index, const float* values, size_t count) {
  const char* name = index == 0 ? "gamma" : "beta";
  require_count(name, count, static_cast<size_t>(norm_.features()));
  require_finite_values(name, values, count);
  (index == 0 ? norm_.gamma : norm_.beta).assign(values, values + count);
}

float* LayerNormModule::gradient(size_t index) {
  return index == 0 ? norm_.dgamma.data() : norm_.dbeta.data();
}

void LayerNormModule::forward(const float* const* x, int64_t rows, float* y, Pass) {
  norm_.forward(x[0], y, rows * tokens_);
}

void LayerNormModule::backward(const float* const*, const float*, float* dy, int64_t,
                               float* const* dx) {
  norm_.backward(dy, dx[0]);
}

}  // namespace qat
