// Pooling over [channels, height, width] as nodes.
#pragma once

#include "nn/max_pool2d.h"
#include "nn/module.h"

namespace qat {

class MaxPool2dModule final : public Module {
 public:
  // Throws E-NATIVE-ARGUMENT when the kernel does not fit.
  MaxPool2dModule(const SampleShape& input, int64_t kernel, int64_t stride);
  void reserve(int64_t rows, bool for_backward) override;
  void forward(const float* const* x, int64_t rows, float* y, Pass pass) override;
  void backward(const float* const* x, const float* y, float* dy, int64_t rows,
                float* const* dx) override;
  int64_t native_bytes() const override {
    return static_cast<int64_t>(taken_.size() * sizeof(int32_t));
  }

 private:
  Pool2dShape shape_;  // planes of one sample
  std::vector<int32_t> taken_;
};

// The mean of every window, without padding.
class AvgPool2dModule final : public Module {
 public:
  AvgPool2dModule(const SampleShape& input, int64_t kernel, int64_t stride);
  void forward(const float* const* x, int64_t rows, float* y, Pass pass) override;
  void backward(const float* const* x, const float* y, float* dy, int64_t rows,
                float* const* dx) override;

 private:
  Pool2dShape shape_;
};

}  // namespace qat
