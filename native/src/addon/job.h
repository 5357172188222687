// A promise whose work runs off the JavaScript thread (on a libuv thread, which the engine's pool
// helps). The work touches no JavaScript; its result is turned into a value on the JavaScript
// thread.
//
// Built on napi_async_work itself: at the end of an environment (a terminated worker) the
// completion runs where JavaScript can no longer be called, and must then only free what the job
// holds.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "runtime/cancel.h"
#include "addon/errors.h"
#include "addon/napi_setup.h"

namespace qat::addon {

template <typename Result>
class Job {
 public:
  using Work = std::function<Result()>;
  using Finish = std::function<Napi::Value(Napi::Env, Result&)>;

  // `work` and `finish` own (by shared_ptr) everything they use.
  static Napi::Value start(Napi::Env env, const char* name, std::shared_ptr<CancelToken> cancel,
                           Work work, Finish finish) {
    auto job = std::unique_ptr<Job>(
        new Job(env, std::move(cancel), std::move(work), std::move(finish)));
    napi_status status =
        napi_create_async_work(env, nullptr, Napi::String::New(env, name), &Job::execute,
                               &Job::complete, job.get(), &job->work_handle_);
    NAPI_THROW_IF_FAILED(env, status, Napi::Value());
    Napi::Promise promise = job->deferred_.Promise();
    status = napi_queue_async_work(env, job->work_handle_);
    if (status != napi_ok) {
      napi_delete_async_work(env, job->work_handle_);
      throw Napi::Error::New(env);
    }
    job.release();  // complete() deletes it
    return promise;
  }

 private:
  Job(Napi::Env env, std::shared_ptr<CancelToken> cancel, Work work, Finish finish)
      : deferred_(Napi::Promise::Deferred::New(env)),
        cancel_(std::move(cancel)),
        work_(std::move(work)),
        finish_(std::move(finish)) {}

  static void execute(napi_env, void* data) {
    Job* job = static_cast<Job*>(data);
    try {
      throw_if_cancelled(job->cancel_.get());
      job->result_.emplace(job->work_());
    } catch (...) {
      job->error_ = describe_current_exception();
    }
  }

  static void complete(napi_env raw_env, napi_status status, void* data) {
    std::unique_ptr<Job> job(static_cast<Job*>(data));
    napi_delete_async_work(raw_env, job->work_handle_);
    Napi::Env env(raw_env);
    Napi::HandleScope scope(env);
    try {
      job->settle(env, status);
    } catch (const Napi::Error&) {
      // The environment is going away: nobody can receive the answer.
    }
  }

  void settle(Napi::Env env, napi_status status) {
    if (status == napi_cancelled) {
      error_ = ErrorInfo{"E-CANCELLED", "The operation was cancelled.", "Start it again."};
    }
    if (!error_) {
      try {
        deferred_.Resolve(finish_(env, *result_));
        return;
      } catch (const Napi::Error& error) {
        deferred_.Reject(error.Value());
        return;
      } catch (...) {
        error_ = describe_current_exception();
      }
    }
    deferred_.Reject(make_js_error(env, *error_).Value());
  }

  Napi::Promise::Deferred deferred_;
  std::shared_ptr<CancelToken> cancel_;
  Work work_;
  Finish finish_;
  napi_async_work work_handle_ = nullptr;
  std::optional<Result> result_;
  std::optional<ErrorInfo> error_;
};

}  // namespace qat::addon
