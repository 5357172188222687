#include "addon/weight_only_handle.h"

#include <string>

namespace qat::addon {

WeightOnlyOptions weight_only_options(Napi::Object given) {
  WeightOnlyOptions options;
  options.in_channels = extent(given.Get("inChannels"), "inChannels");
  options.out_channels = extent(given.Get("outChannels"), "outChannels");
  element_count(options.out_channels, options.in_channels, "the layer's weight");
  const Napi::Value bias = given.Get("bias");
  if (!bias.IsUndefined()) options.bias = boolean(bias, "bias");
  const Napi::Value range = given.Get("range");
  if (!range.IsUndefined()) {
    options.range = choice(range, "range", {"absmax", "mse"}) == 0 ? RangeEstimator::kAbsMax
                                                                   : RangeEstimator::kMse;
  }
  const Napi::Value method = given.Get("method");
  if (!method.IsUndefined()) {
    options.method = choice(method, "method", {"lsq", "ste"}) == 0 ? Method::kLsq : Method::kSte;
  }
  return options;
}

const float* update_field(Napi::Object update, const char* name, int64_t length) {
  const Napi::Value value = update.Get(name);
  if (is_absent(value)) return nullptr;
  const std::string what = std::string("update.") + name;
  const Span<float> values = floats(value, what, length);
  require_finite(values, what);
  return values.data;
}

Napi::Object gradients_to_js(Napi::Env env, const WeightOnlyLinear& layer,
                             const WeightOnlyGradients& gradients, const std::vector<float>& dx) {
  const auto out = static_cast<size_t>(layer.out_channels());
  const auto scales = static_cast<size_t>(gradients.scale_count);
  Napi::Object result = Napi::Object::New(env);
  result.Set("dx", to_js(env, dx));
  result.Set("dWeight",
             to_js(env, gradients.dweight, out * static_cast<size_t>(layer.in_channels())));
  result.Set("dBias", gradients.dbias == nullptr ? env.Null()
                                                 : Napi::Value(to_js(env, gradients.dbias, out)));
  result.Set("dScales", to_js(env, gradients.dscales, scales));
  result.Set("dZeros", to_js(env, gradients.dzeros, scales));
  return result;
}

}  // namespace qat::addon
