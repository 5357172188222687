#include "addon/mixed_row_handle.h"

#include <utility>

#include "addon/mpq_args.h"

namespace qat::addon {

void MixedRowHandle::define_class(Napi::Env env) {
  using H = MixedRowHandle;
  std::vector<Property> properties = weight_only_properties();
  const std::vector<Property> own = {
      method_of<&H::group_bits>("groupBits"),
  };
  properties.insert(properties.end(), own.begin(), own.end());
  define(env, properties);
}

Napi::Value MixedRowHandle::group_bits(const Napi::CallbackInfo& info) {
  const std::vector<int> bits = use()->layout().bits;
  return to_js(info.Env(), std::vector<int32_t>(bits.begin(), bits.end()));
}

MixedRowOptions mixed_row_options(Napi::Object given) {
  MixedRowOptions options;
  options.linear = weight_only_options(given);
  const Napi::Value size = given.Get("groupSize");
  if (!size.IsUndefined()) {
    options.group_size = group_size(size, "options.groupSize", options.linear.in_channels);
  }
  options.widths = optional_ints(given, "widths");
  options.channel_scale = optional_floats(given, "channelScale");
  return options;
}

Napi::Value create_mixed_row_linear(const Napi::CallbackInfo& info) {
  const MixedRowOptions options = mixed_row_options(object(info[0], "options"));
  return MixedRowHandle::create_from(info.Env(), std::make_unique<MixedRowLinear>(options));
}

}  // namespace qat::addon
