// What the training thread does.
#include <algorithm>
#include <cmath>
#include <exception>
#include <new>
#include <numeric>

#include "nn/session_impl.h"
#include "qat/error.h"
#include "runtime/rng.h"

namespace qat {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr size_t kTimedSteps = 64;
constexpr size_t kEvaluationRing = 1024;

double elapsed_ms(Clock::time_point since) {
  return std::chrono::duration<double, std::milli>(Clock::now() - since).count();
}

SessionFailure failure_of(const std::exception& error) {
  if (const auto* known = dynamic_cast<const Error*>(&error)) {
    return {known->code(), known->what(), known->remedy()};
  }
  if (dynamic_cast<const std::bad_alloc*>(&error)) {
    return {"E-OUT-OF-MEMORY", "There was not enough memory to go on training.",
            "Use a smaller batch size, or close other programs."};
  }
  return {"E-INTERNAL", error.what(), "Report this with the log."};
}

}  // namespace

static TrainerOptions trainer_options(const SessionOptions& options) {
  TrainerOptions result{options.optimizer, options.loss, options.gradient_clip, options.scale_rate,
                        options.gradient_bits, options.monitor, options.quantize_from};
  result.optimizer.seed = options.seed;
  return result;
}

// Figures of many layers take room: no more than about 50 MB of them wait to be drained.
static size_t step_room(const SessionData& data) {
  constexpr size_t kMostFigures = 400000;
  if (data.options.monitor.every == 0) return data.options.ring_capacity;
  const size_t layers = std::max<size_t>(1, NetworkAccess::nodes(*data.network).size());
  return std::min(data.options.ring_capacity, std::max<size_t>(16, kMostFigures / layers));
}

TrainingSession::Impl::Impl(SessionData session_data)
    : data(std::move(session_data)),
      trainer(*data.network, trainer_options(data.options), data.options.batch_size),
      order(static_cast<size_t>(data.train->count())),
      steps(step_room(data)),
      evaluations(kEvaluationRing) {
  step_times.reserve(kTimedSteps);
  snapshot = take_snapshot(*data.network);
}

void TrainingSession::Impl::run() {
  SessionState last = SessionState::kFailed;
  try {
    last = train_to_the_end();
  } catch (const Error& error) {
    if (error.code() == "E-CANCELLED") {
      last = SessionState::kCancelled;
    } else {
      std::lock_guard<std::mutex> lock(mutex);
      failure = failure_of(error);
    }
  } catch (const std::exception& error) {
    std::lock_guard<std::mutex> lock(mutex);
    failure = failure_of(error);
  }
  end(last);
}

TrainingPosition training_position(const SessionData& data, int64_t step) {
  const SessionOptions& o = data.options;
  TrainingPosition position;
  position.seed = o.seed;
  position.step = step;
  position.steps_total = data.steps_total;
  position.quantize_from = o.quantize_from;
  position.freeze_norm_from = o.freeze_norm_from;
  position.dampening = o.dampening;
  return position;
}

// The teacher does not change, so each sample is asked once.
void TrainingSession::Impl::ask_teacher() {
  if (!data.teacher) return;
  const auto mode = EvaluationMode::kFakeQuant;
  data.teacher_train = data.teacher->logits(*data.train, mode, &cancel_token);
  data.teacher_test = data.teacher->logits(*data.test, mode, &cancel_token);
  trainer.set_teacher(data.teacher_train.data());
  data.teacher.reset();  // its outputs are all that is needed of it
}

SessionState TrainingSession::Impl::train_to_the_end() {
  ask_teacher();
  for (;;) {
    const bool evaluation_due = data.position.evaluation_pending;
    const bool step_due = !evaluation_due && data.position.step < data.steps_total;
    if (!attend(step_due, evaluation_due)) return SessionState::kCancelled;
    if (evaluation_due) {
      evaluate();
    } else if (step_due) {
      make_step();
    } else {
      return SessionState::kFinished;
    }
    publish_regularly();
  }
}

// Between steps: answers checkpoint requests, waits while paused and while the ring it is about to
// fill is full. False when cancelled. The only producer is this thread: room found here stays.
bool TrainingSession::Impl::attend(bool needs_step_room, bool needs_evaluation_room) {
  std::unique_lock<std::mutex> lock(mutex);
  for (;;) {
    if (cancel_token.cancelled()) return false;
    serve_checkpoints(lock);
    if (cancel_token.cancelled()) return false;
    if (pause_wanted) {
      if (state != SessionState::kPaused) {
        lock.unlock();
        publish_snapshot();
        lock.lock();
        state = SessionState::kPaused;
        continue;
      }
    } else {
      state = SessionState::kRunning;
      const bool room = (!needs_step_room || steps.size() < steps.capacity()) &&
                        (!needs_evaluation_room || evaluations.size() < evaluations.capacity());
      if (room) return true;
    }
    changed.wait(lock, [&] {
      return cancel_token.cancelled() || checkpoints_wanted != checkpoints_served ||
             (pause_wanted ? state != SessionState::kPaused
                           : state == SessionState::kPaused ||
                                 (steps.size() < steps.capacity() &&
                                  evaluations.size() < evaluations.capacity()));
    });
  }
}

