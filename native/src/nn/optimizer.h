// Optimizers over a list of parameter arrays: SGD, Adam, AdamW and RAdam with PyTorch's definitions,
// Lion (Chen et al. 2023) and Diode (binary and n-bit weights); each is a rule of optimizer_rule.h.
// Any of them can work in GaLore's projected space.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "nn/galore.h"
#include "runtime/aligned.h"

namespace qat {

// The numbers are in checkpoints: append only.
enum class OptimizerKind { kSgd, kAdam, kAdamW, kRAdam, kLion, kDiode };

struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::kAdamW;
  double momentum = 0;  // SGD
  bool nesterov = false;
  double weight_decay = 0;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;  // all but SGD; Lion has no epsilon
  double amplitude = 1e-3;  // Diode: the strongest initial vote
  uint64_t seed = 0;        // Diode's initial votes and GaLore's first subspace
  GaloreOptions galore;     // rank 0: not projected
};

// The kind's own defaults (Lion: beta2 0.99; Diode: betas 0.99 and 0.9999, epsilon 1e-6).
OptimizerOptions default_options(OptimizerKind kind);

// Throws E-NATIVE-ARGUMENT for values outside PyTorch's bounds.
void validate(const OptimizerOptions& options);

// One parameter array as the optimizer sees it.
struct ParameterSpec {
  int64_t rows = 0, cols = 1;
  bool binary = false;  // a 1-bit weight: only the sign of its values counts
  // Belongs to a quantizer that begins after so many steps. Until then a binary weight is a float as any other and
  // a scale or offset stands still; then both begin with a state of their own, at step 1 of the bias correction.
  bool of_quantizer = false;
  int64_t begins = 0;
  int64_t size() const { return rows * cols; }
};

class Optimizer {
 public:
  // In the order of update()'s index. Arrays with one row or one column are never projected.
  Optimizer(const OptimizerOptions& options, const std::vector<ParameterSpec>& parameters);
  // Arrays without a shape of their own.
  Optimizer(const OptimizerOptions& options, const std::vector<int64_t>& sizes);

  // Before the updates of a step: counts it.
  void begin_step() { ++step_; }
  // Updates parameter `index` with its gradient. Returns how many binary weights it flipped (Diode;
  // else 0).
  int64_t update(size_t index, float* parameter, const float* gradient, double learning_rate);
  int64_t step() const { return step_; }
  int64_t native_bytes() const;

  // State for a checkpoint: first moment (SGD: momentum buffer; Diode: mean gradient), second moment
  // (Diode: votes, of either sign), and GaLore's two bases. Each may be empty.
  struct Moments {
    AlignedVector<float> first, second, left, right;
  };
  const std::vector<Moments>& moments() const { return moments_; }
  std::vector<Moments>& mutable_moments() { return moments_; }
  void set_step(int64_t step) { step_ = step; }

  // The same state for a checkpoint that need not know what is in it. With the same options and
  // parameters there are the same arrays with the same sizes; copying their values and the step
  // makes the optimizer go on with the same bits.
  struct StateArray {
    std::string name;  // "<index>.first" …
    AlignedVector<float>* values;
    bool non_negative;  // a second moment: anything below 0 is a damaged file
  };
  std::vector<StateArray> state_arrays();

 private:
  struct Parameter {
    ParameterSpec spec;
    GaloreShape projected;  // used when is_projected()
    bool is_projected = false;
  };
  // Diode's rule for binary weights, once they are binary.
  bool votes(size_t index) const;
  // Steps before the parameter's state begins anew.
  int64_t steps_before(size_t index) const;
  int64_t update_projected(size_t index, float* parameter, const float* gradient,
                           double learning_rate);
  int64_t run(size_t index, const OptimizerOptions& options, int64_t size, float* parameter,
              const float* gradient, double learning_rate);

  OptimizerOptions options_;
  std::vector<Parameter> parameters_;
  std::vector<Moments> moments_;
  AlignedVector<float> decayed_, low_gradient_, low_update_, scratch_;  // of projected parameters
  int64_t step_ = 0;
};

// steps optimizer steps on given gradients [steps, rows, cols] from init [rows, cols];
// → trajectory [steps, rows, cols].
std::vector<float> optimize_trajectory(const float* init, const float* gradients, int64_t steps,
                                       const ParameterSpec& parameter,
                                       const OptimizerOptions& options, double learning_rate);
std::vector<float> optimize_trajectory(const float* init, const float* gradients, int64_t steps,
                                       int64_t size, const OptimizerOptions& options,
                                       double learning_rate);

}  // namespace qat
