// What one network takes over from another: the way from a float network to an n-bit one.
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

// Everything that is a parameter of both. Those of an n-bit layer's quantizers are set through it.
void take_parameters(const std::string& name, const Module& from, Module& to, bool quantizers) {
  const std::vector<ModuleParameter> theirs = from.parameters(), ours = to.parameters();
  for (size_t i = 0; i < ours.size(); ++i) {
    if (ours[i].of_quantizer() && !quantizers) continue;
    for (size_t j = 0; j < theirs.size(); ++j) {
      if (theirs[j].suffix != ours[i].suffix) continue;
      const float* values = from.value(j);
      if (values) to.set_value(i, values, static_cast<size_t>(theirs[j].size()));
      else if (!ours[i].of_quantizer()) no_float_weight(name);
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

}  // namespace

void Network::take_from(const Network& other) {
  NetworkUse use(*this), use_of_other(other);
  for (const auto& node : nodes_) {
    for (const auto& source : other.nodes_) {
      if (node->spec.name.empty() || source->spec.name != node->spec.name ||
          source->spec.op != node->spec.op) {
        continue;
      }
      const bool alike = describe(node->spec) == describe(source->spec);
      take_parameters(node->spec.name, *source->module, *node->module, alike && !node->layer());
      if (alike && node->layer()) take_scales(*source->layer(), *node->layer());
    }
  }
}

}  // namespace qat
