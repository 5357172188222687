#include "addon/mpq_linear_handle.h"

#include <utility>

#include "addon/mpq_args.h"

namespace qat::addon {

void MpqLinearHandle::define_class(Napi::Env env) {
  using H = MpqLinearHandle;
  std::vector<Property> properties = weight_only_properties();
  const std::vector<Property> own = {
      getter_of<&H::w_bit>("wBit"),
      getter_of<&H::group_size>("groupSize"),
      getter_of<&H::symmetric>("symmetric"),
      getter_of<&H::zero_format>("zeroFormat"),
  };
  properties.insert(properties.end(), own.begin(), own.end());
  define(env, properties);
}

Napi::Value MpqLinearHandle::w_bit(const Napi::CallbackInfo& info) {
  return number(info.Env(), native()->layer->format().bits);
}

Napi::Value MpqLinearHandle::group_size(const Napi::CallbackInfo& info) {
  return number(info.Env(), native()->layer->format().group_size);
}

Napi::Value MpqLinearHandle::symmetric(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), native()->layer->format().symmetric);
}

Napi::Value MpqLinearHandle::zero_format(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), to_string(native()->layer->format().zero_format));
}

MpqOptions mpq_options(Napi::Object given) {
  MpqOptions options;
  options.linear = weight_only_options(given);
  MpqFormat& format = options.format;
  format.bits = static_cast<int>(optional_integer(given, "wBit", 1, 8, format.bits));
  const Napi::Value size = given.Get("groupSize");
  if (!size.IsUndefined()) {
    format.group_size = group_size(size, "options.groupSize", options.linear.in_channels);
  }
  format.symmetric = optional_flag(given, "symmetric", format.symmetric);
  const Napi::Value zeros = given.Get("zeroFormat");
  if (!zeros.IsUndefined()) format.zero_format = zero_format(zeros, "options.zeroFormat");
  format.double_group_size = optional_integer(given, "doubleGroupSize", 0, kMaxExtent, 0);
  options.g_idx = optional_ints(given, "gIdx");
  return options;
}

Napi::Value create_mpq_linear(const Napi::CallbackInfo& info) {
  const MpqOptions options = mpq_options(object(info[0], "options"));
  return MpqLinearHandle::create_from(info.Env(), std::make_unique<MpqLinear>(options));
}

}  // namespace qat::addon
