// Folds a batch norm into the linear or convolutional layer before it (Jacob et al. 2018,
// arXiv:1712.05877, §3.2), so that one quantized layer computes both.
#pragma once

#include <cstdint>

namespace qat {

// Inference form y = γ·(x − μ)/√(σ² + ε) + β; all [channels].
struct FoldedBatchNorm {
  const float* gamma = nullptr;
  const float* beta = nullptr;
  const float* mean = nullptr;
  const float* variance = nullptr;
  double epsilon = 1e-5;
};

// weight [channels, cols] (of a convolution cols = in · kernel positions) and bias [channels],
// zeros where the layer had none, become γ/√(σ² + ε)·w and γ/√(σ² + ε)·(b − μ) + β.
// Throws Error("E-NATIVE-ARGUMENT") unless every σ² + ε is positive; nothing is changed then.
void fold_batch_norm(float* weight, float* bias, int64_t channels, int64_t cols,
                     const FoldedBatchNorm& norm);

}  // namespace qat
