// statistics, histogram, thumbnail, analyze, whatIf: promises over a Tensor.
#pragma once

#include "addon/napi_setup.h"

namespace qat::addon {

Napi::Value thumbnail(const Napi::CallbackInfo& info);
Napi::Value statistics(const Napi::CallbackInfo& info);
Napi::Value histogram(const Napi::CallbackInfo& info);
Napi::Value analyze_tensor(const Napi::CallbackInfo& info);
Napi::Value what_if_tensor(const Napi::CallbackInfo& info);

}  // namespace qat::addon
