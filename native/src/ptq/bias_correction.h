// Bias correction: a quantized layer's mean output error, taken out through its bias
// (Nagel et al. 2019, arXiv:1906.04721, §4.2).
#pragma once

#include <cstdint>

namespace qat {

// bias [rows] ← bias − (Ŵ − W)·mean, with weight and quantized [rows, cols] and the mean input
// [cols]; sums in double.
void correct_bias(const float* weight, const float* quantized, int64_t rows, int64_t cols,
                  const float* mean, float* bias);

}  // namespace qat
