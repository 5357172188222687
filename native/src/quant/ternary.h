// What training a ternary weight with a level of its own for each sign needs beyond the kernels.
#pragma once

#include <cstdint>

#include "qat/kernels.h"

namespace qat {

// Trained ternary quantization (Zhu et al. 2017, arXiv:1612.01064): x̂ = s above the threshold, −s₋
// below its negative, else 0. dscale and dnegative [scale_count] are overwritten with
//   ∂L/∂s = Σ dy over the plus side,  ∂L/∂s₋ = −Σ dy over the minus side
// (one scale for both, p.negative_scale null: their sum is its gradient), and
//   dx = s·dy on the plus side, s₋·dy on the minus side, dy between.
// x, dy, dx [rows, cols]; dx may be dy. Threaded; fixed chunks are added in order.
void ternary_backward(const float* x, const float* dy, float* dx, double* dscale,
                      double* dnegative, int64_t scale_count, int64_t rows, int64_t cols,
                      const QuantParams& p);

}  // namespace qat
