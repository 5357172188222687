// Whole-matrix quantization over the pool; same kernels as everywhere.
#pragma once

#include <cstdint>

#include "qat/kernels.h"
#include "quant/grid.h"
#include "runtime/cancel.h"

namespace qat {

// y = x̂; x and y [rows, cols], may be the same buffer. `binary` selects scale*sign(x).
void fake_quantize(const float* x, float* y, int64_t rows, int64_t cols, const QuantParams& p,
                   bool binary, const CancelToken* cancel = nullptr);

// dx as Kernels::fake_quant_backward; dscale [scale_count] is overwritten with the sums (no
// gradient scale), may be null. Sums are taken over fixed chunks in order: independent of the
// thread count.
void fake_quantize_backward(const float* x, const float* dy, float* dx, double* dscale,
                            int64_t scale_count, int64_t rows, int64_t cols, const QuantParams& p);

}  // namespace qat
