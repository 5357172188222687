// Forward and backward of the n-bit linear layer; the life cycle is in n_bit_linear_base.cc.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "nn/n_bit_linear_base.h"
#include "nn/packed_matmul.h"
#include "qat/kernels.h"
#include "runtime/gemm_parallel.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

void grow(AlignedVector<float>& buffer, int64_t count) {
  if (buffer.size() < static_cast<size_t>(count)) buffer.resize(static_cast<size_t>(count));
}

void add_bias(float* y, const float* bias, int64_t rows, int64_t cols) {
  if (!bias) return;
  parallel_for(rows, 64, [&](int64_t begin, int64_t end) {
    kernels().add_bias_rows(y + begin * cols, bias, end - begin, cols);
  });
}

}  // namespace

QuantParams NBitLinearBase::row_params(int64_t first_row) const {
  return params_from_scale(quant_params(quantizer(), layout_, scales_),
                           first_row * layout_.row_stride);
}

void NBitLinearBase::current_scales() {
  if (scaled_version_ == weight_version_) return;
  refresh_scales();
  scaled_version_ = weight_version_;
}

const float* NBitLinearBase::quantized_weight() {
  if (kind_ == LinearKind::kFloat) return weight_.data();
  current_scales();
  if (float_version_ != version_) {
    grow(quantized_weight_, in_channels() * out_channels());
    quantize_weight_float(quantized_weight_.data());
    float_version_ = version_;
  }
  return quantized_weight_.data();
}

const float* NBitLinearBase::quantized_input(const float* x, int64_t batch) {
  if (activation_.is_float()) return x;
  grow(quantized_input_, batch * in_channels());
  activation_.fake_quantize(x, quantized_input_.data(), batch, in_channels());
  return quantized_input_.data();
}

void NBitLinearBase::reserve_batch(int64_t batch, bool for_backward) {
  const int64_t in = in_channels();
  const int64_t out = out_channels();
  if (!activation_.is_float()) grow(quantized_input_, batch * in);
  if (kind_ != LinearKind::kFloat) grow(quantized_weight_, in * out);
  if (!for_backward) return;
  activation_.reserve(batch);
  grow(dweight_, in * out);
  if (options_.bias) grow(dbias_, out);
  grow(dinput_, batch * in);
  if (weight_scales_learned()) {
    grow(dscale_, layout_.count());
    dscale_sums_.resize(static_cast<size_t>(layout_.count()));
  }
}

void NBitLinearBase::forward_borrowed(const float* x, int64_t batch, float* y, bool for_backward) {
  if (!has_weight_) require_weight("forward");
  require_ready("forward");
  const int64_t in = in_channels();
  const int64_t out = out_channels();
  const float* wq = quantized_weight();
  const float* xq = quantized_input(x, batch);
  gemm_parallel(false, true, batch, out, in, xq, in, wq, in, y, out, false);
  add_bias(y, bias(), batch, out);
  last_input_ = for_backward ? x : nullptr;
  last_batch_ = batch;
  last_version_ = version_;
}

LinearGradients NBitLinearBase::backward_borrowed(const float* dy, float* dx) {
  if (!last_input_) {
    refuse("backward", "there was no training forward before it", "Call train() and forward first.");
  }
  if (last_version_ != version_) {
    refuse("backward", "weight or scales were written since the forward", "Call forward again.");
  }
  const int64_t in = in_channels();
  const int64_t out = out_channels();
  reserve_batch(last_batch_, true);
  const float* xq = activation_.is_float() ? last_input_ : quantized_input_.data();
  gemm_parallel(true, false, out, in, last_batch_, dy, out, xq, in, dweight_.data(), in, false);
  weight_backward(dweight_.data(), weight_scales_learned() ? dscale_sums_.data() : nullptr);
  LinearGradients gradients;
  gradients.dweight = dweight_.data();
  if (options_.bias) {
    kernels().sum_rows(dy, dbias_.data(), last_batch_, out);
    gradients.dbias = dbias_.data();
  }
  if (weight_scales_learned()) {
    apply_gradient_scale();
    gradients.dscale_weight = dscale_.data();
    gradients.scale_count = layout_.count();
  }
  if (!dx && !activation_.learned()) return gradients;
  float* dinput = dx ? dx : dinput_.data();
  gemm_parallel(false, false, last_batch_, in, out, dy, out, quantized_weight(), in, dinput, in,
                false);
  if (!activation_.is_float()) {
    dscale_activation_ = activation_.backward(last_input_, dinput, dinput, last_batch_, in);
  }
  if (activation_.learned()) gradients.dscale_activation = &dscale_activation_;
  return gradients;
}

// g = 1/√(N·qmax), N = elements that share the scale (the last group of a row may be short).
void NBitLinearBase::apply_gradient_scale() {
  const int64_t per_row = layout_.groups_per_row();
  for (int64_t i = 0; i < layout_.count(); ++i) {
    double elements = static_cast<double>(layout_.rows) * static_cast<double>(layout_.cols);
    if (layout_.row_stride) {
      const int64_t begin = i % per_row * layout_.group_cols;
      elements = static_cast<double>(std::min(layout_.group_cols, layout_.cols - begin));
    }
    const auto at = static_cast<size_t>(i);
    dscale_[at] =
        static_cast<float>(dscale_sums_[at] / std::sqrt(elements * gradient_qmax()));
  }
}

void NBitLinearBase::forward_packed(const float* x, int64_t batch, float* y) {
  require_ready("forward");
  last_input_ = nullptr;
  if (kind_ == LinearKind::kFloat) {
    forward_borrowed(x, batch, y, false);
    return;
  }
  packed_matmul(x, batch, packed_weight(), activation_, bias(), y);
}

void NBitLinearBase::forward(const float* x, int64_t batch, float* y) {
  if (batch < 1) {
    throw Error("E-NATIVE-ARGUMENT", "forward: the batch is empty.",
                "Pass at least one sample of inChannels values.");
  }
  if (!training_) {
    forward_packed(x, batch, y);
    return;
  }
  require_ready("forward");
  grow(kept_input_, batch * in_channels());
  std::memcpy(kept_input_.data(), x, static_cast<size_t>(batch * in_channels()) * sizeof(float));
  forward_borrowed(kept_input_.data(), batch, y, true);
}

LinearGradients NBitLinearBase::backward(const float* dy, float* dx) {
  if (!training_) {
    refuse("backward", "the layer is in inference", "Call train() and forward first.");
  }
  return backward_borrowed(dy, dx);
}

}  // namespace qat
