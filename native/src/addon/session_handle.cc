#include "addon/session_handle.h"

#include <string>
#include <utility>
#include <vector>

#include "addon/dataset_handle.h"
#include "addon/job.h"
#include "addon/network_handle.h"
#include "addon/session_end.h"
#include "addon/session_options.h"
#include "addon/tensor_handle.h"

namespace qat::addon {
namespace {

constexpr size_t kMaxNameBytes = 4096 + 64;

}  // namespace

SessionHandle::SessionHandle(const Napi::CallbackInfo& info) : Base(info) {
  Napi::Promise::Deferred deferred = Napi::Promise::Deferred::New(info.Env());
  done_ = Napi::Persistent(deferred.Promise().As<Napi::Object>());
  end_ = SessionEnd::watch(info.Env(), native_, deferred);
}

SessionHandle::~SessionHandle() {
  // Only an idle or ended session can be collected (a running one is held by SessionEnd):
  // cancelling it lets go of the notifier.
  if (native_) native_->cancel();
}

void SessionHandle::define_class(Napi::Env env) {
  using H = SessionHandle;
  define(env, {
                  method_of<&H::start>("start"),
                  method_of<&H::pause>("pause"),
                  method_of<&H::resume>("resume"),
                  method_of<&H::cancel>("cancel"),
                  method_of<&H::drain>("drain"),
                  getter_of<&H::done>("done"),
                  method_of<&H::snapshot_tensor>("snapshotTensor"),
                  method_of<&H::snapshot_scales>("snapshotScales"),
                  promise_method_of<&H::checkpoint>("checkpoint"),
                  method_of<&H::restore>("restore"),
                  method_of<&H::dispose_session>("dispose"),
              });
}

Napi::Value SessionHandle::start(const Napi::CallbackInfo& info) {
  const std::shared_ptr<TrainingSession>& session = native();
  const bool was_idle = session->state() == SessionState::kIdle;
  if (was_idle) end_->keep_alive(info.This().As<Napi::Object>());
  try {
    session->start();
  } catch (...) {
    if (was_idle) end_->allow_exit();
    throw;
  }
  return info.Env().Undefined();
}

Napi::Value SessionHandle::pause(const Napi::CallbackInfo& info) {
  native()->pause();
  return info.Env().Undefined();
}

Napi::Value SessionHandle::resume(const Napi::CallbackInfo& info) {
  native()->resume();
  return info.Env().Undefined();
}

Napi::Value SessionHandle::cancel(const Napi::CallbackInfo& info) {
  native()->cancel();
  return info.Env().Undefined();
}

Napi::Value SessionHandle::drain(const Napi::CallbackInfo& info) {
  return progress_to_js(info.Env(), native()->drain());
}

Napi::Value SessionHandle::done(const Napi::CallbackInfo&) { return done_.Value(); }

Napi::Value SessionHandle::snapshot_tensor(const Napi::CallbackInfo& info) {
  const std::string name = text(info[0], "parameter", kMaxNameBytes);
  const Matrix matrix = native()->snapshot_tensor(name);
  auto data = std::make_shared<TensorData>();
  data->rows = matrix.rows;
  data->cols = matrix.cols;
  data->values.assign(matrix.values.begin(), matrix.values.end());
  return TensorHandle::create_from(info.Env(), std::move(data));
}

Napi::Value SessionHandle::snapshot_scales(const Napi::CallbackInfo& info) {
  const std::string layer = text(info[0], "layer", kMaxNameBytes);
  return layer_scales_to_js(info.Env(), native()->snapshot_scales(layer));
}

Napi::Value SessionHandle::checkpoint(const Napi::CallbackInfo& info) {
  std::shared_ptr<TrainingSession> session = native();
  using Bytes = std::vector<uint8_t>;
  return Job<Bytes>::start(
      info.Env(), "qat.session.checkpoint", std::make_shared<CancelToken>(),
      [session] { return session->checkpoint(); },
      [](Napi::Env env, Bytes& values) -> Napi::Value { return to_js(env, values); });
}

Napi::Value SessionHandle::restore(const Napi::CallbackInfo& info) {
  const Span<uint8_t> checkpoint = bytes(info[0], "checkpoint");
  native()->restore(checkpoint.data, checkpoint.size);
  return info.Env().Undefined();
}

Napi::Value SessionHandle::dispose_session(const Napi::CallbackInfo& info) {
  // Nothing waits here: SessionEnd holds a running session until its thread has ended.
  if (native_) native_->cancel();
  return dispose(info);
}

Napi::Value create_session(const Napi::CallbackInfo& info) {
  std::shared_ptr<Network> network = NetworkHandle::from(info[0], "network").native();
  std::shared_ptr<Dataset> train = DatasetHandle::from(info[1], "train").native();
  std::shared_ptr<Dataset> test = DatasetHandle::from(info[2], "test").native();
  std::shared_ptr<Network> teacher;
  if (!is_absent(info[4])) teacher = NetworkHandle::from(info[4], "teacher").native();
  auto session =
      std::make_shared<TrainingSession>(network, train, test, session_options(info[3]), teacher);
  const int64_t bytes_held = session->native_bytes();
  return SessionHandle::create(info.Env(), std::move(session), bytes_held);
}

}  // namespace qat::addon
