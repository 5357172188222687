// How one kind of optimizer updates one parameter array. To add one: a file with its rule, its
// declaration here and its row in optimizer_rule.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/optimizer.h"

namespace qat {

// A run of elements of one parameter array with their state, in one step. Rules work element by
// element, so how an array is cut changes no bits.
struct OptimizerPiece {
  float* parameter;
  const float* gradient;
  float* first;   // null when the rule keeps fewer moments
  float* second;
  int64_t count;
  int64_t step;  // from 1
  double learning_rate;
  bool binary;
  uint64_t key;    // random number of element i: uniform_at(key, begin + i)
  int64_t begin;   // place of the piece in the array
};

enum class WeightDecay {
  kL2,        // added to the gradient
  kDecoupled  // shrinks the weight (Loshchilov & Hutter 2019)
};

struct OptimizerRule {
  OptimizerKind kind;
  const char* name;
  WeightDecay decay;
  OptimizerOptions defaults;
  // How many moments per element (0, 1 or 2).
  int (*moments)(const OptimizerOptions& options);
  // Returns how many binary weights were flipped.
  int64_t (*step)(const OptimizerOptions& options, const OptimizerPiece& piece);
};

OptimizerRule sgd_rule();
OptimizerRule adam_rule();
OptimizerRule adamw_rule();
OptimizerRule radam_rule();
OptimizerRule lion_rule();
OptimizerRule diode_rule();

// One row per OptimizerKind, in its order.
const std::vector<OptimizerRule>& optimizer_rules();
const OptimizerRule& optimizer_rule(OptimizerKind kind);

}  // namespace qat
