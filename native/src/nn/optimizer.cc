#include "nn/optimizer.h"

#include <cmath>
#include <cstring>
#include <string>

#include "qat/error.h"
#include "qat/kernels.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

// Elements per piece of work; updates are elementwise, so the split changes no bits.
constexpr int64_t kGrain = 16384;

void require(bool good, const char* what) {
  if (good) return;
  throw Error("E-NATIVE-ARGUMENT", std::string("Optimizer: ") + what + ".",
              "Correct the training settings.");
}

}  // namespace

void validate(const OptimizerOptions& o) {
  require(o.momentum >= 0 && std::isfinite(o.momentum), "momentum must be at least 0");
  require(o.weight_decay >= 0 && std::isfinite(o.weight_decay), "weight decay must be at least 0");
  require(o.beta1 >= 0 && o.beta1 < 1, "beta1 must be in [0, 1)");
  require(o.beta2 >= 0 && o.beta2 < 1, "beta2 must be in [0, 1)");
  require(o.epsilon >= 0 && std::isfinite(o.epsilon), "epsilon must be at least 0");
  require(!o.nesterov || o.momentum > 0, "Nesterov needs a momentum");
}

Optimizer::Optimizer(const OptimizerOptions& options, const std::vector<int64_t>& sizes)
    : options_(options), sizes_(sizes), moments_(sizes.size()) {
  validate(options);
  const bool adam = options.kind != OptimizerKind::kSgd;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const auto n = static_cast<size_t>(sizes[i]);
    if (adam || options.momentum > 0) moments_[i].first.assign(n, 0.0f);
    if (adam) moments_[i].second.assign(n, 0.0f);
  }
}

void Optimizer::update(size_t index, float* parameter, const float* gradient,
                       double learning_rate) {
  const OptimizerOptions& o = options_;
  Moments& moments = moments_[index];
  const Kernels& k = kernels();
  const double lr = learning_rate;
  parallel_for(sizes_[index], kGrain, [&](int64_t begin, int64_t end) {
    float* m = moments.first.empty() ? nullptr : moments.first.data() + begin;
    float* v = moments.second.empty() ? nullptr : moments.second.data() + begin;
    if (o.kind == OptimizerKind::kSgd) {
      k.sgd_step(parameter + begin, gradient + begin, m, end - begin, lr,
                 o.momentum, o.weight_decay, o.nesterov, step_ == 1);
    } else {
      k.adam_step(parameter + begin, gradient + begin, m, v, end - begin, lr,
                  o.beta1, o.beta2, o.epsilon, o.weight_decay, o.kind == OptimizerKind::kAdamW,
                  step_);
    }
  });
}

int64_t Optimizer::native_bytes() const {
  size_t floats = 0;
  for (const Moments& m : moments_) floats += m.first.size() + m.second.size();
  return static_cast<int64_t>(floats * sizeof(float));
}

std::vector<float> optimize_trajectory(const float* init, const float* gradients, int64_t steps,
                                       int64_t size, const OptimizerOptions& options,
                                       double learning_rate) {
  require(steps >= 0 && size > 0, "needs at least one parameter");
  Optimizer optimizer(options, {size});
  const auto n = static_cast<size_t>(size);
  std::vector<float> parameter(init, init + n);
  std::vector<float> trajectory(static_cast<size_t>(steps) * n);
  for (int64_t s = 0; s < steps; ++s) {
    optimizer.begin_step();
    optimizer.update(0, parameter.data(), gradients + s * size, learning_rate);
    std::memcpy(trajectory.data() + s * size, parameter.data(), n * sizeof(float));
  }
  return trajectory;
}

}  // namespace qat
