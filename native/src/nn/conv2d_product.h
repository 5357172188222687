// 2-D convolution (cross-correlation, as in PyTorch) of NCHW images as a matrix product of their patches
// (Chellapilla, Puri & Simard 2006).
#pragma once

#include <vector>

#include "nn/im2col.h"
#include "nn/types.h"
#include "nn/weight_product.h"
#include "runtime/aligned.h"

namespace qat {

struct Conv2dOptions : LayerOptions {
  Conv2dShape shape;
};

// The weight is [out_channels, in_channels/groups · kernel_height · kernel_width]. Padding adds zeros
// after the input was quantized, so it is 0 for every quantizer, also where no code is (signs).
class Conv2dProduct final : public WeightProduct {
 public:
  // Throws E-NATIVE-ARGUMENT for a shape that cannot be.
  explicit Conv2dProduct(const Conv2dShape& shape);

  int64_t rows() const override { return shape_.out_channels; }
  int64_t cols() const override { return shape_.patch_size(); }
  int64_t input_size() const override { return shape_.input_size(); }
  int64_t output_size() const override { return shape_.output_size(); }
  int64_t input_channels() const override { return shape_.in_channels; }
  void reserve(int64_t batch, bool for_backward) override;
  int64_t native_bytes() const override;

  void forward(const float* x, int64_t batch, const float* w, const float* bias, float* y) override;
  void weight_gradient(const float* x, const float* dy, int64_t batch, float* dw,
                       float* dbias) override;
  void input_gradient(const float* dy, const float* w, int64_t batch, float* dx) override;
  void forward_packed(const float* x, int64_t batch, const QuantizedWeight& weight,
                      const ActivationQuantizer& activation, const float* bias, float* y) override;

 private:
  void bias_gradient(const float* dy, int64_t batch, float* dbias) const;

  Conv2dShape shape_;
  std::vector<AlignedVector<float>> partials_;  // weight gradients of equal shares of the batch
};

}  // namespace qat
