// The operations behind `ops`, and what they share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "addon/args.h"
#include "addon/napi_setup.h"

namespace qat::addon {

// A Float32Array of finite values with its shape.
struct MatrixArgument {
  Span<float> values;
  int64_t rows = 0;
  int64_t cols = 0;
};
// {y, dx}: what a forward and a backward pass gave.
Napi::Object passes_to_js(Napi::Env env, const std::vector<float>& y, const std::vector<float>& dx);
// `count` finite values of a Float32Array.
Span<float> finite_floats(Napi::Value values, const std::string& what, int64_t count);
// Values of a matrix that are not looked at; and those that are finite.
MatrixArgument unchecked_matrix(Napi::Value values, Napi::Value rows, Napi::Value cols,
                                const std::string& what);
MatrixArgument matrix_argument(Napi::Value values, Napi::Value rows, Napi::Value cols,
                               const std::string& what);
// One class per row, each below cols.
Span<uint8_t> labels_argument(Napi::Value labels, int64_t rows, int64_t cols);

Napi::Value op_fake_quant(const Napi::CallbackInfo& info);
Napi::Value op_fake_quant_backward(const Napi::CallbackInfo& info);
Napi::Value op_quantize_weight(const Napi::CallbackInfo& info);
Napi::Value op_quantization_errors(const Napi::CallbackInfo& info);
Napi::Value op_estimate_scales(const Napi::CallbackInfo& info);
Napi::Value op_softmax_cross_entropy(const Napi::CallbackInfo& info);
Napi::Value op_mean_squared_error(const Napi::CallbackInfo& info);
Napi::Value op_distillation(const Napi::CallbackInfo& info);
Napi::Value op_quantize_gradient(const Napi::CallbackInfo& info);
Napi::Value op_batch_norm(const Napi::CallbackInfo& info);
Napi::Value op_layer_norm(const Napi::CallbackInfo& info);
Napi::Value op_gelu(const Napi::CallbackInfo& info);
Napi::Value op_max_pool2d(const Napi::CallbackInfo& info);
Napi::Value op_attention(const Napi::CallbackInfo& info);
Napi::Value op_optimize(const Napi::CallbackInfo& info);
Napi::Value op_gemm(const Napi::CallbackInfo& info);

// Post-training methods; most answer with promises.
Napi::Value op_hessian(const Napi::CallbackInfo& info);
Napi::Value op_gptq(const Napi::CallbackInfo& info);
Napi::Value op_adaround(const Napi::CallbackInfo& info);
Napi::Value op_hqq(const Napi::CallbackInfo& info);
Napi::Value op_equalize(const Napi::CallbackInfo& info);
Napi::Value op_bias_correction(const Napi::CallbackInfo& info);
Napi::Value op_fold_batch_norm(const Napi::CallbackInfo& info);
Napi::Value op_allocate_bits(const Napi::CallbackInfo& info);

}  // namespace qat::addon
