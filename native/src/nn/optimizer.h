// SGD, Adam, AdamW and RAdam with PyTorch's definitions and Lion (Chen et al. 2023), over a list of
// parameter arrays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/aligned.h"

namespace qat {

enum class OptimizerKind { kSgd, kAdam, kAdamW, kRAdam, kLion };

struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::kAdamW;
  double momentum = 0;  // SGD
  bool nesterov = false;
  double weight_decay = 0;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;  // all but SGD; Lion: beta2 0.99, no epsilon
};

// Throws E-NATIVE-ARGUMENT for values outside PyTorch's bounds.
void validate(const OptimizerOptions& options);

class Optimizer {
 public:
  // sizes: elements of each parameter array, in the order of step().
  Optimizer(const OptimizerOptions& options, const std::vector<int64_t>& sizes);

  // Before the updates of a step: counts it.
  void begin_step() { ++step_; }
  // Updates parameter `index` with its gradient.
  void update(size_t index, float* parameter, const float* gradient, double learning_rate);
  int64_t step() const { return step_; }
  int64_t native_bytes() const;

  // Moments for a checkpoint: first (or momentum buffer) and second, may be empty.
  struct Moments {
    AlignedVector<float> first, second;
  };
  const std::vector<Moments>& moments() const { return moments_; }
  std::vector<Moments>& mutable_moments() { return moments_; }
  void set_step(int64_t step) { step_ = step; }

 private:
  OptimizerOptions options_;
  std::vector<int64_t> sizes_;
  std::vector<Moments> moments_;
  int64_t step_ = 0;
};

// steps optimizer steps on given gradients [steps, size] from init [size]; → trajectory [steps, size].
std::vector<float> optimize_trajectory(const float* init, const float* gradients, int64_t steps,
                                       int64_t size, const OptimizerOptions& options,
                                       double learning_rate);

}  // namespace qat
