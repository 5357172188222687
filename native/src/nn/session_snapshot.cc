#include "nn/session_snapshot.h"

#include "nn/network_node.h"
#include "qat/error.h"

namespace qat {

std::shared_ptr<const SessionSnapshot> take_snapshot(Network& network) {
  auto taken = std::make_shared<SessionSnapshot>();
  for (const ParameterInfo& info : network.parameters()) {
    taken->parameters_.push_back({info, {}});
    if (const float* values = NetworkAccess::find(network, info)) {
      taken->parameters_.back().values.assign(values, values + info.rows * info.cols);
    }
  }
  for (const auto& node : NetworkAccess::nodes(network)) {
    if (!node->layer()) continue;
    NBitLayer& layer = *node->layer();
    SessionSnapshot::Layer one;
    one.name = node->spec.name;
    one.set = layer.state() != LayerState::kCreated && layer.state() != LayerState::kWeight;
    if (one.set) one.scales = {layer.scales(), layer.activation_state()};
    if (layer.is_float()) one.set = true;
    taken->layers_.push_back(std::move(one));
  }
  return taken;
}

Matrix SessionSnapshot::tensor(const std::string& parameter) const {
  for (const Parameter& p : parameters_) {
    if (p.info.name != parameter) continue;
    if (p.values.empty()) {
      throw Error("E-LAYER-STATE", "\"" + parameter + "\" had no float values at the last snapshot.",
                  "Set the parameter before the session is created.");
    }
    return {p.info.rows, p.info.cols, p.values};
  }
  throw Error("E-LAYER-UNKNOWN", "The network has no parameter \"" + parameter + "\".",
              "Use a name of parameters(): <layer>.weight, .bias, .gamma, .beta, …");
}

LayerScales SessionSnapshot::layer_scales(const std::string& layer) const {
  for (const Layer& one : layers_) {
    if (one.name != layer) continue;
    if (!one.set) {
      throw Error("E-LAYER-STATE", "Layer \"" + layer + "\" had no scales at the last snapshot.",
                  "Prepare the network before the session is created.");
    }
    return one.scales;
  }
  throw Error("E-LAYER-UNKNOWN", "The network has no n-bit layer \"" + layer + "\".",
              "Use the name of one of its linear or convolution nodes.");
}

int64_t SessionSnapshot::native_bytes() const {
  size_t floats = 0;
  for (const Parameter& p : parameters_) floats += p.values.size();
  for (const Layer& one : layers_) floats += one.scales.weight.scales.size();
  return static_cast<int64_t>(floats * sizeof(float));
}

}  // namespace qat
