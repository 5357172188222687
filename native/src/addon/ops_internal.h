// The operations behind `ops`, and what they share.
#pragma once

#include <cstdint>
#include <string>

#include "addon/args.h"
#include "addon/napi_setup.h"

namespace qat::addon {

// A Float32Array of finite values with its shape.
struct MatrixArgument {
  Span<float> values;
  int64_t rows = 0;
  int64_t cols = 0;
};
MatrixArgument matrix_argument(Napi::Value values, Napi::Value rows, Napi::Value cols,
                               const std::string& what);

Napi::Value op_fake_quant(const Napi::CallbackInfo& info);
Napi::Value op_fake_quant_backward(const Napi::CallbackInfo& info);
Napi::Value op_estimate_scales(const Napi::CallbackInfo& info);
Napi::Value op_softmax_cross_entropy(const Napi::CallbackInfo& info);
Napi::Value op_batch_norm(const Napi::CallbackInfo& info);
Napi::Value op_optimize(const Napi::CallbackInfo& info);
Napi::Value op_gemm(const Napi::CallbackInfo& info);

}  // namespace qat::addon
