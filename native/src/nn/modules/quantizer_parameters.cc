#include "nn/modules/quantizer_parameters.h"

#include <algorithm>
#include <limits>

#include "nn/layer_limits.h"
#include "qat/error.h"

namespace qat {

void QuantizerParameters::add(const std::string& operand, ActivationQuantizer& quantizer) {
  if (quantizer.is_float()) return;
  const std::vector<Learned>& learned = quantizer.learned();
  const auto learns = [&](Learned what) {
    return std::find(learned.begin(), learned.end(), what) != learned.end();
  };
  if (learns(Learned::kClip)) {
    add_one(operand + "Clip", {&quantizer, Learned::kClip, true});
  } else {
    add_one(operand + "Scale", {&quantizer, Learned::kScale, learns(Learned::kScale)});
  }
  if (learns(Learned::kShift)) add_one(operand + "Shift", {&quantizer, Learned::kShift, true});
}

void QuantizerParameters::add_one(const std::string& suffix, const Source& source) {
  ModuleParameter parameter{suffix, 1, 1};
  if (source.what == Learned::kShift) {
    parameter.role = ModuleParameter::Role::kOffset;
  } else {
    parameter.role = ModuleParameter::Role::kScale;
    parameter.least = std::numeric_limits<float>::denorm_min();
  }
  parameters_.push_back(std::move(parameter));
  sources_.push_back(source);
}

const float* QuantizerParameters::value(size_t index) const {
  return sources_[index].quantizer->value(sources_[index].what);
}

void QuantizerParameters::set_value(size_t index, const float* values, size_t count) {
  const ModuleParameter& parameter = parameters_[index];
  require_count(parameter.suffix.c_str(), count, 1);
  require_finite_values(parameter.suffix, values, count);
  if (values[0] < parameter.least) {
    throw Error("E-NATIVE-ARGUMENT", parameter.suffix + " must be positive.",
                "Pass the value of a prepared or trained network.");
  }
  // Written as an optimizer writes it: a clip comes back to the same bits, which a clip that is
  // computed from its scale would not.
  *mutable_value(index) = values[0];
  sources_[index].quantizer->after_update();
}

float* QuantizerParameters::gradient(size_t index) {
  const Source& source = sources_[index];
  return source.learned ? source.quantizer->gradient(source.what) : nullptr;
}

void QuantizerParameters::after_update() {
  for (const Source& source : sources_) source.quantizer->after_update();
}

}  // namespace qat
