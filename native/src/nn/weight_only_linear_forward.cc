// Forward and backward of the weight-only layers; the life cycle is in weight_only_linear.cc.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "nn/weight_only_linear.h"
#include "nn/word_matmul.h"
#include "qat/error.h"
#include "qat/kernels.h"
#include "quant/error_measures.h"
#include "runtime/gemm_parallel.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kRowsPerRange = 64;

// to = from ⊙ scale per row; may be the same buffer.
void multiply_rows(const float* from, const std::vector<float>& scale, int64_t rows, float* to) {
  const auto cols = static_cast<int64_t>(scale.size());
  parallel_for(rows, kRowsPerRange, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * cols; i < end * cols; ++i) {
      to[i] = from[i] * scale[static_cast<size_t>(i % cols)];
    }
  });
}

void add_bias(float* y, const float* bias, int64_t rows, int64_t cols) {
  if (!bias) return;
  parallel_for(rows, kRowsPerRange, [&](int64_t begin, int64_t end) {
    kernels().add_bias_rows(y + begin * cols, bias, end - begin, cols);
  });
}

}  // namespace

const float* WeightOnlyLinear::quantized_weight() {
  if (!quantizing_) return weight_.data();
  if (float_version_ != life_.version() || quantized_weight_.empty()) {
    grow(quantized_weight_, in_channels() * out_channels());
    fake_quantize_groups(weight_.data(), layout_, used_scales(), quantized_weight_.data());
    float_version_ = life_.version();
  }
  return quantized_weight_.data();
}

WeightFigures WeightOnlyLinear::figures() {
  life_.require_prepared("figures");
  WeightFigures figures;
  const GroupScales& used = used_scales();
  for (const float scale : used.scales) figures.scale_mean += scale;
  figures.scale_mean /= static_cast<double>(used.scales.size());
  const float* quantized = quantized_weight();
  std::vector<float> passed(weight_.size(), 1.0f);
  group_backward(weight_.data(), layout_, used, passed.data(), nullptr, nullptr);
  ErrorSums sums;
  for (size_t i = 0; i < passed.size(); ++i) {
    const double value = weight_[i], error = value - quantized[i];
    sums.x2 += value * value;
    sums.e2 += error * error;
    sums.max_error = std::max(sums.max_error, std::fabs(error));
    sums.clipped += passed[i] == 0;
  }
  figures.clipped_share = static_cast<double>(sums.clipped) / static_cast<double>(passed.size());
  const Sqnr sqnr = sqnr_of(sums);
  if (!sqnr.exact) figures.sqnr_db = sqnr.db;
  return figures;
}

void WeightOnlyLinear::weight_codes(uint8_t* codes) {
  life_.require_prepared("codes");
  group_codes(weight_.data(), layout_, used_scales(), codes);
}

WordMatrix WeightOnlyLinear::word_matrix(const CancelToken* cancel) {
  const int32_t* words = packed_words("forward", cancel).data();
  return {words, rows_, layout_, used_scales()};
}

std::vector<float> WeightOnlyLinear::dequantized_weight() {
  std::vector<float> weight(static_cast<size_t>(in_channels() * out_channels()));
  if (life_.packed_only()) {
    dequantize_words(word_matrix(nullptr), weight.data());
    return weight;
  }
  life_.require_prepared("dequantizedWeight");
  const float* quantized = quantized_weight();
  std::copy(quantized, quantized + weight.size(), weight.begin());
  return weight;
}

const float* WeightOnlyLinear::scaled_input(const float* x, int64_t batch) {
  if (input_scale_.empty()) return x;
  grow(scaled_input_, batch * in_channels());
  multiply_rows(x, input_scale_, batch, scaled_input_.data());
  return scaled_input_.data();
}

void WeightOnlyLinear::forward_borrowed(const float* x, int64_t batch, float* y,
                                        bool for_backward) {
  life_.require_prepared("forward");
  const int64_t in = in_channels(), out = out_channels();
  const float* xs = scaled_input(x, batch);
  gemm_parallel(false, true, batch, out, in, xs, in, quantized_weight(), in, y, out, false);
  add_bias(y, bias(), batch, out);
  last_input_ = for_backward ? xs : nullptr;
  last_batch_ = batch;
  last_version_ = life_.version();
}

