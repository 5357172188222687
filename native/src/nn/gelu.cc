#include "nn/gelu.h"

#include <cmath>

#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kGrain = 4096;
constexpr double kInvSqrt2 = 0.70710678118654752440, kInvSqrt2Pi = 0.39894228040143267794;

double normal_cdf(double x) { return 0.5 * std::erfc(-x * kInvSqrt2); }

}  // namespace

void gelu(const float* x, float* y, int64_t n) {
  parallel_for(n, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) y[i] = static_cast<float>(x[i] * normal_cdf(x[i]));
  });
}

void gelu_backward(const float* x, const float* dy, float* dx, int64_t n) {
  parallel_for(n, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const double v = x[i];
      const double density = kInvSqrt2Pi * std::exp(-0.5 * v * v);
      dx[i] = static_cast<float>(dy[i] * (normal_cdf(v) + v * density));
    }
  });
}

}  // namespace qat
