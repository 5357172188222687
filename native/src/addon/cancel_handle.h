// The JavaScript CancelToken.
#pragma once

#include <memory>

#include "runtime/cancel.h"
#include "addon/handle.h"

namespace qat::addon {

class CancelHandle : public Handle<CancelHandle, CancelToken> {
 public:
  static constexpr HandleKind kKind = HandleKind::kCancelToken;
  static constexpr const char* kName = "CancelToken";
  static constexpr napi_type_tag kTypeTag = {0x6f1d2a5b7c3e4f80, 0x9a1b2c3d4e5f6071};

  using Handle::Handle;
  static void define_class(Napi::Env env);

  Napi::Value cancel(const Napi::CallbackInfo& info);
  Napi::Value cancelled(const Napi::CallbackInfo& info);
  Napi::Value progress(const Napi::CallbackInfo& info);
};

// createCancelToken()
Napi::Value create_cancel_token(const Napi::CallbackInfo& info);

// The state behind an optional token argument; a fresh one, which nobody sets, when it is absent.
std::shared_ptr<CancelToken> cancel_argument(Napi::Value value);

}  // namespace qat::addon
