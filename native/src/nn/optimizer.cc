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

// Liu et al. 2020: Adam whose step is rectified for the variance of its second moment, and plain
// momentum while that variance is not tractable. L2 weight decay. Scalars are computed in double and
// rounded to float once, as in the kernels.
void radam_step(float* p, const float* g, float* m, float* v, int64_t n, double lr,
                const OptimizerOptions& o, int64_t t) {
  const double steps = static_cast<double>(t);
  const double power2 = std::pow(o.beta2, steps);
  const double correction1 = 1 - std::pow(o.beta1, steps), correction2 = 1 - power2;
  const double longest = 2 / (1 - o.beta2) - 1;
  const double length = longest - 2 * steps * power2 / correction2;
  const bool rectified = length > 5;
  const double rectifier =
      rectified ? std::sqrt((length - 4) * (length - 2) * longest /
                            ((longest - 4) * (longest - 2) * length))
                : 1;
  const float rate = static_cast<float>(
      rectified ? lr / correction1 * rectifier * std::sqrt(correction2) : lr / correction1);
  const float beta1 = static_cast<float>(o.beta1), rest1 = static_cast<float>(1 - o.beta1);
  const float beta2 = static_cast<float>(o.beta2), rest2 = static_cast<float>(1 - o.beta2);
  const float decay = static_cast<float>(o.weight_decay), epsilon = static_cast<float>(o.epsilon);
  for (int64_t i = 0; i < n; ++i) {
    const float d = g[i] + decay * p[i];
    m[i] = beta1 * m[i] + rest1 * d;
    v[i] = beta2 * v[i] + rest2 * (d * d);
    p[i] -= rectified ? rate * m[i] / (std::sqrt(v[i]) + epsilon) : rate * m[i];
  }
}

// The sign of an interpolated momentum; decoupled weight decay; sign(0) = 0.
void lion_step(float* p, const float* g, float* m, int64_t n, double lr, const OptimizerOptions& o) {
  const float beta1 = static_cast<float>(o.beta1), rest1 = static_cast<float>(1 - o.beta1);
  const float beta2 = static_cast<float>(o.beta2), rest2 = static_cast<float>(1 - o.beta2);
  const float rate = static_cast<float>(lr), keep = static_cast<float>(1 - lr * o.weight_decay);
  for (int64_t i = 0; i < n; ++i) {
    const float direction = beta1 * m[i] + rest1 * g[i];
    const float sign = direction > 0 ? 1.0f : direction < 0 ? -1.0f : 0.0f;
    p[i] = p[i] * keep - rate * sign;
    m[i] = beta2 * m[i] + rest2 * g[i];
  }
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
  const bool sgd = options.kind == OptimizerKind::kSgd;
  const bool second = !sgd && options.kind != OptimizerKind::kLion;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const auto n = static_cast<size_t>(sizes[i]);
    if (!sgd || options.momentum > 0) moments_[i].first.assign(n, 0.0f);
    if (second) moments_[i].second.assign(n, 0.0f);
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
    float* p = parameter + begin;
    const float* g = gradient + begin;
    const int64_t n = end - begin;
    switch (o.kind) {
      case OptimizerKind::kSgd:
        k.sgd_step(p, g, m, n, lr, o.momentum, o.weight_decay, o.nesterov, step_ == 1);
        break;
      case OptimizerKind::kAdam:
      case OptimizerKind::kAdamW:
        k.adam_step(p, g, m, v, n, lr, o.beta1, o.beta2, o.epsilon, o.weight_decay,
                    o.kind == OptimizerKind::kAdamW, step_);
        break;
      case OptimizerKind::kRAdam: radam_step(p, g, m, v, n, lr, o, step_); break;
      case OptimizerKind::kLion: lion_step(p, g, m, n, lr, o); break;
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
