// Trains a network on its own thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nn/dataset.h"
#include "nn/layer_monitor.h"
#include "nn/losses.h"
#include "nn/network.h"
#include "nn/optimizer.h"
#include "nn/schedule.h"
#include "nn/types.h"

namespace qat {

enum class SessionState { kIdle, kRunning, kPaused, kFinished, kCancelled, kFailed };

const char* to_string(SessionState state);  // "idle", "running", …

struct SessionOptions {
  OptimizerOptions optimizer;
  double learning_rate = 0.001;
  Schedule schedule;
  int64_t epochs = 1;
  int64_t batch_size = 128;
  uint64_t seed = 1;
  bool shuffle = true;         // false: batches in file order
  int64_t snapshot_ms = 0;     // keep a checkpoint in memory every so often; 0: never
  LossOptions loss;
  double gradient_clip = 0;    // see TrainerOptions
  double scale_rate = 1;
  int gradient_bits = kFloatBits;
  double dampening = 0;        // see TrainingPosition
  int64_t quantize_from = 0;
  int64_t freeze_norm_from = INT64_MAX;
  MonitorOptions monitor;
  size_t ring_capacity = 8192; // step points not drained yet; the session waits rather than lose one
};

struct SessionStep {
  int64_t step = 0;   // 1 after the first update
  double epoch = 0;   // step / steps per epoch
  double loss = 0;    // of the batch, before the update
  double learning_rate = 0;
  std::vector<LayerStep> layers;  // as LayerMonitor follows them, when it is the step's turn
};

struct LayerDiagnostics {
  std::string name;
  std::optional<double> sqnr_db;  // none: exact (and always for float weights)
  double scale_mean = 0;
  double flip_share = 0;  // codes changed since the evaluation before
};

struct SessionEvaluation {
  int64_t step = 0;
  double epoch = 0;
  double test_loss = 0;
  std::optional<double> test_accuracy;  // none: the loss takes no labels
  std::vector<LayerDiagnostics> layers;  // n-bit layers only
};

struct SessionFailure {
  std::string code, message, remedy;
};

struct SessionProgress {
  SessionState state = SessionState::kIdle;
  int64_t step = 0;
  int64_t steps_total = 0;
  std::optional<double> step_ms;  // median of the last steps
  std::vector<SessionStep> steps;
  std::vector<SessionEvaluation> evaluations;
  std::optional<SessionFailure> failure;
};

// All methods may be called from any thread; none waits for training but checkpoint() (for at most
// the running step or evaluation batch) and the destructor. Same seed, instruction set and thread
// count: same bits.
class TrainingSession {
 public:
  // Throws E-DATASET-MISMATCH when the data do not fit the network, E-NATIVE-ARGUMENT for options,
  // E-LAYER-STATE for a layer that cannot be trained (not prepared, packedOnly).
  // `teacher`: for losses that need one, else null; it is read once, when the training starts.
  TrainingSession(std::shared_ptr<Network> network, std::shared_ptr<const Dataset> train,
                  std::shared_ptr<const Dataset> test, const SessionOptions& options,
                  std::shared_ptr<Network> teacher = nullptr);
  ~TrainingSession();  // cancels and joins

  void start();   // idle only, else E-RUN-STATE
  void pause();   // running (or paused: nothing happens)
  void resume();  // paused (or running)
  void cancel();  // any time; idle becomes cancelled
  SessionState state() const;
  SessionProgress drain();
  // Called once, on the session's thread (or at once when it has already ended), when the state has
  // become finished, cancelled or failed. It must not destroy the session: that joins the thread.
  void on_ended(std::function<void(SessionState)> callback);
  // Parameter by name as of the last snapshot (between steps, at most every 200 ms).
  Matrix snapshot_tensor(const std::string& parameter) const;
  LayerScales snapshot_scales(const std::string& layer) const;
  // Everything an exact resume needs. Waits for the next step boundary: not for the JavaScript thread.
  // With snapshot_ms a running session gives the one it kept last, without waiting.
  std::vector<uint8_t> checkpoint();
  // idle only. Throws E-CHECKPOINT for bytes that are damaged, newer, or of another network, data or
  // options; the session is then as it was.
  void restore(const uint8_t* bytes, size_t size);
  int64_t native_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace qat
