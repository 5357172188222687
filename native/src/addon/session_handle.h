// The JavaScript TrainingSession.
#pragma once

#include <memory>

#include "addon/handle.h"
#include "nn/training_session.h"

namespace qat::addon {

class SessionEnd;

class SessionHandle : public Handle<SessionHandle, TrainingSession> {
 public:
  static constexpr HandleKind kKind = HandleKind::kSession;
  static constexpr const char* kName = "TrainingSession";
  static constexpr napi_type_tag kTypeTag = {0x5e6f708192a3b4c5, 0xd6e7f8091a2b3c4d};

  explicit SessionHandle(const Napi::CallbackInfo& info);
  ~SessionHandle() override;
  static void define_class(Napi::Env env);

  Napi::Value start(const Napi::CallbackInfo& info);
  Napi::Value pause(const Napi::CallbackInfo& info);
  Napi::Value resume(const Napi::CallbackInfo& info);
  Napi::Value cancel(const Napi::CallbackInfo& info);
  Napi::Value drain(const Napi::CallbackInfo& info);
  Napi::Value done(const Napi::CallbackInfo& info);
  Napi::Value snapshot_tensor(const Napi::CallbackInfo& info);
  Napi::Value snapshot_scales(const Napi::CallbackInfo& info);
  Napi::Value checkpoint(const Napi::CallbackInfo& info);
  Napi::Value restore(const Napi::CallbackInfo& info);
  Napi::Value dispose_session(const Napi::CallbackInfo& info);

 private:
  std::shared_ptr<SessionEnd> end_;
  Napi::ObjectReference done_;  // the promise
};

// createSession(network, train, test, options)
Napi::Value create_session(const Napi::CallbackInfo& info);

}  // namespace qat::addon
