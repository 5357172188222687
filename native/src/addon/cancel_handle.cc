#include "addon/cancel_handle.h"

namespace qat::addon {

void CancelHandle::define_class(Napi::Env env) {
  define(env, {
                  method_of<&CancelHandle::cancel>("cancel"),
                  getter_of<&CancelHandle::cancelled>("cancelled"),
                  getter_of<&CancelHandle::progress>("progress"),
              });
}

Napi::Value CancelHandle::cancel(const Napi::CallbackInfo& info) {
  native()->cancel();
  return info.Env().Undefined();
}

Napi::Value CancelHandle::cancelled(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), native()->cancelled());
}

Napi::Value CancelHandle::progress(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), native()->progress());
}

Napi::Value create_cancel_token(const Napi::CallbackInfo& info) {
  return CancelHandle::create(info.Env(), std::make_shared<CancelToken>(), 0);
}

std::shared_ptr<CancelToken> cancel_argument(Napi::Value value) {
  if (is_absent(value)) return std::make_shared<CancelToken>();
  return CancelHandle::from(value, "cancel").native();
}

}  // namespace qat::addon
