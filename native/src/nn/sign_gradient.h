// Gradients of signs, straight through: shared by 1-bit weights and 1-bit activations.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace qat {

// Σ term(i) for i in [0, n) in a fixed order that compilers can vectorise: float lanes over blocks that
// are short enough to keep the sum exact to about 1e-7, the lanes into a double.
template <typename Term>
double sum_in_lanes(int64_t n, Term&& term) {
  constexpr int64_t kLanes = 16, kBlock = 16 * kLanes;
  double total = 0;
  for (int64_t block = 0; block < n; block += kBlock) {
    float lanes[kLanes] = {};
    const int64_t end = std::min(n, block + kBlock);
    int64_t i = block;
    for (; i + kLanes <= end; i += kLanes) {
      for (int64_t j = 0; j < kLanes; ++j) lanes[j] += term(i + j);
    }
    for (; i < end; ++i) lanes[i % kLanes] += term(i);
    for (const float lane : lanes) total += lane;
  }
  return total;
}

// Σ sign(x)·dy, the gradient of the scale; dx = dy where |x| ≤ window, else 0. dx may be dy.
inline double sign_backward(const float* x, const float* dy, float* dx, int64_t n, float window) {
  const double sum = sum_in_lanes(n, [x, dy](int64_t i) { return x[i] >= 0 ? dy[i] : -dy[i]; });
  for (int64_t i = 0; i < n; ++i) dx[i] = std::fabs(x[i]) <= window ? dy[i] : 0.0f;
  return sum;
}

}  // namespace qat
