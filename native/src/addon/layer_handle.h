// The JavaScript NBitLayer: an n-bit layer with its life cycle.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "addon/handle.h"
#include "nn/n_bit_layer.h"

namespace qat::addon {

// A layer and who is using it. The layer itself has one user at a time: a job on a pool thread
// makes synchronous calls fail (E-LAYER-STATE) instead of letting them wait.
struct LayerHolder {
  std::unique_ptr<NBitLayer> layer;
  std::atomic<bool> busy{false};
  int64_t in_channels = 0, out_channels = 0;
  int64_t kept_batch = 0;  // rows of the last training forward
};

class LayerHandle : public Handle<LayerHandle, LayerHolder> {
 public:
  static constexpr HandleKind kKind = HandleKind::kLayer;
  static constexpr const char* kName = "NBitLayer";
  static constexpr napi_type_tag kTypeTag = {0x2b7e151628aed2a6, 0xabf7158809cf4f3c};

  using Handle::Handle;
  static void define_class(Napi::Env env);

  Napi::Value in_channels(const Napi::CallbackInfo& info);
  Napi::Value out_channels(const Napi::CallbackInfo& info);
  Napi::Value w_bit(const Napi::CallbackInfo& info);
  Napi::Value a_bit(const Napi::CallbackInfo& info);
  Napi::Value kind(const Napi::CallbackInfo& info);
  Napi::Value training(const Napi::CallbackInfo& info);
  Napi::Value state(const Napi::CallbackInfo& info);

  Napi::Value reset_parameters(const Napi::CallbackInfo& info);
  Napi::Value set_weight_data(const Napi::CallbackInfo& info);
  Napi::Value set_bias_data(const Napi::CallbackInfo& info);
  Napi::Value prepare_params(const Napi::CallbackInfo& info);
  Napi::Value prepare_params_async(const Napi::CallbackInfo& info);
  Napi::Value generate_quantized_weight(const Napi::CallbackInfo& info);
  Napi::Value generate_quantized_weight_async(const Napi::CallbackInfo& info);
  Napi::Value set_quantized_weight_data(const Napi::CallbackInfo& info);
  Napi::Value opt_weight(const Napi::CallbackInfo& info);
  Napi::Value scales(const Napi::CallbackInfo& info);
  Napi::Value set_scales(const Napi::CallbackInfo& info);
  Napi::Value activation_scale(const Napi::CallbackInfo& info);
  Napi::Value activation_shift(const Napi::CallbackInfo& info);
  Napi::Value set_activation_scale(const Napi::CallbackInfo& info);
  Napi::Value train(const Napi::CallbackInfo& info);
  Napi::Value eval(const Napi::CallbackInfo& info);
  Napi::Value forward(const Napi::CallbackInfo& info);
  Napi::Value backward(const Napi::CallbackInfo& info);

 private:
  // Rows of an argument [batch, cols].
  static int64_t batch_of(Span<float> values, int64_t cols, const std::string& what);
  Napi::Value start_job(Napi::Env env, const char* name, Napi::Value cancel,
                        std::function<void(NBitLayer&, const CancelToken*)> work);
  void report_layer_bytes(const LayerHolder& holder);
};

// createLinear(options)
Napi::Value create_linear(const Napi::CallbackInfo& info);
// createConv2d(options)
Napi::Value create_conv2d(const Napi::CallbackInfo& info);

}  // namespace qat::addon
