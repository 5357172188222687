// Construction, parameters and scales of a network; network_evaluate.cc runs it.
#include "nn/network.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "nn/network_node.h"
#include "nn/network_workspace.h"
#include "qat/error.h"
#include "quant/statistics.h"

namespace qat {
namespace {

[[noreturn]] void bad_graph(const std::string& what) {
  throw Error("E-MODEL-GRAPH", "The network cannot be built: " + what + ".",
              "Each node must take as many features as the one before gives, and names are unique.");
}

// Arrays of batch norm by the suffix of the parameter's name.
AlignedVector<float>* batch_norm_array(BatchNorm& norm, const std::string& suffix) {
  if (suffix == "gamma") return &norm.gamma;
  if (suffix == "beta") return &norm.beta;
  if (suffix == "runningMean") return &norm.running_mean;
  if (suffix == "runningVar") return &norm.running_var;
  return nullptr;
}

struct SplitName {
  std::string layer, suffix;
};

SplitName split(const std::string& name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string::npos) return {name, ""};
  return {name.substr(0, dot), name.substr(dot + 1)};
}

[[noreturn]] void unknown(const std::string& name) {
  throw Error("E-LAYER-UNKNOWN", "The network has no parameter \"" + name + "\".",
              "Use a name of parameters(): <layer>.weight, .bias, .gamma, .beta, …");
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
  std::set<std::string> names;
  int64_t width = 0;
  for (const NetworkNode& spec : nodes) {
    auto node = std::make_unique<Node>();
    node->spec = spec;
    int64_t takes = width;
    node->width = width;
    if (spec.op == NetworkNode::Op::kLinear) {
      node->linear = make_linear(spec.linear);
      takes = spec.linear.in_channels;
      node->width = spec.linear.out_channels;
    } else if (spec.op == NetworkNode::Op::kBatchNorm) {
      node->batch_norm = std::make_unique<BatchNorm>(spec.features);
      takes = node->width = spec.features;
    }
    if (takes == 0) bad_graph("it begins with a ReLU");
    if (width && takes != width) {
      bad_graph("\"" + spec.name + "\" takes " + std::to_string(takes) + " features but gets " +
                std::to_string(width));
    }
    if (spec.op != NetworkNode::Op::kRelu && (spec.name.empty() || !names.insert(spec.name).second)) {
      bad_graph("the name \"" + spec.name + "\" is empty or used twice");
    }
    if (!inputs_) inputs_ = takes;
    width = node->width;
    add_parameters(*node);
    nodes_.push_back(std::move(node));
  }
  outputs_ = width;
}

Network::~Network() = default;

void Network::add_parameters(const Node& node) {
  const std::string& name = node.spec.name;
  if (node.linear) {
    parameters_.push_back(
        {name + ".weight", node.linear->out_channels(), node.linear->in_channels()});
    if (node.spec.linear.bias) parameters_.push_back({name + ".bias", 1, node.width});
  }
  if (node.batch_norm) {
    for (const char* suffix : {".gamma", ".beta", ".runningMean", ".runningVar"}) {
      parameters_.push_back({name + suffix, 1, node.width});
    }
  }
}

Network::Node& Network::layer_node(const std::string& layer) const {
  for (const auto& node : nodes_) {
    if (node->linear && node->spec.name == layer) return *node;
  }
  throw Error("E-LAYER-UNKNOWN", "The network has no linear layer \"" + layer + "\".",
              "Use the name of one of its linear nodes.");
}

size_t Network::parameter_size(const std::string& name) const {
  for (const ParameterInfo& info : parameters_) {
    if (info.name == name) return static_cast<size_t>(info.rows * info.cols);
  }
  unknown(name);
}

const float* Network::find_parameter(const std::string& name) const {
  const SplitName parts = split(name);
  for (const auto& node : nodes_) {
    if (node->spec.name != parts.layer) continue;
    if (node->linear) return parts.suffix == "bias" ? node->linear->bias() : node->linear->weight();
    if (node->batch_norm) return batch_norm_array(*node->batch_norm, parts.suffix)->data();
  }
  unknown(name);
}

static void require_size(const std::string& name, size_t got, size_t expected) {
  if (got == expected) return;
  throw Error("E-WEIGHT-SHAPE",
              "Parameter \"" + name + "\" has " + std::to_string(expected) + " values, not " +
                  std::to_string(got) + ".",
              "Use the shape that parameters() gives.");
}

void Network::get_parameter(const std::string& name, float* target, size_t count) const {
  NetworkUse use(*this);
  require_size(name, count, parameter_size(name));
  const float* values = find_parameter(name);
  if (!values) {
    throw Error("E-LAYER-STATE", "\"" + name + "\" has no float values: none were set, or the layer "
                "holds its packed weight only.",
                "Set the parameter first, or read the packed weight.");
  }
  std::memcpy(target, values, count * sizeof(float));
}

void Network::set_parameter(const std::string& name, const float* values, size_t count) {
  NetworkUse use(*this);
  require_size(name, count, parameter_size(name));
  const SplitName parts = split(name);
  for (const auto& node : nodes_) {
    if (node->spec.name != parts.layer) continue;
    if (node->linear && parts.suffix == "weight") {
      node->linear->set_weight_data(values, count);
    } else if (node->linear) {
      node->linear->set_bias_data(values, count);
    } else if (node->batch_norm) {
      const int64_t bad = find_not_finite(values, static_cast<int64_t>(count));
      if (bad >= 0) {
        throw Error("E-WEIGHT-NOT-FINITE",
                    "\"" + name + "\" value " + std::to_string(bad) + " is NaN or infinite.",
                    "Use a checkpoint without NaN or infinity.");
      }
      batch_norm_array(*node->batch_norm, parts.suffix)->assign(values, values + count);
    }
  }
}

void Network::reset_parameters(uint64_t seed) {
  NetworkUse use(*this);
  uint64_t layer = 0;
  for (const auto& node : nodes_) {
    if (node->linear) node->linear->reset_parameters(seed + (layer++ << 32));
  }
}

LayerScales Network::scales(const std::string& layer) const {
  NetworkUse use(*this);
  NBitLinearBase& linear = *layer_node(layer).linear;
  return {linear.scales(), linear.activation_scale()};
}

void Network::set_scales(const std::string& layer, const Scales& weight, float activation_scale) {
  NetworkUse use(*this);
  NBitLinearBase& linear = *layer_node(layer).linear;
  // Check before the first write: either both are set or neither.
  if (activation_scale != 0) {
    ActivationQuantizer trial(linear.options().activation);
    trial.set_scale(activation_scale);
  }
  linear.set_scales(weight);
  if (activation_scale != 0) linear.set_activation_scale(activation_scale);
}

QuantizedWeight Network::quantized_weight(const std::string& layer) {
  NetworkUse use(*this);
  return layer_node(layer).linear->packed_weight();
}

void Network::set_quantized_weight(const std::string& layer, const QuantizedWeight& weight) {
  NetworkUse use(*this);
  layer_node(layer).linear->set_quantized_weight_data(weight);
}

int64_t Network::native_bytes() const {
  int64_t bytes = workspace_->native_bytes();
  for (const auto& node : nodes_) {
    if (node->linear) bytes += node->linear->native_bytes();
    if (node->batch_norm) bytes += node->batch_norm->native_bytes();
  }
  return bytes;
}

}  // namespace qat
