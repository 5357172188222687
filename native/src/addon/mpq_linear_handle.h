// The JavaScript MpqLinear: weight-only, 1–8 bits in groups.
#pragma once

#include "addon/weight_only_handle.h"
#include "nn/mpq_linear.h"

namespace qat::addon {

class MpqLinearHandle : public WeightOnlyHandle<MpqLinearHandle, MpqLinear> {
 public:
  static constexpr HandleKind kKind = HandleKind::kMpqLinear;
  static constexpr const char* kName = "MpqLinear";
  static constexpr napi_type_tag kTypeTag = {0x6f1c93d2a7b84e05, 0x94ab0d3e5c71f826};

  using WeightOnlyHandle::WeightOnlyHandle;
  static void define_class(Napi::Env env);

  Napi::Value w_bit(const Napi::CallbackInfo& info);
  Napi::Value group_size(const Napi::CallbackInfo& info);
  Napi::Value symmetric(const Napi::CallbackInfo& info);
  Napi::Value zero_format(const Napi::CallbackInfo& info);
};

MpqOptions mpq_options(Napi::Object given);
// createMpqLinear(options)
Napi::Value create_mpq_linear(const Napi::CallbackInfo& info);

}  // namespace qat::addon
