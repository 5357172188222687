// Whole-matrix quantization over the pool; same kernels as everywhere.
#pragma once

#include <atomic>
#include <cstdint>

#include "qat/kernels.h"
#include "quant/grid.h"
#include "runtime/cancel.h"

namespace qat {

// Where a NaN or an infinity was seen, of inputs that are checked on their way through the caches.
class FiniteCheck {
 public:
  // Element `from` is x[0].
  void look_at(const float* x, int64_t n, int64_t from);
  // Index of the first one, or -1.
  int64_t found() const;

 private:
  std::atomic<int64_t> first_{INT64_MAX};
};

// y = x̂; x and y [rows, cols], may be the same buffer. `binary` selects scale*sign(x). With `check`, x is looked
// at; y is of no use where it found something.
void fake_quantize(const float* x, float* y, int64_t rows, int64_t cols, const QuantParams& p,
                   bool binary, const CancelToken* cancel = nullptr, FiniteCheck* check = nullptr);

// dx as Kernels::fake_quant_backward; dscale [scale_count] is overwritten with the sums (no
// gradient scale), may be null. Sums are taken over fixed chunks in order: independent of the
// thread count. The checks, of x and of dy, may be null.
void fake_quantize_backward(const float* x, const float* dy, float* dx, double* dscale,
                            int64_t scale_count, int64_t rows, int64_t cols, const QuantParams& p,
                            FiniteCheck* check_x = nullptr, FiniteCheck* check_dy = nullptr);

}  // namespace qat
