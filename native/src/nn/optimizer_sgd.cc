// Stochastic gradient descent with momentum and Nesterov momentum, PyTorch's definition.
#include "nn/optimizer_rule.h"
#include "qat/kernels.h"

namespace qat {
namespace {

int64_t step(const OptimizerOptions& o, const OptimizerPiece& p) {
  kernels().sgd_step(p.parameter, p.gradient, p.first, p.count, p.learning_rate, o.momentum,
                     o.weight_decay, o.nesterov, p.step == 1);
  return 0;
}

}  // namespace

OptimizerRule sgd_rule() {
  OptimizerRule rule{OptimizerKind::kSgd, "sgd", WeightDecay::kL2, {}, nullptr, step};
  rule.moments = [](const OptimizerOptions& o) { return o.momentum > 0 ? 1 : 0; };
  return rule;
}

}  // namespace qat
