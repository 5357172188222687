// Batch normalisation (Ioffe & Szegedy 2015) with PyTorch's definitions.
#pragma once

#include <cstdint>

#include "runtime/aligned.h"

namespace qat {

// x, y [rows, features, inner] (inner 1 for matrices, H·W for NCHW images). Training: batch mean and
// biased variance; running = (1−momentum)·running + momentum·(mean | unbiased variance).
class BatchNorm {
 public:
  BatchNorm(int64_t features, int64_t inner = 1, float epsilon = 1e-5f, float momentum = 0.1f);

  int64_t features() const { return features_; }
  int64_t native_bytes() const;
  // Needs rows·inner ≥ 2 (E-NATIVE-ARGUMENT). x must stay unchanged until backward().
  void forward_training(const float* x, float* y, int64_t rows);
  void forward_inference(const float* x, float* y, int64_t rows) const;
  // As inference, for a backward() to which the statistics are constants.
  void forward_frozen(const float* x, float* y, int64_t rows);
  // dx may be null, and may alias dy. Fills dgamma(), dbeta().
  void backward(const float* dy, float* dx);

  AlignedVector<float> gamma, beta, running_mean, running_var, dgamma, dbeta;

 private:
  int64_t features_, inner_;
  float epsilon_, momentum_;
  AlignedVector<float> mean_, inv_std_;
  AlignedVector<double> sum_a_, sum_b_;
  bool frozen_ = false;  // the last forward
  const float* x_ = nullptr;
  int64_t rows_ = 0;
};

}  // namespace qat
