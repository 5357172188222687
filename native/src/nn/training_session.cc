#include "nn/training_session.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "nn/session_impl.h"
#include "qat/error.h"

namespace qat {
namespace {

void require_option(bool good, const char* what) {
  if (good) return;
  throw Error("E-NATIVE-ARGUMENT", std::string("Training settings: ") + what + ".",
              "Correct the training settings.");
}

void validate_options(const SessionOptions& o) {
  validate(o.optimizer);
  require_option(o.learning_rate > 0 && std::isfinite(o.learning_rate),
                 "the learning rate must be above 0");
  require_option(o.epochs >= 1 && o.epochs <= 1000000, "epochs must be 1 to 1000000");
  require_option(o.batch_size >= 1 && o.batch_size <= (1 << 20), "the batch size must be 1 to 1048576");
  require_option(o.snapshot_ms >= 0, "snapshotMs must not be negative");
  validate(o.loss);
  require_option(o.gradient_bits == kFloatBits || (o.gradient_bits >= 1 && o.gradient_bits <= 8),
                 "gradient bits must be 1 to 8, or 32");
  require_option(o.dampening >= 0 && std::isfinite(o.dampening), "the dampening must not be negative");
  require_option(o.quantize_from >= 0 && o.freeze_norm_from >= 0, "steps must not be negative");
  require_option(o.gradient_clip >= 0 && std::isfinite(o.gradient_clip),
                 "the gradient clip must not be negative");
  require_option(o.scale_rate > 0 && std::isfinite(o.scale_rate),
                 "the rate of the scales must be above 0");
  validate(o.schedule);
  validate(o.monitor);
  require_option(o.ring_capacity >= 1, "the ring must hold at least one point");
}

void require_data(const char* which, const Dataset* data, const Network& network) {
  if (!data || data->features() != network.inputs() || data->classes() > network.outputs()) {
    throw Error("E-DATASET-MISMATCH",
                std::string("The ") + which + " data do not fit a network of " +
                    std::to_string(network.inputs()) + " inputs and " +
                    std::to_string(network.outputs()) + " outputs.",
                "Use data with as many features as inputs and no more classes than outputs.");
  }
}

bool needs_batch(Network& network) {
  for (const auto& node : NetworkAccess::nodes(network)) {
    if (node->module->needs_batch()) return true;
  }
  return false;
}

void require_teacher(const SessionOptions& options, const Network* teacher, const Network& network) {
  require_option(options.loss.needs_teacher() == (teacher != nullptr),
                 teacher ? "this loss has no use for a teacher" : "this loss needs a teacher");
  if (!teacher) return;
  require_option(teacher != &network, "a network cannot teach itself");
  if (teacher->inputs() == network.inputs() && teacher->outputs() == network.outputs()) return;
  throw Error("E-DATASET-MISMATCH",
              "The teacher has " + std::to_string(teacher->inputs()) + " inputs and " +
                  std::to_string(teacher->outputs()) + " outputs, the network " +
                  std::to_string(network.inputs()) + " and " + std::to_string(network.outputs()) +
                  ".",
              "Use a teacher with the network's inputs and outputs.");
}

SessionData make_data(std::shared_ptr<Network> network, std::shared_ptr<const Dataset> train,
                      std::shared_ptr<const Dataset> test, const SessionOptions& options,
                      std::shared_ptr<Network> teacher) {
  validate_options(options);
  require_option(network != nullptr, "there is no network");
  require_teacher(options, teacher.get(), *network);
  require_data("training", train.get(), *network);
  require_data("test", test.get(), *network);
  SessionData data;
  data.options = options;
  data.options.batch_size = std::min(options.batch_size, train->count());
  data.steps_per_epoch =
      (train->count() + data.options.batch_size - 1) / data.options.batch_size;
  const int64_t rest = train->count() % data.options.batch_size;
  if (needs_batch(*network)) {
    require_option(data.options.batch_size >= 2, "batch norm needs a batch size of at least 2");
    if (rest == 1) --data.steps_per_epoch;  // a batch of one has no variance
  }
  data.steps_total = data.steps_per_epoch * options.epochs;
  data.network = std::move(network);
  data.teacher = std::move(teacher);
  data.train = std::move(train);
  data.test = std::move(test);
  return data;
}

bool is_ended(SessionState state) {
  return state == SessionState::kFinished || state == SessionState::kCancelled ||
         state == SessionState::kFailed;
}

}  // namespace

const char* to_string(SessionState state) {
  switch (state) {
    case SessionState::kIdle: return "idle";
    case SessionState::kRunning: return "running";
    case SessionState::kPaused: return "paused";
    case SessionState::kFinished: return "finished";
    case SessionState::kCancelled: return "cancelled";
    case SessionState::kFailed: return "failed";
  }
  return "idle";
}

TrainingSession::TrainingSession(std::shared_ptr<Network> network,
                                 std::shared_ptr<const Dataset> train,
                                 std::shared_ptr<const Dataset> test,
                                 const SessionOptions& options,
                                 std::shared_ptr<Network> teacher) {
  SessionData data = make_data(std::move(network), std::move(train), std::move(test), options,
                               std::move(teacher));
  const std::shared_ptr<Network> held = data.network;
  NetworkUse use(*held);
  impl_ = std::make_unique<Impl>(std::move(data));
}

TrainingSession::~TrainingSession() {
  cancel();
  std::lock_guard<std::mutex> lock(impl_->join_mutex);
  if (impl_->thread.joinable()) impl_->thread.join();
}

void TrainingSession::start() {
  Impl& s = *impl_;
  std::lock_guard<std::mutex> lock(s.mutex);
  if (s.state != SessionState::kIdle) {
    throw Error("E-RUN-STATE",
                std::string("The session is ") + to_string(s.state) + " and cannot be started.",
                "Create a new session; restore() continues from a checkpoint.");
  }
  auto use = std::make_unique<NetworkUse>(*s.data.network);
  s.trainer.require_trainable();
  s.use = std::move(use);
  s.state = SessionState::kRunning;
  s.thread_active = true;
  s.snapshot_time = s.checkpoint_time = std::chrono::steady_clock::now() - kSnapshotInterval;
  try {
    s.thread = std::thread([&s] { s.run(); });
  } catch (const std::exception&) {
    s.thread_active = false;
    s.state = SessionState::kIdle;
    s.use.reset();
    throw Error("E-OUT-OF-MEMORY", "The training thread could not be started.",
                "Close other programs and try again.");
  }
}

void TrainingSession::pause() {
  std::lock_guard<std::mutex> lock(impl_->mutex);
  if (impl_->state == SessionState::kIdle) {
    throw Error("E-RUN-STATE", "The session was not started and cannot be paused.",
                "Call start() first.");
  }
  impl_->pause_wanted = true;
  impl_->changed.notify_all();
}

void TrainingSession::resume() {
  std::lock_guard<std::mutex> lock(impl_->mutex);
  if (impl_->state == SessionState::kIdle) {
    throw Error("E-RUN-STATE", "The session was not started and cannot be resumed.",
                "Call start() first.");
  }
  impl_->pause_wanted = false;
  impl_->changed.notify_all();
}

void TrainingSession::cancel() {
  std::function<void(SessionState)> callback;
  {
    std::lock_guard<std::mutex> lock(impl_->mutex);
    impl_->cancel_token.cancel();
    if (impl_->state == SessionState::kIdle) {
      impl_->state = SessionState::kCancelled;
      callback = std::move(impl_->on_ended);
      impl_->on_ended = nullptr;
    }
  }
  impl_->changed.notify_all();
  if (callback) callback(SessionState::kCancelled);
}

SessionState TrainingSession::state() const {
  std::lock_guard<std::mutex> lock(impl_->mutex);
  return impl_->state;
}

SessionProgress TrainingSession::drain() {
  Impl& s = *impl_;
  SessionProgress progress;
  {
    // State before points: when it says ended, every point was pushed already.
    std::lock_guard<std::mutex> lock(s.mutex);
    progress.state = s.state;
    progress.step = s.published_step;
    progress.steps_total = s.data.steps_total;
    progress.failure = s.failure;
    if (!s.step_times.empty()) {
      std::vector<double> times = s.step_times;
      const auto middle = times.begin() + static_cast<int64_t>(times.size() / 2);
      std::nth_element(times.begin(), middle, times.end());
      progress.step_ms = *middle;
    }
  }
  progress.steps = s.steps.drain();
  progress.evaluations = s.evaluations.drain();
  {
    // Taken by a waiting thread before it looks at the rings again: the wake-up cannot be lost.
    std::lock_guard<std::mutex> lock(s.mutex);
  }
  s.changed.notify_all();
  return progress;
}

void TrainingSession::on_ended(std::function<void(SessionState)> callback) {
  SessionState ended;
  {
    std::lock_guard<std::mutex> lock(impl_->mutex);
    if (!is_ended(impl_->state)) {
      impl_->on_ended = std::move(callback);
      return;
    }
    ended = impl_->state;
  }
  callback(ended);
}

Matrix TrainingSession::snapshot_tensor(const std::string& parameter) const {
  std::shared_ptr<const SessionSnapshot> taken;
  {
    std::lock_guard<std::mutex> lock(impl_->mutex);
    taken = impl_->snapshot;
  }
  return taken->tensor(parameter);
}

LayerScales TrainingSession::snapshot_scales(const std::string& layer) const {
  std::shared_ptr<const SessionSnapshot> taken;
  {
    std::lock_guard<std::mutex> lock(impl_->mutex);
    taken = impl_->snapshot;
  }
  return taken->layer_scales(layer);
}

std::vector<uint8_t> TrainingSession::checkpoint() {
  Impl& s = *impl_;
  std::unique_lock<std::mutex> lock(s.mutex);
  const bool fresh_needed = s.data.options.snapshot_ms == 0 || !s.last_checkpoint ||
                            s.state == SessionState::kPaused;
  if (s.thread_active && fresh_needed) {
    const uint64_t mine = ++s.checkpoints_wanted;
    s.changed.notify_all();
    s.changed.wait(lock, [&] { return s.checkpoints_served >= mine || !s.thread_active; });
  }
  if (s.last_checkpoint && s.state != SessionState::kIdle) {
    const std::shared_ptr<const std::vector<uint8_t>> bytes = s.last_checkpoint;
    lock.unlock();
    return *bytes;
  }
  NetworkUse use(*s.data.network);
  return write_checkpoint(s.data, s.trainer);
}

void TrainingSession::restore(const uint8_t* bytes, size_t size) {
  Impl& s = *impl_;
  std::lock_guard<std::mutex> lock(s.mutex);
  if (s.state != SessionState::kIdle) {
    throw Error("E-RUN-STATE",
                std::string("The session is ") + to_string(s.state) + " and cannot be restored.",
                "Restore into a new session before start().");
  }
  NetworkUse use(*s.data.network);
  read_checkpoint(bytes, size, s.data, s.trainer);
  s.published_step = s.data.position.step;
  s.order_epoch = -1;
  s.snapshot = take_snapshot(*s.data.network);
}

int64_t TrainingSession::native_bytes() const {
  std::lock_guard<std::mutex> lock(impl_->mutex);
  const int64_t order_bytes = impl_->data.train->count() * static_cast<int64_t>(sizeof(uint32_t));
  int64_t teacher_bytes = 0;
  if (impl_->data.options.loss.needs_teacher()) {
    const int64_t samples = impl_->data.train->count() + impl_->data.test->count();
    teacher_bytes = samples * impl_->data.network->outputs() * static_cast<int64_t>(sizeof(float));
  }
  return impl_->trainer.native_bytes() + order_bytes + teacher_bytes +
         impl_->snapshot->native_bytes();
}

}  // namespace qat
