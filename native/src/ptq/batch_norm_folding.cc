#include "ptq/batch_norm_folding.h"

#include <cmath>
#include <string>

#include "qat/error.h"

namespace qat {

void fold_batch_norm(float* weight, float* bias, int64_t channels, int64_t cols,
                     const FoldedBatchNorm& norm) {
  for (int64_t c = 0; c < channels; ++c) {
    if (!(norm.variance[c] + norm.epsilon > 0)) {
      throw Error("E-NATIVE-ARGUMENT",
                  "The variance of channel " + std::to_string(c) + " is " +
                      std::to_string(norm.variance[c]) + ", which with epsilon is not positive.",
                  "Check the batch norm's running variance.");
    }
  }
  for (int64_t c = 0; c < channels; ++c) {
    const double factor = norm.gamma[c] / std::sqrt(norm.variance[c] + norm.epsilon);
    for (int64_t i = c * cols; i < (c + 1) * cols; ++i) {
      weight[i] = static_cast<float>(weight[i] * factor);
    }
    const double shifted = static_cast<double>(bias[c]) - norm.mean[c];
    bias[c] = static_cast<float>(shifted * factor + norm.beta[c]);
  }
}

}  // namespace qat
