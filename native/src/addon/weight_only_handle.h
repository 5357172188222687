// What the handles of the weight-only linear layers have in common.
#pragma once

#include <vector>

#include "addon/life_handle.h"
#include "addon/mpq_args.h"
#include "nn/weight_only_linear.h"

namespace qat::addon {

// inChannels, outChannels, bias, range and method of `given`.
WeightOnlyOptions weight_only_options(Napi::Object given);
// An update's field: a Float32Array of `length` finite values, or absent (null).
const float* update_field(Napi::Object update, const char* name, int64_t length);
// { dx, dWeight, dBias, dScales, dZeros }
Napi::Object gradients_to_js(Napi::Env env, const WeightOnlyLinear& layer,
                             const WeightOnlyGradients& gradients, const std::vector<float>& dx);

// Layer has a PackedWeight, set_quantized_weight_data and quantized_weight.
template <typename Derived, typename Layer>
class WeightOnlyHandle : public LifeHandle<Derived, Layer> {
 public:
  using Shared = WeightOnlyHandle<Derived, Layer>;
  using Property = typename LifeHandle<Derived, Layer>::Property;
  using LifeHandle<Derived, Layer>::LifeHandle;

  Napi::Value in_channels(const Napi::CallbackInfo& info) {
    return number(info.Env(), this->native()->layer->in_channels());
  }
  Napi::Value out_channels(const Napi::CallbackInfo& info) {
    return number(info.Env(), this->native()->layer->out_channels());
  }
  Napi::Value set_bias_data(const Napi::CallbackInfo& info) {
    const Span<float> bias = floats(info[0], "bias");
    return this->change(info, [&](Layer& layer) { layer.set_bias_data(bias.data, bias.size); });
  }
  Napi::Value bias(const Napi::CallbackInfo& info) {
    Use<Layer> layer = this->use();
    if (!layer->has_bias()) return info.Env().Null();
    return to_js(info.Env(), layer->bias(), static_cast<size_t>(layer->out_channels()));
  }
  Napi::Value opt_weight(const Napi::CallbackInfo& info) {
    Use<Layer> layer = this->use();
    Napi::Object result = Napi::Object::New(info.Env());
    if (layer->training()) {
      layer->require_weight("optWeight");
      const auto count = static_cast<size_t>(layer->in_channels() * layer->out_channels());
      result.Set("kind", "float");
      result.Set("weight", to_js(info.Env(), layer->weight(), count));
    } else {
      result.Set("kind", "packed");
      result.Set("qweight", packed_weight_to_js(info.Env(), layer->quantized_weight()));
    }
    this->report_bytes(layer->native_bytes());
    return result;
  }
  Napi::Value set_quantized_weight_data(const Napi::CallbackInfo& info) {
    typename Layer::PackedWeight weight;
    read_packed_weight(info[0], "weight", &weight);
    return this->change(info, [&](Layer& layer) { layer.set_quantized_weight_data(weight); });
  }
  Napi::Value scales(const Napi::CallbackInfo& info) {
    const GroupScales scales = this->use()->scales();
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("scales", to_js(info.Env(), scales.scales));
    result.Set("zeros", to_js(info.Env(), scales.zeros));
    return result;
  }
  Napi::Value set_scales(const Napi::CallbackInfo& info) {
    const GroupScales scales{floats(info[0], "scales").copy(), floats(info[1], "zeros").copy()};
    return this->change(info, [&](Layer& layer) { layer.set_scales(scales); });
  }
  Napi::Value dequantized_weight(const Napi::CallbackInfo& info) {
    return to_js(info.Env(), this->use()->dequantized_weight());
  }
  Napi::Value residual(const Napi::CallbackInfo& info) {
    return to_js(info.Env(), this->use()->residual());
  }
  Napi::Value update(const Napi::CallbackInfo& info) {
    const Napi::Object given = object(info[0], "update");
    return this->change(info, [&](Layer& layer) {
      const int64_t in = layer.in_channels(), out = layer.out_channels();
      const int64_t scales = layer.layout().scale_count();
      layer.add_update({update_field(given, "weight", in * out), update_field(given, "bias", out),
                        update_field(given, "scales", scales),
                        update_field(given, "zeros", scales)});
    });
  }
  Napi::Value forward(const Napi::CallbackInfo& info) {
    Use<Layer> layer = this->use();
    const Span<float> x = floats(info[0], "x");
    const int64_t batch = rows_of(x, layer->in_channels(), "x");
    const int64_t count = element_count(batch, layer->out_channels(), "the layer's output");
    require_finite(x, "x");
    Napi::Float32Array y = Napi::Float32Array::New(info.Env(), static_cast<size_t>(count));
    const bool training = layer->training();
    layer->forward(x.data, batch, y.Data());
    if (training) layer.held().kept_rows = batch;
    this->report_bytes(layer->native_bytes());
    return y;
  }
  Napi::Value backward(const Napi::CallbackInfo& info) {
    Use<Layer> layer = this->use();
    const Span<float> dy = floats(info[0], "dy");
    const int64_t kept = layer.held().kept_rows;
    // Without a forward the layer itself says so; the length can only be checked after one.
    if (kept > 0) floats(info[0], "dy", kept * layer->out_channels());
    require_finite(dy, "dy");
    std::vector<float> dx(static_cast<size_t>(kept * layer->in_channels()));
    const WeightOnlyGradients gradients = layer->backward(dy.data, dx.data());
    this->report_bytes(layer->native_bytes());
    return gradients_to_js(info.Env(), *layer, gradients, dx);
  }

 protected:
  static std::vector<Property> weight_only_properties() {
    std::vector<Property> properties = Shared::life_properties();
    const std::vector<Property> more = {
        Shared::template shared_getter<&Shared::in_channels>("inChannels"),
        Shared::template shared_getter<&Shared::out_channels>("outChannels"),
        Shared::template shared_method<&Shared::set_bias_data>("setBiasData"),
        Shared::template shared_method<&Shared::bias>("bias"),
        Shared::template shared_method<&Shared::opt_weight>("optWeight"),
        Shared::template shared_method<&Shared::set_quantized_weight_data>(
            "setQuantizedWeightData"),
        Shared::template shared_method<&Shared::scales>("scales"),
        Shared::template shared_method<&Shared::set_scales>("setScales"),
        Shared::template shared_method<&Shared::dequantized_weight>("dequantizedWeight"),
        Shared::template shared_method<&Shared::residual>("residual"),
        Shared::template shared_method<&Shared::update>("update"),
        Shared::template shared_method<&Shared::forward>("forward"),
        Shared::template shared_method<&Shared::backward>("backward"),
    };
    properties.insert(properties.end(), more.begin(), more.end());
    return properties;
  }
};

}  // namespace qat::addon
