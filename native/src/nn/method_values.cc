#include "nn/method_values.h"

#include "nn/weight_rule.h"
#include "runtime/cancel.h"

namespace qat {

std::optional<MethodValues> method_values(const WeightOptions& options, const float* w,
                                          int64_t rows, int64_t cols, const CancelToken* cancel) {
  const auto rule = make_weight_rule(options, rows, cols);
  if (!rule || !rule->changes_values()) return std::nullopt;
  MethodValues result;
  const float* values = rule->rounded_values(w);
  throw_if_cancelled(cancel);
  result.values.assign(values, values + rows * cols);
  for (int bits = 1; bits <= 8; ++bits) {
    WeightOptions at = options;
    at.quantizer = with_bits(options.quantizer, bits);
    result.scales_by_bits.emplace_back();
    if (at.quantizer.grid != options.quantizer.grid) continue;
    result.scales_by_bits.back() = make_weight_rule(at, rows, cols)->prepare(w, cancel);
    throw_if_cancelled(cancel);
  }
  return result;
}

}  // namespace qat
