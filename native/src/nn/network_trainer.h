// Forward, backward and update of a network: one training step.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/dataset.h"
#include "nn/network.h"
#include "nn/network_node.h"
#include "nn/optimizer.h"
#include "runtime/aligned.h"

namespace qat {

// Learned scales stay positive and finite.
constexpr float kSmallestScale = 1e-20f;
constexpr float kLargestScale = 1e20f;

struct TrainerOptions {
  OptimizerOptions optimizer;
  double label_smoothing = 0;
  double gradient_clip = 0;  // longest gradient of all parameters together (L2); 0: as it is
  double scale_rate = 1;     // learning rate of learned scales, as a multiple of the others'
};

// Works on a network that the caller holds (NetworkUse). All buffers are made in the constructor or in
// the first step: later steps allocate nothing. One optimizer with the same hyper-parameters updates
// weights, biases, batch norm parameters and, at a rate of their own, learned scales.
class NetworkTrainer {
 public:
  NetworkTrainer(Network& network, const TrainerOptions& options, int64_t batch_size);

  // Trains on samples order[first … first+rows) (file order when null) and returns their mean loss
  // before the update. Throws E-TRAINING-DIVERGED, leaving the parameters as they are, when the loss
  // is not finite, and after the update when a scale is not.
  double step(const Dataset& data, const uint32_t* order, int64_t first, int64_t rows,
              double learning_rate);
  // Throws E-LAYER-STATE naming the first layer that has no float weight or is not prepared.
  void require_trainable() const;
  // Throws E-TRAINING-DIVERGED when a weight is NaN or infinite.
  void require_finite() const;
  Optimizer& optimizer() { return optimizer_; }
  const Optimizer& optimizer() const { return optimizer_; }
  int64_t native_bytes() const;

 private:
  enum class Role { kWeight, kBias, kScales, kActivationScale, kGamma, kBeta };
  struct Slot {
    NetworkAccess::Node* node;
    Role role;
    int64_t size;
    float* gradient = nullptr;
  };

  static std::vector<Slot> make_slots(Network& network);
  static std::vector<int64_t> slot_sizes(const std::vector<Slot>& slots);
  const float* forward(int64_t rows);
  void backward(int64_t rows);
  void set_gradient(const NetworkAccess::Node* node, Role role, float* gradient);
  void clip_gradients();
  void update(double learning_rate);
  void update_scales(size_t index, float* scales, double learning_rate);

  Network& network_;
  TrainerOptions options_;
  std::vector<Slot> slots_;
  Optimizer optimizer_;
  AlignedVector<float> input_;                 // [batch, inputs]
  std::vector<AlignedVector<float>> outputs_;  // per node; empty for ReLU, which works in place
  std::vector<float*> values_;                 // output of every node
  AlignedVector<float> gradient_a_, gradient_b_;
  std::vector<uint8_t> labels_;
  std::vector<double> norm_partials_;
};

}  // namespace qat
