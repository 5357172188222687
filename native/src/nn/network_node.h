// One node of a network and the guard of its single user. Inside nn/ only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nn/module.h"
#include "nn/n_bit_layer.h"
#include "nn/network.h"

namespace qat {

struct Network::Node {
  NetworkNode spec;
  std::unique_ptr<Module> module;
  std::vector<int64_t> inputs;  // indices of nodes; kData: the samples

  static constexpr int64_t kData = -1;
  NBitLayer* layer() const { return module->layer(); }
  int64_t size() const { return module->output().size(); }  // of one sample
};

// Holds a network for one user; throws E-RUN-STATE when somebody has it.
class NetworkUse {
 public:
  explicit NetworkUse(const Network& network);
  ~NetworkUse();
  NetworkUse(const NetworkUse&) = delete;
  NetworkUse& operator=(const NetworkUse&) = delete;

 private:
  const Network& network_;
};

// What the trainer, the session and the checkpoint do with a network they hold a NetworkUse of.
class NetworkAccess {
 public:
  static std::vector<std::unique_ptr<Network::Node>>& nodes(Network& network) {
    return network.nodes_;
  }
  using Node = Network::Node;
  static EvaluationResult evaluate(Network& network, const Dataset& data, EvaluationMode mode,
                                   const CancelToken* cancel) {
    return network.evaluate_held(data, mode, cancel, nullptr);
  }
  static std::vector<float> logits(Network& network, const Dataset& data, EvaluationMode mode,
                                   const CancelToken* cancel) {
    std::vector<float> outputs(static_cast<size_t>(data.count() * network.outputs()));
    network.evaluate_held(data, mode, cancel, outputs.data());
    return outputs;
  }
  // The array of a parameter; null when the layer has given its float weight up.
  static const float* find(const Network& network, const ParameterInfo& parameter) {
    return network.find_parameter(parameter.name).value();
  }
};

}  // namespace qat
