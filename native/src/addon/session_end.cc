#include "addon/session_end.h"

#include <utility>

namespace qat::addon {
namespace {

void* encode(SessionState state) {
  return reinterpret_cast<void*>(static_cast<uintptr_t>(state) + 1);
}

SessionState decode(void* data) {
  return static_cast<SessionState>(reinterpret_cast<uintptr_t>(data) - 1);
}

}  // namespace

SessionEnd::SessionEnd(Napi::Env env, std::shared_ptr<TrainingSession> session,
                       Napi::Promise::Deferred deferred)
    : env_(env), session_(std::move(session)), deferred_(deferred) {}

std::shared_ptr<SessionEnd> SessionEnd::watch(Napi::Env env,
                                              std::shared_ptr<TrainingSession> session,
                                              Napi::Promise::Deferred deferred) {
  std::shared_ptr<SessionEnd> end(new SessionEnd(env, std::move(session), deferred));
  napi_status status = napi_create_threadsafe_function(
      env, nullptr, nullptr, Napi::String::New(env, "qat.session"), 0, 1, end.get(), &on_finalized,
      end.get(), &on_js_thread, &end->notify_);
  NAPI_THROW_IF_FAILED(env, status, end);
  napi_unref_threadsafe_function(env, end->notify_);
  // Hooks run last in, first out: this one comes after the notifier's own and so runs before it,
  // while the thread can still be told and the notifier still exists.
  napi_add_env_cleanup_hook(env, &on_env_exit, end.get());
  end->self_ = end;
  // The thread must own neither this object nor the session: it would join itself.
  napi_threadsafe_function notify = end->notify_;
  auto notified = std::make_shared<std::promise<void>>();
  end->notified_ = notified->get_future();
  end->session_->on_ended([notify, notified](SessionState state) {
    napi_call_threadsafe_function(notify, encode(state), napi_tsfn_nonblocking);
    napi_release_threadsafe_function(notify, napi_tsfn_release);
    notified->set_value();
  });
  return end;
}

void SessionEnd::keep_alive(Napi::Object owner) {
  owner_ = Napi::Persistent(owner);
  napi_ref_threadsafe_function(env_, notify_);
}

void SessionEnd::allow_exit() {
  owner_.Reset();
  napi_unref_threadsafe_function(env_, notify_);
}

void SessionEnd::on_js_thread(napi_env raw_env, napi_value, void* context, void* state) {
  if (raw_env == nullptr) return;  // the environment is going away; nobody waits any more
  auto* end = static_cast<SessionEnd*>(context);
  Napi::Env env(raw_env);
  Napi::HandleScope scope(env);
  try {
    end->deferred_.Resolve(Napi::String::New(env, to_string(decode(state))));
    end->owner_.Reset();
  } catch (const Napi::Error&) {
    // JavaScript can no longer be called.
  }
}

void SessionEnd::on_finalized(napi_env raw_env, void* context, void*) {
  auto* end = static_cast<SessionEnd*>(context);
  if (!end->env_exited_) napi_remove_env_cleanup_hook(raw_env, &on_env_exit, context);
  end->session_.reset();
  end->self_.reset();  // may delete `end`
}

void SessionEnd::on_env_exit(void* context) {
  auto* end = static_cast<SessionEnd*>(context);
  end->env_exited_ = true;
  end->owner_.SuppressDestruct();  // the environment frees its references itself
  end->session_->cancel();
  // The notifier is destroyed right after this hook. The session joins its thread when it goes.
  end->notified_.wait();
}

}  // namespace qat::addon
