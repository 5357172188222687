// Layer normalisation (Ba, Kiros & Hinton 2016) with PyTorch's definitions.
#pragma once

#include <cstdint>

#include "runtime/aligned.h"

namespace qat {

// x, y [rows, features]: every row is normalised by its own mean and biased variance, then scaled by
// gamma and shifted by beta, both [features]. The same in training and inference.
class LayerNorm {
 public:
  explicit LayerNorm(int64_t features, float epsilon = 1e-5f);

  int64_t features() const { return features_; }
  int64_t native_bytes() const;
  // x must stay unchanged until backward().
  void forward(const float* x, float* y, int64_t rows);
  // dx may be null, and may alias dy. Fills dgamma, dbeta.
  void backward(const float* dy, float* dx);

  AlignedVector<float> gamma, beta, dgamma, dbeta;

 private:
  int64_t features_;
  float epsilon_;
  AlignedVector<float> mean_, inv_std_;  // per row of the last forward
  AlignedVector<double> sums_;           // per chunk of rows: Σdy·x̂ and Σdy of every feature
  const float* x_ = nullptr;
  int64_t rows_ = 0;
};

}  // namespace qat
