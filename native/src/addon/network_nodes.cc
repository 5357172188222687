// The description of a network out of JavaScript.
#include <string>
#include <vector>

#include "addon/errors.h"
#include "addon/memory.h"
#include "addon/network_handle.h"
#include "addon/quantizer_args.h"

namespace qat::addon {
namespace {

constexpr size_t kMaxNodes = 10'000;
constexpr size_t kMaxNameBytes = 4096;

LinearOptions linear_node(Napi::Object given, const std::string& what) {
  LinearOptions options;
  options.in_channels = extent(given.Get("inChannels"), what + ".inChannels");
  options.out_channels = extent(given.Get("outChannels"), what + ".outChannels");
  element_count(options.out_channels, options.in_channels, what + "'s weight");
  options.bias = boolean(given.Get("bias"), what + ".bias");
  options.weight = weight_quantizer(given.Get("weight"), what + ".weight");
  options.activation = activation_quantizer(given.Get("activation"), what + ".activation");
  return options;
}

NetworkNode node_from(Napi::Value value, const std::string& what) {
  const Napi::Object given = object(value, what);
  NetworkNode node;
  switch (choice(given.Get("op"), what + ".op", {"linear", "relu", "batchNorm"})) {
    case 0:
      node.op = NetworkNode::Op::kLinear;
      node.name = text(given.Get("name"), what + ".name", kMaxNameBytes);
      node.linear = linear_node(given, what);
      break;
    case 1:
      node.op = NetworkNode::Op::kRelu;
      break;
    default:
      node.op = NetworkNode::Op::kBatchNorm;
      node.name = text(given.Get("name"), what + ".name", kMaxNameBytes);
      node.features = extent(given.Get("features"), what + ".features");
      break;
  }
  return node;
}

}  // namespace

std::vector<NetworkNode> network_nodes(Napi::Value value) {
  const Napi::Array given = array(value, "nodes", kMaxNodes);
  std::vector<NetworkNode> nodes;
  double weight_bytes = 0;
  for (uint32_t i = 0; i < given.Length(); ++i) {
    nodes.push_back(node_from(given.Get(i), "nodes[" + std::to_string(i) + "]"));
    const LinearOptions& linear = nodes.back().linear;
    weight_bytes += static_cast<double>(linear.in_channels) *
                    static_cast<double>(linear.out_channels) * sizeof(float);
  }
  require_memory(weight_bytes, "the network");
  return nodes;
}

}  // namespace qat::addon
