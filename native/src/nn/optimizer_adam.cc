// Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019), PyTorch's definitions.
#include "nn/optimizer_rule.h"
#include "qat/kernels.h"

namespace qat {
namespace {

template <bool decoupled>
int64_t step(const OptimizerOptions& o, const OptimizerPiece& p) {
  kernels().adam_step(p.parameter, p.gradient, p.first, p.second, p.count, p.learning_rate, o.beta1,
                      o.beta2, o.epsilon, o.weight_decay, decoupled, p.step);
  return 0;
}

int two(const OptimizerOptions&) { return 2; }

}  // namespace

OptimizerRule adam_rule() {
  return {OptimizerKind::kAdam, "adam", WeightDecay::kL2, {}, two, step<false>};
}

OptimizerRule adamw_rule() {
  return {OptimizerKind::kAdamW, "adamw", WeightDecay::kDecoupled, {}, two, step<true>};
}

}  // namespace qat
