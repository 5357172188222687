// Construction, parameters and scales of a network; network_evaluate.cc runs it.
#include "nn/network.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "nn/layer_limits.h"
#include "nn/network_node.h"
#include "nn/network_workspace.h"
#include "qat/error.h"

namespace qat {
namespace {

[[noreturn]] void unknown(const std::string& name) {
  throw Error("E-LAYER-UNKNOWN", "The network has no parameter \"" + name + "\".",
              "Use a name of parameters(): <layer>.weight, .bias, .gamma, .beta, …");
}

void require_size(const std::string& name, size_t got, size_t expected) {
  if (got == expected) return;
  throw Error("E-WEIGHT-SHAPE",
              "Parameter \"" + name + "\" has " + std::to_string(expected) + " values, not " +
                  std::to_string(got) + ".",
              "Use the shape that parameters() gives.");
}

}  // namespace

NetworkUse::NetworkUse(const Network& network) : network_(network) {
  if (network.in_use_.exchange(true, std::memory_order_acquire)) {
    throw Error("E-RUN-STATE", "The network is in use by a training or an evaluation.",
                "Wait until it has ended; read a running training through its snapshots.");
  }
}

NetworkUse::~NetworkUse() { network_.in_use_.store(false, std::memory_order_release); }

Network::Network(const std::vector<NetworkNode>& nodes)
    : workspace_(std::make_unique<Workspace>()) {
  if (nodes.empty()) {
    throw Error("E-MODEL-EMPTY", "A network needs at least one node.", "Add a linear node.");
  }
  const bool stated = nodes[0].op == NetworkNode::Op::kInput;
  if (stated) input_name_ = nodes[0].name;
  input_shape_ = stated ? nodes[0].shape : first_shape(nodes[0]);
  if (input_shape_.extents.empty() || input_shape_.extents.size() > 3) {
    bad_graph("its input has " + std::to_string(input_shape_.extents.size()) + " extents");
  }
  for (const int64_t extent : input_shape_.extents) require_layer_size("extent", extent);
  inputs_ = input_shape_.size();
  for (size_t i = stated ? 1 : 0; i < nodes.size(); ++i) add_node(nodes[i]);
  if (nodes_.empty()) bad_graph("it has nothing but an input");
  outputs_ = nodes_.back()->size();
}

Network::~Network() = default;

SampleShape Network::shape_of(int64_t node) const {
  return node == Node::kData ? input_shape_ : nodes_[static_cast<size_t>(node)]->module->output();
}

void Network::add_node(const NetworkNode& spec) {
  const auto index = static_cast<int64_t>(nodes_.size());
  // `index`: no earlier node.
  const auto named = [&](const std::string& name) {
    if (!input_name_.empty() && name == input_name_) return Node::kData;
    for (int64_t i = 0; i < index; ++i) {
      if (nodes_[static_cast<size_t>(i)]->spec.name == name) return i;
    }
    return index;
  };
  if (spec.op == NetworkNode::Op::kInput) bad_graph("an input node stands behind others");
  auto node = std::make_unique<Node>();
  node->spec = spec;
  for (const std::string& name : spec.inputs) {
    const int64_t from = named(name);
    if (name.empty() || from == index) {
      bad_graph("\"" + spec.name + "\" takes from \"" + name + "\", which is no earlier node");
    }
    node->inputs.push_back(from);
  }
  // Without names every input is what the node before gives: kData for the first.
  if (node->inputs.empty()) node->inputs.assign(input_count(spec), index - 1);
  if (node->inputs.size() != input_count(spec)) {
    bad_graph("\"" + spec.name + "\" takes " + std::to_string(input_count(spec)) +
              " inputs but names " + std::to_string(node->inputs.size()));
  }
  std::vector<SampleShape> shapes;
  for (const int64_t from : node->inputs) shapes.push_back(shape_of(from));
  node->module = make_module(spec, shapes, static_cast<size_t>(index));
  const std::vector<ModuleParameter> arrays = node->module->parameters();
  const bool taken = !spec.name.empty() && named(spec.name) != index;
  if (taken || (spec.name.empty() && !arrays.empty())) {
    bad_graph("the name \"" + spec.name + "\" is empty or used twice");
  }
  for (const ModuleParameter& array : arrays) {
    if (array.of_quantizer() && node->layer()) continue;
    parameters_.push_back({spec.name + "." + array.suffix, array.rows, array.cols});
  }
  nodes_.push_back(std::move(node));
}

NBitLayer& Network::layer_named(const std::string& layer) const {
  return *nodes_[index_of_layer(layer)]->layer();
}

size_t Network::index_of_layer(const std::string& layer) const {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i]->layer() && nodes_[i]->spec.name == layer) return i;
  }
  throw Error("E-LAYER-UNKNOWN", "The network has no n-bit layer \"" + layer + "\".",
              "Use the name of one of its linear or convolution nodes.");
}

