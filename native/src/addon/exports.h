// Puts free functions on an object, with errors turned into JavaScript ones.
#pragma once

#include "addon/errors.h"
#include "addon/napi_setup.h"

namespace qat::addon {

using ExportedFunction = Napi::Value (*)(const Napi::CallbackInfo&);

template <ExportedFunction function>
Napi::Value call_guarded(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return function(info); });
}

template <ExportedFunction function>
Napi::Value call_promised(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&] { return function(info); });
}

// Throws what goes wrong.
template <ExportedFunction function>
void export_function(Napi::Object target, const char* name) {
  target.Set(name, Napi::Function::New<&call_guarded<function>>(target.Env(), name));
}

// Rejects its promise with what goes wrong.
template <ExportedFunction function>
void export_promise(Napi::Object target, const char* name) {
  target.Set(name, Napi::Function::New<&call_promised<function>>(target.Env(), name));
}

}  // namespace qat::addon
