// The JavaScript Network. One user at a time: while a job or a session has it, other calls fail
// with E-RUN-STATE (qat::Network sees to that itself).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "addon/handle.h"
#include "nn/network.h"

namespace qat::addon {

class NetworkHandle : public Handle<NetworkHandle, Network> {
 public:
  static constexpr HandleKind kKind = HandleKind::kNetwork;
  static constexpr const char* kName = "Network";
  static constexpr napi_type_tag kTypeTag = {0x4d5e6f708192a3b4, 0xc5d6e7f8091a2b3c};

  using Handle::Handle;
  static void define_class(Napi::Env env);

  Napi::Value parameters(const Napi::CallbackInfo& info);
  Napi::Value get_parameter(const Napi::CallbackInfo& info);
  Napi::Value set_parameter(const Napi::CallbackInfo& info);
  Napi::Value reset_parameters(const Napi::CallbackInfo& info);
  Napi::Value take_from(const Napi::CallbackInfo& info);
  Napi::Value prepare(const Napi::CallbackInfo& info);
  Napi::Value prepare_missing(const Napi::CallbackInfo& info);
  Napi::Value scales(const Napi::CallbackInfo& info);
  Napi::Value set_scales(const Napi::CallbackInfo& info);
  Napi::Value quantized_weight(const Napi::CallbackInfo& info);
  Napi::Value set_quantized_weight(const Napi::CallbackInfo& info);
  Napi::Value logits(const Napi::CallbackInfo& info);
  Napi::Value evaluate(const Napi::CallbackInfo& info);
  Napi::Value layer_inputs(const Napi::CallbackInfo& info);

 private:
  using PrepareMethod = void (Network::*)(const Dataset&, int64_t, const CancelToken*);
  Napi::Value start_prepare(const Napi::CallbackInfo& info, PrepareMethod method);
};

// createNetwork(nodes)
Napi::Value create_network(const Napi::CallbackInfo& info);

// Checked against what the description says, before the network allocates.
std::vector<NetworkNode> network_nodes(Napi::Value value);

// {scales, zeroPoints, activationScale}
Napi::Object layer_scales_to_js(Napi::Env env, const LayerScales& scales);

}  // namespace qat::addon
