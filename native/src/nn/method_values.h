// What a gradient rule rounds where that is not the weight itself, for looking at a quantizer without
// training one.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "nn/types.h"
#include "quant/grid.h"
#include "runtime/cancel.h"

namespace qat {

struct MethodValues {
  std::vector<float> values;  // [rows, cols]
  // Of all rows, by bits − 1: set by the rule in place of the range estimator. None where the rule does
  // not exist at these bits.
  std::vector<std::optional<Scales>> scales_by_bits;
};

// None: the method rounds the weight, with scales of the range estimator. w [rows, cols] finite.
std::optional<MethodValues> method_values(const WeightOptions& options, const float* w,
                                          int64_t rows, int64_t cols,
                                          const CancelToken* cancel = nullptr);

}  // namespace qat
