// loadQuantizer(path): the quantizer of a user's shared library.
#pragma once

#include "addon/napi_setup.h"

namespace qat::addon {

Napi::Value load_quantizer(const Napi::CallbackInfo& info);

}  // namespace qat::addon
