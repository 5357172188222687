// Forward, backward and update of a network: one training step.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/dataset.h"
#include "nn/network.h"
#include "nn/network_node.h"
#include "nn/layer_monitor.h"
#include "nn/losses.h"
#include "nn/optimizer.h"
#include "runtime/aligned.h"

namespace qat {

// Bounds of a learned scale's magnitude; its sign stays.
constexpr float kSmallestScale = 1e-20f;
constexpr float kLargestScale = 1e20f;

struct TrainerOptions {
  OptimizerOptions optimizer;
  LossOptions loss;
  double gradient_clip = 0;  // longest gradient of all parameters together (L2); 0: as it is
  double scale_rate = 1;     // learning rate of learned scales, as a multiple of the others'
  int gradient_bits = kFloatBits;  // of what n-bit layers get back (DoReFa)
  MonitorOptions monitor;
  int64_t quantize_from = 0;  // steps before quantization begins (TrainingPosition)
};

// Works on a network that the caller holds (NetworkUse). All buffers are made in the constructor or in
// the first step. One optimizer with the same hyper-parameters updates
// every learned parameter and, at a rate of their own, the learned scales.
class NetworkTrainer {
 public:
  NetworkTrainer(Network& network, const TrainerOptions& options, int64_t batch_size);

  // Trains on samples order[first … first+rows) (file order when null) and returns their mean loss
  // before the update. Throws E-TRAINING-DIVERGED, naming node and step: leaving the parameters as they
  // are when the loss or a gradient is not finite, and after the update when a parameter is not.
  double step(const Dataset& data, const uint32_t* order, int64_t first, int64_t rows,
              double learning_rate, const TrainingPosition& position = {});
  // Tells every module where the training stands; step() does it too.
  void place(const TrainingPosition& position);
  // Outputs of the teacher for every training sample [samples, outputs], which must outlive the steps.
  void set_teacher(const float* outputs) { teacher_ = outputs; }
  // Throws E-LAYER-STATE naming the first layer that has no float weight or is not prepared.
  void require_trainable() const;
  // Throws E-TRAINING-DIVERGED when a weight is NaN or infinite.
  void require_finite() const;
  Optimizer& optimizer() { return optimizer_; }
  const Optimizer& optimizer() const { return optimizer_; }
  LayerMonitor& monitor() { return monitor_; }
  int64_t native_bytes() const;

 private:
  using Role = ModuleParameter::Role;
  struct Slot {  // a parameter with a gradient
    NetworkAccess::Node* node;
    size_t index;  // of the module's parameters
    int64_t rows, cols;
    Role role;
    bool binary;
    float* gradient = nullptr;
    int64_t size() const { return rows * cols; }
  };

  static std::vector<Slot> make_slots(Network& network);
  static std::vector<ParameterSpec> specs_of(const std::vector<Slot>& slots, int64_t quantize_from);
  const float* forward(int64_t rows);
  void backward(int64_t rows);
  void plan_gradients(int64_t batch_size);
  void backward_node(size_t index, int64_t rows, std::vector<char>& written);
  const float* value_of(int64_t node) const;
  float* branch(size_t input, int64_t count);
  const float* teacher_rows(const uint32_t* order, int64_t first, int64_t rows);
  void clip_gradients();
  [[noreturn]] void refuse_loss(int64_t rows) const;
  void require_finite_slots(bool gradients) const;
  void update(double learning_rate);
  void update_scales(size_t index, float* scales, double learning_rate);

  Network& network_;
  TrainerOptions options_;
  std::vector<Slot> slots_;
  Optimizer optimizer_;
  LayerMonitor monitor_;
  AlignedVector<float> input_;                 // [batch, inputs]
  std::vector<AlignedVector<float>> outputs_;  // per node
  std::vector<AlignedVector<float>> gradient_buffers_;
  std::vector<float*> gradients_;  // of every node's output, in one of the buffers
  // Per input of a node: the gradient of a value that others take too, to be added to theirs.
  std::vector<AlignedVector<float>> branches_;
  const float* teacher_ = nullptr;
  AlignedVector<float> teacher_batch_;
  TrainingPosition position_;
  std::vector<uint8_t> labels_;
  std::vector<double> norm_partials_;
  std::vector<float> scales_before_;
};

}  // namespace qat
