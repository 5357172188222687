// Gaussian error linear unit (Hendrycks & Gimpel 2016), exact: x·Φ(x), not the tanh approximation.
#pragma once

#include <cstdint>

namespace qat {

// y = x·Φ(x) of n values; y may alias x.
void gelu(const float* x, float* y, int64_t n);
// dx = dy·(Φ(x) + x·φ(x)); dx may alias dy.
void gelu_backward(const float* x, const float* dy, float* dx, int64_t n);

}  // namespace qat
