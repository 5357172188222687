#include "ptq/bias_correction.h"

namespace qat {

void correct_bias(const float* weight, const float* quantized, int64_t rows, int64_t cols,
                  const float* mean, float* bias) {
  for (int64_t r = 0; r < rows; ++r) {
    double error = 0;
    for (int64_t c = 0; c < cols; ++c) {
      error += (static_cast<double>(quantized[r * cols + c]) - weight[r * cols + c]) * mean[c];
    }
    bias[r] = static_cast<float>(bias[r] - error);
  }
}

}  // namespace qat
