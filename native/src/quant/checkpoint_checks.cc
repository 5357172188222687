#include "quant/checkpoint_checks.h"

#include "qat/error.h"
#include "quant/statistics.h"

namespace qat {

void fail_checkpoint(const std::string& message) {
  throw Error("E-NATIVE-ARGUMENT", message, "Pass the tensors of this layer's checkpoint.");
}

void require_size(const std::string& field, size_t got, int64_t expected) {
  if (got == static_cast<size_t>(expected)) return;
  fail_checkpoint(field + " must hold " + std::to_string(expected) + " values, not " +
                  std::to_string(got) + ".");
}

void require_finite(const std::string& field, const std::vector<float>& values) {
  if (values.empty()) return;
  const int64_t bad = find_not_finite(values.data(), static_cast<int64_t>(values.size()));
  if (bad < 0) return;
  fail_checkpoint(field + " must be finite; element " + std::to_string(bad) +
                  " is NaN or infinite.");
}

}  // namespace qat
