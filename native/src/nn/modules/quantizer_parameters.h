// The quantizers of a module that has no n-bit layer, as parameters: scales and offsets are kept,
// restored and trained like everything else the module holds.
#pragma once

#include <string>
#include <vector>

#include "nn/activation_quantizer.h"
#include "nn/module.h"

namespace qat {

class QuantizerParameters {
 public:
  // Adds "<operand>Scale" (PACT: "<operand>Clip") and for LSQ+ "<operand>Shift"; nothing for float.
  // `quantizer` outlives this. A scale that is not learned is a parameter without a gradient.
  void add(const std::string& operand, ActivationQuantizer& quantizer);

  const std::vector<ModuleParameter>& all() const { return parameters_; }
  // A scale of 0: not set yet.
  const float* value(size_t index) const;
  float* mutable_value(size_t index) { return const_cast<float*>(value(index)); }
  // One finite value, positive for a scale. E-WEIGHT-SHAPE | E-WEIGHT-NOT-FINITE | E-NATIVE-ARGUMENT.
  void set_value(size_t index, const float* values, size_t count);
  float* gradient(size_t index);
  void after_update();

 private:
  using Learned = ActivationQuantizer::Learned;
  struct Source {
    ActivationQuantizer* quantizer;
    Learned what;
    bool learned;
  };
  void add_one(const std::string& suffix, const Source& source);

  std::vector<ModuleParameter> parameters_;
  std::vector<Source> sources_;  // per parameter
};

}  // namespace qat
