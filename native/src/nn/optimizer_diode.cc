// Diode, BITorch Engine's optimizer for low-bit weights (its DiodeMix), by the kind of parameter.
//
// Binary weights have no magnitude to descend on. Each holds a vote v for the sign −sign(v), which
// starts in favour of the sign it has, with a random strength up to `amplitude`, and is drawn towards
// lr·sign(mean gradient); when the vote turns against the sign, the weight flips. On a latent float
// weight a flip negates the value: |w| means nothing here, and mean|w|, the scale, stays as it is.
//
// All others: Adam whose ε stands beside √v before the bias correction, decoupled decay after the step.
#include <cfloat>
#include <cmath>

#include "nn/optimizer_rule.h"
#include "runtime/rng.h"

namespace qat {
namespace {

float sign_of(float w) { return w >= 0 ? 1.0f : -1.0f; }

void first_votes(const OptimizerOptions& o, const OptimizerPiece& piece) {
  for (int64_t i = 0; i < piece.count; ++i) {
    const double strength = 1 - uniform_at(piece.key, static_cast<uint64_t>(piece.begin + i));
    piece.second[i] = static_cast<float>(-sign_of(piece.parameter[i]) * strength * o.amplitude);
  }
}

int64_t binary_step(const OptimizerOptions& o, const OptimizerPiece& piece) {
  if (piece.step == 1) first_votes(o, piece);
  const float rest1 = static_cast<float>(1 - o.beta1), rest2 = static_cast<float>(1 - o.beta2);
  const float rate = static_cast<float>(piece.learning_rate);
  float *mean = piece.first, *vote = piece.second;
  int64_t flips = 0;
  for (int64_t i = 0; i < piece.count; ++i) {
    mean[i] += rest1 * (piece.gradient[i] - mean[i]);
    const float target = mean[i] > 0 ? rate : mean[i] < 0 ? -rate : 0.0f;
    vote[i] += rest2 * (target - vote[i]);
    float& w = piece.parameter[i];
    // Without a vote (exactly 0) a weight keeps its sign.
    if (vote[i] * sign_of(w) > 0) {
      w = w == 0 ? -FLT_MIN : -w;  // 0 counts as +, and has no negative
      ++flips;
    }
  }
  return flips;
}

int64_t dense_step(const OptimizerOptions& o, const OptimizerPiece& piece) {
  const double steps = static_cast<double>(piece.step), lr = piece.learning_rate;
  const float rate = static_cast<float>(lr * std::sqrt(1 - std::pow(o.beta2, steps)) /
                                        (1 - std::pow(o.beta1, steps)));
  const float beta1 = static_cast<float>(o.beta1), rest1 = static_cast<float>(1 - o.beta1);
  const float beta2 = static_cast<float>(o.beta2), rest2 = static_cast<float>(1 - o.beta2);
  const float epsilon = static_cast<float>(o.epsilon);
  const float keep = static_cast<float>(1 - lr * o.weight_decay);
  const float* g = piece.gradient;
  float *p = piece.parameter, *m = piece.first, *v = piece.second;
  for (int64_t i = 0; i < piece.count; ++i) {
    m[i] = beta1 * m[i] + rest1 * g[i];
    v[i] = beta2 * v[i] + rest2 * (g[i] * g[i]);
    p[i] = (p[i] - rate * (m[i] / (std::sqrt(v[i]) + epsilon))) * keep;
  }
  return 0;
}

int64_t step(const OptimizerOptions& o, const OptimizerPiece& piece) {
  return piece.binary ? binary_step(o, piece) : dense_step(o, piece);
}

}  // namespace

OptimizerRule diode_rule() {
  OptimizerRule rule{OptimizerKind::kDiode, "diode", WeightDecay::kDecoupled, {}, nullptr, step};
  rule.defaults.beta1 = 0.99;
  rule.defaults.beta2 = 0.9999;
  rule.defaults.epsilon = 1e-6;
  rule.moments = [](const OptimizerOptions&) { return 2; };
  return rule;
}

}  // namespace qat
