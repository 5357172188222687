#include "nn/linear_product.h"

#include "nn/layer_limits.h"
#include "nn/packed_matmul.h"
#include "qat/kernels.h"
#include "runtime/gemm_parallel.h"
#include "runtime/thread_pool.h"

namespace qat {

LinearProduct::LinearProduct(const LinearOptions& options)
    : in_(options.in_channels), out_(options.out_channels), tokens_(options.tokens) {
  require_weight_shape("linear", in_, out_, in_);
  require_layer_size("tokens", tokens_);
}

void LinearProduct::forward(const float* x, int64_t batch, const float* w, const float* bias,
                            float* y) {
  const int64_t rows = batch * tokens_;
  gemm_parallel(false, true, rows, out_, in_, x, in_, w, in_, y, out_, false);
  if (!bias) return;
  parallel_for(rows, 64, [&](int64_t begin, int64_t end) {
    kernels().add_bias_rows(y + begin * out_, bias, end - begin, out_);
  });
}

void LinearProduct::weight_gradient(const float* x, const float* dy, int64_t batch, float* dw,
                                    float* dbias) {
  const int64_t rows = batch * tokens_;
  gemm_parallel(true, false, out_, in_, rows, dy, out_, x, in_, dw, in_, false);
  if (dbias) kernels().sum_rows(dy, dbias, rows, out_);
}

void LinearProduct::input_gradient(const float* dy, const float* w, int64_t batch, float* dx) {
  gemm_parallel(false, false, batch * tokens_, in_, out_, dy, out_, w, in_, dx, in_, false);
}

void LinearProduct::forward_tiled(const float* x, int64_t batch, const TiledWeight& weight,
                                  const ActivationQuantizer& activation, const float* bias, float* y) {
  tiled_matmul(x, batch * tokens_, weight, activation, bias, y);
}

void LinearProduct::forward_packed(const float* x, int64_t batch, const QuantizedWeight& weight,
                                   const ActivationQuantizer& activation, const float* bias,
                                   float* y) {
  packed_matmul(x, batch * tokens_, weight, activation, bias, y);
}

}  // namespace qat
