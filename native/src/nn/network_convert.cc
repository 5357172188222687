// What one network takes over from another: the way from a float network to an n-bit one.
#include <algorithm>
#include <string>
#include <vector>

#include "nn/network.h"
#include "nn/network_node.h"
#include "qat/error.h"

namespace qat {
namespace {

[[noreturn]] void no_float_weight(const std::string& node) {
  throw Error("E-LAYER-STATE", "Node \"" + node + "\" of the other network has no float weight.",
              "Take over from a network whose weights are set and not packed only.");
}

bool is_dense(NetworkNode::Op op) {
  using Op = NetworkNode::Op;
  return op == Op::kLinear || op == Op::kMpqLinear || op == Op::kMixedRowLinear;
}

[[noreturn]] void cannot_become(const NetworkNode& from, const NetworkNode& to,
                                const std::string& why) {
  throw Error("E-MODEL-GRAPH",
              "Node \"" + to.name + "\": " + op_name(from.op) + " cannot become " + op_name(to.op) +
                  ": " + why + ".",
              "Give the node another name, or convert a linear node to linear, mpqLinear or "
              "mixedRowLinear and every other node to its own kind, with all that it has.");
}

// What the weights of an input are multiplied with so that the outputs stay, [in]; empty: nothing. A
// mixed-row layer multiplies its inputs by a channel scale: y = (x ⊙ c)·wᵀ.
std::vector<float> weight_factors(const NetworkNode& from, const NetworkNode& to) {
  const std::vector<float>& theirs = from.mixed_row.channel_scale;
  const std::vector<float>& ours = to.mixed_row.channel_scale;
  if (theirs == ours) return {};
  std::vector<float> factors(std::max(theirs.size(), ours.size()), 1.0f);
  for (size_t k = 0; k < factors.size(); ++k) {
    if (!theirs.empty()) factors[k] = theirs[k];
    if (ours.empty()) continue;
    if (ours[k] == 0) cannot_become(from, to, "its channel scale takes an input away with a 0");
    factors[k] /= ours[k];
  }
  return factors;
}

// Learned values of `from` that `to` has no place for: a bias, an input shift, statistics.
void require_places(const NetworkNode& from, const NetworkNode& to,
                    const std::vector<ModuleParameter>& theirs,
                    const std::vector<ModuleParameter>& ours) {
  for (const ModuleParameter& parameter : theirs) {
    if (parameter.of_quantizer()) continue;
    const bool found = std::any_of(ours.begin(), ours.end(), [&](const ModuleParameter& one) {
      return one.suffix == parameter.suffix;
    });
    if (!found) cannot_become(from, to, "it has no place for \"" + parameter.suffix + "\"");
  }
}

// Everything that is a parameter of both. Those of an n-bit layer's quantizers are set through it.
void take_parameters(const NetworkAccess::Node& source, NetworkAccess::Node& node, bool quantizers) {
  const Module& from = *source.module;
  const std::vector<ModuleParameter> theirs = from.parameters(), ours = node.module->parameters();
  require_places(source.spec, node.spec, theirs, ours);
  const std::vector<float> factors = weight_factors(source.spec, node.spec);
  for (size_t i = 0; i < ours.size(); ++i) {
    if (ours[i].of_quantizer() && !quantizers) continue;
    for (size_t j = 0; j < theirs.size(); ++j) {
      if (theirs[j].suffix != ours[i].suffix) continue;
      const float* values = from.value(j);
      const auto count = static_cast<size_t>(theirs[j].size());
      if (!values) {
        if (!ours[i].of_quantizer()) no_float_weight(node.spec.name);
      } else if (factors.empty() || ours[i].suffix != "weight") {
        node.module->set_value(i, values, count);
      } else {
        std::vector<float> scaled(values, values + count);
        for (size_t at = 0; at < count; ++at) scaled[at] *= factors[at % factors.size()];
        node.module->set_value(i, scaled.data(), count);
      }
    }
  }
}

void take_scales(NBitLayer& from, NBitLayer& to) {
  const LayerState state = from.state();
  if (!from.is_float() && state != LayerState::kCreated && state != LayerState::kWeight) {
    to.set_scales(from.scales());
  }
  if (from.a_bit() == kFloatBits || !from.activation_ready()) return;
  to.set_activation_state(from.activation_state());
  // PACT's clip itself: from the scale it would come back off by a rounding.
  constexpr auto kClip = ActivationQuantizer::Learned::kClip;
  for (const auto learned : from.activation().learned()) {
    if (learned != kClip) continue;
    *to.activation().mutable_value(kClip) = *from.activation().value(kClip);
    to.activation().after_update();
  }
}

// A plain node that holds nothing may become another kind of node that holds nothing.
bool takes_from(const NetworkAccess::Node& source, const NetworkAccess::Node& node) {
  if (node.spec.name.empty() || source.spec.name != node.spec.name) return false;
  if (source.spec.op == node.spec.op) return true;
  if (is_dense(source.spec.op) && is_dense(node.spec.op)) return true;
  if (source.module->parameters().empty() && node.module->parameters().empty()) return false;
  cannot_become(source.spec, node.spec, "their weights are not alike");
}

}  // namespace

void Network::take_from(const Network& other) {
  NetworkUse use(*this), use_of_other(other);
  for (const auto& node : nodes_) {
    for (const auto& source : other.nodes_) {
      if (!takes_from(*source, *node)) continue;
      const bool alike = describe(node->spec) == describe(source->spec);
      take_parameters(*source, *node, alike && !node->layer());
      if (alike && node->layer()) take_scales(*source->layer(), *node->layer());
    }
  }
}

}  // namespace qat