Network::Node& Network::weight_node(const std::string& layer) const {
  for (const auto& node : nodes_) {
    if (!layer.empty() && node->spec.name == layer) return *node;
  }
  throw Error("E-LAYER-UNKNOWN", "The network has no layer \"" + layer + "\".",
              "Use the name of one of its linear, convolution or embedding nodes.");
}

const float* Network::FoundParameter::value() const { return node->module->value(index); }

Network::FoundParameter Network::find_parameter(const std::string& name) const {
  const size_t dot = name.rfind('.');
  if (dot == std::string::npos) unknown(name);
  for (const auto& node : nodes_) {
    if (name.compare(0, dot, node->spec.name) != 0) continue;
    const std::vector<ModuleParameter> arrays = node->module->parameters();
    for (size_t i = 0; i < arrays.size(); ++i) {
      if (arrays[i].of_quantizer() && node->layer()) continue;
      if (name.compare(dot + 1, std::string::npos, arrays[i].suffix) != 0) continue;
      return {node.get(), i, static_cast<size_t>(arrays[i].size())};
    }
  }
  unknown(name);
}

void Network::get_parameter(const std::string& name, float* target, size_t count) const {
  NetworkUse use(*this);
  const FoundParameter found = find_parameter(name);
  require_size(name, count, found.size);
  const float* values = found.value();
  if (!values) {
    throw Error("E-LAYER-STATE", "\"" + name + "\" has no float values: none were set, or the layer "
                "holds its packed weight only.",
                "Set the parameter first, or read the packed weight.");
  }
  std::memcpy(target, values, count * sizeof(float));
}

void Network::set_parameter(const std::string& name, const float* values, size_t count) {
  NetworkUse use(*this);
  const FoundParameter found = find_parameter(name);
  require_size(name, count, found.size);
  found.node->module->set_value(found.index, values, count);
}

void Network::reset_parameters(uint64_t seed) {
  NetworkUse use(*this);
  uint64_t layer = 0;
  for (const auto& node : nodes_) layer += node->module->reset(seed + (layer << 32));
}

LayerScales Network::scales(const std::string& layer) const {
  NetworkUse use(*this);
  NBitLayer& named = layer_named(layer);
  return {named.scales(), named.activation_state()};
}

void Network::set_scales(const std::string& layer, const Scales& weight,
                         const ActivationState& activation) {
  NetworkUse use(*this);
  NBitLayer& named = layer_named(layer);
  // Check before the first write: either both are set or neither.
  if (activation.scale != 0) {
    ActivationQuantizer trial(named.options().activation);
    trial.set_state(activation);
  }
  named.set_scales(weight);
  if (activation.scale != 0) named.set_activation_state(activation);
}

QuantizedWeight Network::quantized_weight(const std::string& layer) {
  NetworkUse use(*this);
  return require_form<QuantizedWeight>(weight_node(layer).module->packed_weight());
}

void Network::set_quantized_weight(const std::string& layer, const QuantizedWeight& weight) {
  NetworkUse use(*this);
  weight_node(layer).module->set_packed_weight(weight);
}

PackedWeight Network::packed_weight(const std::string& layer) {
  NetworkUse use(*this);
  return weight_node(layer).module->packed_weight();
}

void Network::set_packed_weight(const std::string& layer, const PackedWeight& weight) {
  NetworkUse use(*this);
  weight_node(layer).module->set_packed_weight(weight);
}

int64_t Network::native_bytes() const {
  int64_t bytes = workspace_->native_bytes();
  for (const auto& node : nodes_) {
    bytes += node->module->native_bytes();
  }
  return bytes;
}

}  // namespace qat
