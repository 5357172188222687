// The JavaScript MixedRowLinear: weight-only, groups of inputs with widths of their own.
#pragma once

#include "addon/weight_only_handle.h"
#include "nn/mixed_row_linear.h"

namespace qat::addon {

class MixedRowHandle : public WeightOnlyHandle<MixedRowHandle, MixedRowLinear> {
 public:
  static constexpr HandleKind kKind = HandleKind::kMixedRowLinear;
  static constexpr const char* kName = "MixedRowLinear";
  static constexpr napi_type_tag kTypeTag = {0x3e8d5a1702c9f64b, 0xb7206e94d1583acf};

  using WeightOnlyHandle::WeightOnlyHandle;
  static void define_class(Napi::Env env);

  Napi::Value group_bits(const Napi::CallbackInfo& info);
};

MixedRowOptions mixed_row_options(Napi::Object given);
// createMixedRowLinear(options)
Napi::Value create_mixed_row_linear(const Napi::CallbackInfo& info);

}  // namespace qat::addon
