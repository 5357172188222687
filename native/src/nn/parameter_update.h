// What an update from outside may do to float parameters.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace qat {

// A scale keeps its sign: one that an update takes across 0 is mirrored, and its magnitude stays
// within 1e−20 … 1e20.
inline float updated_scale(float before, float change) {
  if (change == 0) return before;
  return std::copysign(std::clamp(std::fabs(before + change), 1e-20f, 1e20f), before);
}

// Throws E-TRAINING-DIVERGED naming `what` unless all values[i] + changes[i] are finite. Null
// changes are none.
void require_finite_update(const char* what, const float* values, const float* changes,
                           int64_t count);

}  // namespace qat
