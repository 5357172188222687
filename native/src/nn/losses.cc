#include "nn/losses.h"

#include <cmath>
#include <string>

#include "qat/error.h"

namespace qat {
namespace {

struct RowResult {
  double loss;
  bool correct;
};

// One sample: p = softmax(z); loss = log Σe^z − (1−ε)·z[label] − ε·mean(z); dz = (p − target)/rows.
RowResult cross_entropy_row(const float* z, int label, int64_t cols, double smoothing,
                            double row_weight, float* dz) {
  int64_t best = 0;
  for (int64_t c = 1; c < cols; ++c) {
    if (z[c] > z[best]) best = c;
  }
  const double top = z[best];
  double sum = 0, mean = 0;
  for (int64_t c = 0; c < cols; ++c) {
    sum += std::exp(z[c] - top);
    mean += z[c] - top;
  }
  mean /= static_cast<double>(cols);
  const double loss =
      std::log(sum) - (1 - smoothing) * (z[label] - top) - (smoothing > 0 ? smoothing * mean : 0.0);
  if (dz) {
    const double uniform = smoothing / static_cast<double>(cols);
    for (int64_t c = 0; c < cols; ++c) {
      const double target = uniform + (c == label ? 1 - smoothing : 0.0);
      dz[c] = static_cast<float>((std::exp(z[c] - top) / sum - target) * row_weight);
    }
  }
  return {loss, best == label};
}

}  // namespace

double softmax_cross_entropy(const float* logits, const uint8_t* labels, int64_t rows, int64_t cols,
                             double label_smoothing, float* dx, int64_t* correct) {
  if (rows < 1 || cols < 1 || !(label_smoothing >= 0 && label_smoothing <= 1)) {
    throw Error("E-NATIVE-ARGUMENT",
                "Cross-entropy needs at least one row and column and a label smoothing in [0, 1].",
                "Check the shape of the logits and the smoothing.");
  }
  double loss = 0;
  int64_t hits = 0;
  for (int64_t r = 0; r < rows; ++r) {
    if (labels[r] >= cols) {
      throw Error("E-DATASET-MISMATCH",
                  "Label " + std::to_string(labels[r]) + " of sample " + std::to_string(r) +
                      " is not below the " + std::to_string(cols) + " outputs.",
                  "Use a network with one output per class of the data set.");
    }
    float* dz = dx ? dx + r * cols : nullptr;
    const RowResult row = cross_entropy_row(logits + r * cols, labels[r], cols, label_smoothing,
                                            1.0 / static_cast<double>(rows), dz);
    loss += row.loss;
    hits += row.correct ? 1 : 0;
  }
  if (correct) *correct += hits;
  return loss / static_cast<double>(rows);
}

}  // namespace qat
