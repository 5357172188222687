// Lion (Chen et al. 2023): the sign of an interpolated momentum; sign(0) = 0.
#include "nn/optimizer_rule.h"

namespace qat {
namespace {

int64_t step(const OptimizerOptions& o, const OptimizerPiece& piece) {
  const float beta1 = static_cast<float>(o.beta1), rest1 = static_cast<float>(1 - o.beta1);
  const float beta2 = static_cast<float>(o.beta2), rest2 = static_cast<float>(1 - o.beta2);
  const float rate = static_cast<float>(piece.learning_rate);
  const float keep = static_cast<float>(1 - piece.learning_rate * o.weight_decay);
  const float* g = piece.gradient;
  float *p = piece.parameter, *m = piece.first;
  for (int64_t i = 0; i < piece.count; ++i) {
    const float direction = beta1 * m[i] + rest1 * g[i];
    const float sign = direction > 0 ? 1.0f : direction < 0 ? -1.0f : 0.0f;
    p[i] = p[i] * keep - rate * sign;
    m[i] = beta2 * m[i] + rest2 * g[i];
  }
  return 0;
}

}  // namespace

OptimizerRule lion_rule() {
  OptimizerRule rule{OptimizerKind::kLion, "lion", WeightDecay::kDecoupled, {}, nullptr, step};
  rule.defaults.beta2 = 0.99;
  rule.moments = [](const OptimizerOptions&) { return 1; };
  return rule;
}

}  // namespace qat
