#include "nn/optimizer_rule.h"

namespace qat {

const std::vector<OptimizerRule>& optimizer_rules() {
  static const std::vector<OptimizerRule> rules = {sgd_rule(),   adam_rule(), adamw_rule(),
                                                   radam_rule(), lion_rule(), diode_rule()};
  return rules;
}

const OptimizerRule& optimizer_rule(OptimizerKind kind) {
  return optimizer_rules()[static_cast<size_t>(kind)];
}

}  // namespace qat
