// Softmax cross-entropy.
#pragma once

#include <cstdint>

namespace qat {

// Mean over rows of −Σ target·log softmax(logits), target = (1−ε)·onehot + ε/cols. dx [rows, cols]
// (gradient of the mean) may be null. Labels must be < cols. correct (may be null) counts rows whose
// first largest logit is the label.
double softmax_cross_entropy(const float* logits, const uint8_t* labels, int64_t rows, int64_t cols,
                             double label_smoothing, float* dx, int64_t* correct);

}  // namespace qat
