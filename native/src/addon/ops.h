// `ops`: single operations on arrays, the same kernels as the layers use. Synchronous.
#pragma once

#include "addon/napi_setup.h"

namespace qat::addon {

Napi::Object make_ops(Napi::Env env);

// packCodes, unpackCodes
Napi::Value pack_codes_array(const Napi::CallbackInfo& info);
Napi::Value unpack_codes_array(const Napi::CallbackInfo& info);

}  // namespace qat::addon