WeightOnlyGradients WeightOnlyLinear::backward_borrowed(const float* dy, float* dx) {
  if (!last_input_) {
    life_.refuse("backward", "there was no training forward before it",
                 "Call train() and forward first.");
  }
  if (last_version_ != life_.version()) {
    life_.refuse("backward", "weight or scales were written since the forward",
                 "Call forward again.");
  }
  const int64_t in = in_channels(), out = out_channels();
  WeightOnlyGradients gradients;
  grow(dweight_, in * out);
  gemm_parallel(true, false, out, in, last_batch_, dy, out, last_input_, in, dweight_.data(), in,
                false);
  const bool learned = scales_learned() && quantizing_;
  if (learned) {
    dscale_sums_.resize(static_cast<size_t>(layout_.scale_count()));
    dzero_sums_.resize(dscale_sums_.size());
  }
  if (quantizing_) {
    group_backward(weight_.data(), layout_, used_scales(), dweight_.data(),
                   learned ? dscale_sums_.data() : nullptr,
                   learned ? dzero_sums_.data() : nullptr);
  }
  gradients.dweight = dweight_.data();
  if (learned) scale_gradients(&gradients);
  if (options_.bias) {
    grow(dbias_, out);
    kernels().sum_rows(dy, dbias_.data(), last_batch_, out);
    gradients.dbias = dbias_.data();
  }
  if (dx) {
    gemm_parallel(false, false, last_batch_, in, out, dy, out, quantized_weight(), in, dx, in,
                  false);
    if (!input_scale_.empty()) multiply_rows(dx, input_scale_, last_batch_, dx);
  }
  return gradients;
}

// Times g = 1/√(N·qmax), N = inputs of the group (Esser et al. 2020, §2.2).
void WeightOnlyLinear::scale_gradients(WeightOnlyGradients* gradients) {
  const int64_t count = layout_.scale_count();
  std::vector<double> inputs(static_cast<size_t>(layout_.groups()));
  for (const int32_t group : layout_.group_of) inputs[static_cast<size_t>(group)] += 1;
  grow(dscales_, count);
  grow(dzeros_, count);
  for (int64_t i = 0; i < count; ++i) {
    const auto group = static_cast<size_t>(i / layout_.out);
    const double qmax = (1 << layout_.bits[group]) - 1;
    const double scale = 1 / std::sqrt(std::max(inputs[group], 1.0) * qmax);
    const auto at = static_cast<size_t>(i);
    dscales_[at] = static_cast<float>(scale * dscale_sums_[at]);
    dzeros_[at] = static_cast<float>(scale * dzero_sums_[at]);
  }
  gradients->dscales = dscales_.data();
  gradients->dzeros = dzeros_.data();
  gradients->scale_count = count;
}

void WeightOnlyLinear::forward_packed(const float* x, int64_t batch, float* y) {
  life_.require_ready("forward");
  last_input_ = nullptr;
  word_matmul(x, batch, word_matrix(nullptr), input_scale_.empty() ? nullptr : input_scale_.data(),
              bias(), y);
}

void WeightOnlyLinear::forward(const float* x, int64_t batch, float* y) {
  if (batch < 1) {
    throw Error("E-NATIVE-ARGUMENT", "forward: the batch is empty.",
                "Pass at least one sample of inChannels values.");
  }
  if (!training()) {
    forward_packed(x, batch, y);
    return;
  }
  life_.require_prepared("forward");
  grow(kept_input_, batch * in_channels());
  std::memcpy(kept_input_.data(), x, static_cast<size_t>(batch * in_channels()) * sizeof(float));
  forward_borrowed(kept_input_.data(), batch, y, true);
}

WeightOnlyGradients WeightOnlyLinear::backward(const float* dy, float* dx) {
  if (!training()) {
    life_.refuse("backward", "the layer is in inference", "Call train() and forward first.");
  }
  return backward_borrowed(dy, dx);
}

}  // namespace qat
