// Brings the end of a training thread back to JavaScript: resolves `done`, keeps the session alive
// while it runs, and stops and joins it when the environment goes away first.
#pragma once

#include <future>
#include <memory>

#include "addon/napi_setup.h"
#include "nn/training_session.h"

namespace qat::addon {

class SessionEnd : public std::enable_shared_from_this<SessionEnd> {
 public:
  // Watches `session`; `deferred` is resolved with the name of its last state. The event loop is
  // not kept alive before keep_alive().
  static std::shared_ptr<SessionEnd> watch(Napi::Env env, std::shared_ptr<TrainingSession> session,
                                           Napi::Promise::Deferred deferred);
  ~SessionEnd() = default;

  // A running session keeps the event loop and `owner` (its JavaScript handle) alive until it
  // ended.
  void keep_alive(Napi::Object owner);
  void allow_exit();

 private:
  SessionEnd(Napi::Env env, std::shared_ptr<TrainingSession> session,
             Napi::Promise::Deferred deferred);

  static void on_js_thread(napi_env env, napi_value, void* context, void* state);
  static void on_finalized(napi_env env, void* context, void*);
  static void on_env_exit(void* context);

  Napi::Env env_;
  std::shared_ptr<TrainingSession> session_;
  Napi::Promise::Deferred deferred_;
  Napi::ObjectReference owner_;
  napi_threadsafe_function notify_ = nullptr;
  std::future<void> notified_;  // the thread will not touch the notifier any more
  bool env_exited_ = false;
  std::shared_ptr<SessionEnd> self_;  // until the notifier is gone
};

}  // namespace qat::addon