void TrainingSession::Impl::serve_checkpoints(std::unique_lock<std::mutex>& lock) {
  if (checkpoints_wanted == checkpoints_served) return;
  const uint64_t serving = checkpoints_wanted;
  lock.unlock();
  auto bytes = std::make_shared<const std::vector<uint8_t>>(write_checkpoint(data, trainer));
  lock.lock();
  last_checkpoint = std::move(bytes);
  checkpoints_served = serving;
  changed.notify_all();
}

void TrainingSession::Impl::measure_test(SessionEvaluation* point) {
  const auto mode = EvaluationMode::kFakeQuant;
  if (data.options.loss.kind != LossKind::kTeacherMse) {
    const EvaluationResult result =
        NetworkAccess::evaluate(*data.network, *data.test, mode, &cancel_token);
    point->test_loss = result.loss;
    point->test_accuracy = result.accuracy;
    return;
  }
  const std::vector<float> outputs =
      NetworkAccess::logits(*data.network, *data.test, mode, &cancel_token);
  point->test_loss = mean_squared_error(outputs.data(), data.teacher_test.data(),
                                        data.test->count(), data.network->outputs(), nullptr);
}

void TrainingSession::Impl::evaluate() {
  trainer.require_finite();
  // As it was in the step that led here: a start as float is shown as float.
  trainer.place(training_position(data, std::max<int64_t>(0, data.position.step - 1)));
  SessionEvaluation point;
  measure_test(&point);
  if (!std::isfinite(point.test_loss)) {
    throw Error("E-TRAINING-DIVERGED",
                "The training diverged: the test loss is not a finite number.",
                "Lower the learning rate, or prepare the layers again and start over.");
  }
  point.step = data.position.step;
  point.epoch = epoch_of(point.step);
  point.layers = diagnose_layers(*data.network, data.codes);
  data.position.evaluation_pending = false;
  evaluations.try_push(std::move(point));
}

void TrainingSession::Impl::shuffle_epoch(int64_t epoch) {
  if (order_epoch == epoch) return;
  std::iota(order.begin(), order.end(), 0u);
  // Each epoch has a stream of its own: a resumed run needs the seed and the step alone.
  uint64_t mixed = data.options.seed + 0x9e3779b97f4a7c15u * static_cast<uint64_t>(epoch);
  if (data.options.shuffle) Rng(splitmix64(mixed)).shuffle(order);
  order_epoch = epoch;
}

double TrainingSession::Impl::learning_rate() const {
  return data.options.learning_rate * schedule_factor(data.options.schedule, data.position.step,
                                                      data.steps_total, data.steps_per_epoch);
}

void TrainingSession::Impl::make_step() {
  const Clock::time_point begin = Clock::now();
  const int64_t step = data.position.step;
  shuffle_epoch(step / data.steps_per_epoch);
  const int64_t first = step % data.steps_per_epoch * data.options.batch_size;
  const int64_t rows = std::min(data.options.batch_size, data.train->count() - first);
  SessionStep point;
  point.learning_rate = learning_rate();
  point.loss = trainer.step(*data.train, order.data(), first, rows, point.learning_rate,
                            training_position(data, step));
  point.step = ++data.position.step;
  point.epoch = epoch_of(point.step);
  data.position.evaluation_pending = point.step % data.steps_per_epoch == 0;
  point.layers = trainer.monitor().take();
  steps.try_push(std::move(point));

  const double ms = elapsed_ms(begin);
  std::lock_guard<std::mutex> lock(mutex);
  published_step = data.position.step;
  if (step_times.size() < kTimedSteps) {
    step_times.push_back(ms);
  } else {
    step_times[next_time++ % kTimedSteps] = ms;
  }
}

void TrainingSession::Impl::publish_regularly() {
  const Clock::time_point now = Clock::now();
  if (now - snapshot_time >= kSnapshotInterval) publish_snapshot();
  const milliseconds interval(data.options.snapshot_ms);
  if (interval.count() > 0 && now - checkpoint_time >= interval) keep_checkpoint();
}

void TrainingSession::Impl::publish_snapshot() {
  auto taken = take_snapshot(*data.network);
  snapshot_time = Clock::now();
  std::lock_guard<std::mutex> lock(mutex);
  snapshot = std::move(taken);
}

void TrainingSession::Impl::keep_checkpoint() {
  auto bytes = std::make_shared<const std::vector<uint8_t>>(write_checkpoint(data, trainer));
  checkpoint_time = Clock::now();
  std::lock_guard<std::mutex> lock(mutex);
  last_checkpoint = std::move(bytes);
}

void TrainingSession::Impl::end(SessionState last) {
  std::shared_ptr<const SessionSnapshot> taken;
  std::shared_ptr<const std::vector<uint8_t>> bytes;
  try {
    taken = take_snapshot(*data.network);
    bytes = std::make_shared<const std::vector<uint8_t>>(write_checkpoint(data, trainer));
  } catch (const std::exception&) {
    // Out of memory at the very end: the last snapshot stays, and checkpoint() tries again itself.
  }
  use.reset();
  std::function<void(SessionState)> callback;
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (taken) snapshot = std::move(taken);
    if (bytes) last_checkpoint = std::move(bytes);
    checkpoints_served = checkpoints_wanted;
    state = last;
    thread_active = false;
    callback = std::move(on_ended);
    on_ended = nullptr;
  }
  changed.notify_all();
  if (callback) callback(last);
}

}  // namespace qat
