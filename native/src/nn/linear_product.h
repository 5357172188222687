// y = x·wᵀ + b, for every token of every sample.
#pragma once

#include "nn/types.h"
#include "nn/weight_product.h"

namespace qat {

class LinearProduct final : public WeightProduct {
 public:
  // Throws E-NATIVE-ARGUMENT for sizes that it cannot do.
  explicit LinearProduct(const LinearOptions& options);

  int64_t rows() const override { return out_; }
  int64_t cols() const override { return in_; }
  int64_t input_size() const override { return tokens_ * in_; }
  int64_t output_size() const override { return tokens_ * out_; }
  int64_t input_channels() const override { return in_; }
  void reserve(int64_t, bool) override {}
  int64_t native_bytes() const override { return 0; }

  void forward(const float* x, int64_t batch, const float* w, const float* bias, float* y) override;
  void weight_gradient(const float* x, const float* dy, int64_t batch, float* dw,
                       float* dbias) override;
  void input_gradient(const float* dy, const float* w, int64_t batch, float* dx) override;
  bool takes_tiles() const override { return true; }
  void forward_tiled(const float* x, int64_t batch, const TiledWeight& weight, const ActivationQuantizer& activation,
                     const float* bias, float* y) override;
  void forward_packed(const float* x, int64_t batch, const QuantizedWeight& weight,
                      const ActivationQuantizer& activation, const float* bias, float* y) override;

 private:
  int64_t in_, out_, tokens_;
};

}  // namespace qat
