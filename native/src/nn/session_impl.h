// The session's state and thread. Inside nn/ only: training_session.cc is what others call,
// session_thread.cc what the thread does.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "nn/network_node.h"
#include "nn/session_snapshot.h"
#include "nn/session_state.h"
#include "runtime/cancel.h"
#include "runtime/progress_ring.h"

namespace qat {

constexpr std::chrono::milliseconds kSnapshotInterval{200};

// Members above the mutex belong to the training thread while it runs, to the caller (with the mutex)
// before and after; members below it are always used with it.
struct TrainingSession::Impl {
  SessionData data;
  NetworkTrainer trainer;
  std::vector<uint32_t> order;
  int64_t order_epoch = -1;
  std::chrono::steady_clock::time_point snapshot_time, checkpoint_time;
  std::unique_ptr<NetworkUse> use;  // while the thread runs
  CancelToken cancel_token;
  ProgressRing<SessionStep> steps;
  ProgressRing<SessionEvaluation> evaluations;

  mutable std::mutex mutex;
  std::condition_variable changed;
  SessionState state = SessionState::kIdle;
  bool thread_active = false;
  bool pause_wanted = false;
  std::optional<SessionFailure> failure;
  int64_t published_step = 0;
  std::vector<double> step_times;
  size_t next_time = 0;
  std::shared_ptr<const SessionSnapshot> snapshot;
  uint64_t checkpoints_wanted = 0;
  uint64_t checkpoints_served = 0;
  std::shared_ptr<const std::vector<uint8_t>> last_checkpoint;
  std::function<void(SessionState)> on_ended;

  std::mutex join_mutex;
  std::thread thread;

  // The caller holds the network.
  explicit Impl(SessionData session_data);

  void run();
  SessionState train_to_the_end();
  void end(SessionState last);
  bool attend(bool needs_step_room, bool needs_evaluation_room);
  void serve_checkpoints(std::unique_lock<std::mutex>& lock);
  void ask_teacher();
  void measure_test(SessionEvaluation* point);
  void evaluate();
  void make_step();
  void shuffle_epoch(int64_t epoch);
  double learning_rate() const;
  double epoch_of(int64_t step) const {
    return static_cast<double>(step) / static_cast<double>(data.steps_per_epoch);
  }
  void publish_regularly();
  void publish_snapshot();
  void keep_checkpoint();
};

}  // namespace qat
