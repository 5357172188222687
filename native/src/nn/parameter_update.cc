#include "nn/parameter_update.h"

#include <string>

#include "qat/error.h"

namespace qat {

void require_finite_update(const char* what, const float* values, const float* changes,
                           int64_t count) {
  if (!changes) return;
  for (int64_t i = 0; i < count; ++i) {
    if (std::isfinite(values[i] + changes[i])) continue;
    throw Error("E-TRAINING-DIVERGED",
                std::string("The update makes ") + what + " " + std::to_string(i) +
                    " NaN or infinite.",
                "Use a lower learning rate.");
  }
}

}  // namespace qat
