// The Hessian of a linear layer's squared output error, from calibration inputs.
#pragma once

#include <cstdint>

#include "ptq/linear_algebra.h"
#include "runtime/cancel.h"

namespace qat {

// H = (2/n) Σ x·xᵀ over samples, gathered batch by batch. With D = Ŵ − W the mean squared output
// error of a layer y = W·x is ½ Σ_rows d·H·dᵀ (Frantar et al. 2023, §3).
class Hessian {
 public:
  // Throws Error("E-NATIVE-ARGUMENT") unless in > 0.
  explicit Hessian(int64_t in);

  // x [samples, in], finite. Batches of a multiple of 128 samples give the bits of one large batch.
  void add(const float* x, int64_t samples, const CancelToken* cancel = nullptr);
  // H [in, in], symmetric. Throws Error("E-NATIVE-ARGUMENT") before the first sample.
  SquareMatrix value() const;
  int64_t samples() const { return samples_; }

 private:
  int64_t in_;
  int64_t samples_ = 0;
  SquareMatrix sums_;  // Σ x·xᵀ, the lower blocks only
};

// ½ Σ_rows d·H·dᵀ with d = quantized − weight; weight and quantized [rows, cols], h [cols, cols].
// The mean over the samples of ‖(Ŵ − W)x‖² when h is their Hessian.
double output_error(const float* weight, const float* quantized, int64_t rows, int64_t cols,
                    const SquareMatrix& h, const CancelToken* cancel = nullptr);

}  // namespace qat
