// RAdam (Liu et al. 2020), PyTorch's definition: Adam whose step is rectified for the variance of its
// second moment, and plain momentum while that variance is not tractable.
#include <cmath>

#include "nn/optimizer_rule.h"

namespace qat {
namespace {

// What the steps so far allow: the rate to multiply with, and whether the second moment takes part.
struct Rectification {
  float rate;
  bool rectified;
};

Rectification rectification(const OptimizerOptions& o, double lr, int64_t step) {
  const double steps = static_cast<double>(step);
  const double power2 = std::pow(o.beta2, steps);
  const double correction1 = 1 - std::pow(o.beta1, steps), correction2 = 1 - power2;
  const double longest = 2 / (1 - o.beta2) - 1;
  const double length = longest - 2 * steps * power2 / correction2;
  if (!(length > 5)) return {static_cast<float>(lr / correction1), false};
  const double rectifier = std::sqrt((length - 4) * (length - 2) * longest /
                                     ((longest - 4) * (longest - 2) * length));
  return {static_cast<float>(lr / correction1 * rectifier * std::sqrt(correction2)), true};
}

// Scalars are computed in double and rounded to float once, as in the kernels.
int64_t step(const OptimizerOptions& o, const OptimizerPiece& piece) {
  const Rectification now = rectification(o, piece.learning_rate, piece.step);
  const float beta1 = static_cast<float>(o.beta1), rest1 = static_cast<float>(1 - o.beta1);
  const float beta2 = static_cast<float>(o.beta2), rest2 = static_cast<float>(1 - o.beta2);
  const float decay = static_cast<float>(o.weight_decay), epsilon = static_cast<float>(o.epsilon);
  float* p = piece.parameter;
  float *m = piece.first, *v = piece.second;
  for (int64_t i = 0; i < piece.count; ++i) {
    const float d = piece.gradient[i] + decay * p[i];
    m[i] = beta1 * m[i] + rest1 * d;
    v[i] = beta2 * v[i] + rest2 * (d * d);
    p[i] -= now.rectified ? now.rate * m[i] / (std::sqrt(v[i]) + epsilon) : now.rate * m[i];
  }
  return 0;
}

}  // namespace

OptimizerRule radam_rule() {
  OptimizerRule rule{OptimizerKind::kRAdam, "radam", WeightDecay::kL2, {}, nullptr, step};
  rule.moments = [](const OptimizerOptions&) { return 2; };
  return rule;
}

}  // namespace qat
