// Losses, normalisation, optimizers and GEMM on arrays.
#include <algorithm>
#include <string>
#include <vector>

#include "addon/errors.h"
#include "addon/exports.h"
#include "addon/ops.h"
#include "addon/ops_internal.h"
#include "addon/session_options.h"
#include "nn/batch_norm.h"
#include "nn/losses.h"
#include "nn/optimizer.h"
#include "runtime/gemm_parallel.h"

namespace qat::addon {
namespace {

constexpr int64_t kMaxClasses = 256;

void assign(AlignedVector<float>* target, Span<float> values) {
  std::copy(values.data, values.data + values.size, target->begin());
}

Napi::Value to_js_aligned(Napi::Env env, const AlignedVector<float>& values) {
  return to_js(env, values.data(), values.size());
}

bool transposed(Napi::Value options, const char* name) {
  return !is_absent(options) && optional_flag(object(options, "options"), name, false);
}

// One column unless `rows` makes a matrix of it.
ParameterSpec parameter_spec(Napi::Object given, Span<float> init) {
  const auto size = static_cast<int64_t>(init.size);
  ParameterSpec spec;
  spec.rows = optional_integer(given, "rows", 1, kMaxExtent, size);
  if (size % spec.rows != 0) {
    fail_argument("options.rows must divide the " + std::to_string(size) + " values of init.");
  }
  spec.cols = size / spec.rows;
  spec.binary = optional_flag(given, "binary", false);
  return spec;
}

}  // namespace

Napi::Object passes_to_js(Napi::Env env, const std::vector<float>& y, const std::vector<float>& dx) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("y", to_js(env, y));
  result.Set("dx", to_js(env, dx));
  return result;
}

Span<float> finite_floats(Napi::Value values, const std::string& what, int64_t count) {
  const Span<float> given = floats(values, what, count);
  require_finite(given, what);
  return given;
}

MatrixArgument unchecked_matrix(Napi::Value values, Napi::Value rows, Napi::Value cols,
                                const std::string& what) {
  MatrixArgument matrix;
  matrix.rows = extent(rows, "rows");
  matrix.cols = extent(cols, "cols");
  matrix.values = floats(values, what, element_count(matrix.rows, matrix.cols, what));
  return matrix;
}

MatrixArgument matrix_argument(Napi::Value values, Napi::Value rows, Napi::Value cols,
                               const std::string& what) {
  const MatrixArgument matrix = unchecked_matrix(values, rows, cols, what);
  require_finite(matrix.values, what);
  return matrix;
}

Span<uint8_t> labels_argument(Napi::Value values, int64_t rows, int64_t cols) {
  const Span<uint8_t> labels = bytes(values, "labels", rows);
  for (size_t i = 0; i < labels.size; ++i) {
    if (labels.data[i] >= std::min(cols, kMaxClasses)) {
      fail_argument("labels must be below cols; label " + std::to_string(i) + " is " +
                    std::to_string(labels.data[i]) + ".");
    }
  }
  return labels;
}

Napi::Value op_softmax_cross_entropy(const Napi::CallbackInfo& info) {
  const MatrixArgument logits = matrix_argument(info[0], info[2], info[3], "logits");
  const Span<uint8_t> labels = labels_argument(info[1], logits.rows, logits.cols);
  const double smoothing = number_in(info[4], "labelSmoothing", 0, 1);
  std::vector<float> dx(logits.values.size);
  const double loss = softmax_cross_entropy(logits.values.data, labels.data, logits.rows,
                                            logits.cols, smoothing, dx.data(), nullptr);
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("loss", loss);
  result.Set("dx", to_js(info.Env(), dx));
  return result;
}

Napi::Value op_batch_norm(const Napi::CallbackInfo& info) {
  const int64_t rows = extent(info[2], "rows");
  const int64_t features = extent(info[3], "features");
  const int64_t inner = extent(info[4], "inner");
  const int64_t count = element_count(element_count(rows, features, "x"), inner, "x");
  const Span<float> x = finite_floats(info[0], "x", count);
  const Span<float> dy = finite_floats(info[1], "dy", count);
  const Span<float> gamma = finite_floats(info[5], "gamma", features);
  const Span<float> beta = finite_floats(info[6], "beta", features);
  const double epsilon = number_in(info[7], "epsilon", 1e-12, 1);
  const double momentum = number_in(info[8], "momentum", 0, 1);
  BatchNorm norm(features, inner, static_cast<float>(epsilon), static_cast<float>(momentum));
  assign(&norm.gamma, gamma);
  assign(&norm.beta, beta);
  std::vector<float> y(x.size);
  std::vector<float> dx(x.size);
  norm.forward_training(x.data, y.data(), rows);
  norm.backward(dy.data, dx.data());
  const Napi::Env env = info.Env();
  Napi::Object result = passes_to_js(env, y, dx);
  result.Set("dGamma", to_js_aligned(env, norm.dgamma));
  result.Set("dBeta", to_js_aligned(env, norm.dbeta));
  result.Set("runningMean", to_js_aligned(env, norm.running_mean));
  result.Set("runningVar", to_js_aligned(env, norm.running_var));
  return result;
}

Napi::Value op_optimize(const Napi::CallbackInfo& info) {
  const Span<float> init = floats(info[0], "init");
  const Span<float> gradients = floats(info[1], "gradients");
  if (init.size == 0) fail_argument("init must not be empty.");
  if (gradients.size == 0 || gradients.size % init.size != 0) {
    fail_argument("gradients must hold one or more steps of " + std::to_string(init.size) +
                  " values; it holds " + std::to_string(gradients.size) + ".");
  }
  require_finite(init, "init");
  require_finite(gradients, "gradients");
  const Napi::Object given = object(info[2], "options");
  const OptimizerOptions options = optimizer_options(given);
  const double rate = number_in(given.Get("learningRate"), "options.learningRate", 0, 1e6);
  const auto steps = static_cast<int64_t>(gradients.size / init.size);
  return to_js(info.Env(), optimize_trajectory(init.data, gradients.data, steps,
                                               parameter_spec(given, init), options, rate));
}

Napi::Value op_gemm(const Napi::CallbackInfo& info) {
  const int64_t m = extent(info[2], "m");
  const int64_t n = extent(info[3], "n");
  const int64_t k = extent(info[4], "k");
  const bool trans_a = transposed(info[5], "transposeA");
  const bool trans_b = transposed(info[5], "transposeB");
  const Span<float> a = floats(info[0], "a", element_count(m, k, "a"));
  const Span<float> b = floats(info[1], "b", element_count(k, n, "b"));
  const auto count = static_cast<size_t>(element_count(m, n, "the product"));
  Napi::Float32Array c = Napi::Float32Array::New(info.Env(), count);
  gemm_parallel(trans_a, trans_b, m, n, k, a.data, trans_a ? m : k, b.data, trans_b ? k : n,
                c.Data(), n, false);
  return c;
}

Napi::Object make_ops(Napi::Env env) {
  Napi::Object ops = Napi::Object::New(env);
  export_function<op_fake_quant>(ops, "fakeQuant");
  export_function<op_fake_quant_backward>(ops, "fakeQuantBackward");
  export_function<op_quantize_weight>(ops, "quantizeWeight");
  export_function<op_quantization_errors>(ops, "quantizationErrors");
  export_function<op_estimate_scales>(ops, "estimateScales");
  export_function<op_softmax_cross_entropy>(ops, "softmaxCrossEntropy");
  export_function<op_mean_squared_error>(ops, "meanSquaredError");
  export_function<op_distillation>(ops, "distillation");
  export_function<op_quantize_gradient>(ops, "quantizeGradient");
  export_function<op_batch_norm>(ops, "batchNorm");
  export_function<op_layer_norm>(ops, "layerNorm");
  export_function<op_gelu>(ops, "gelu");
  export_function<op_max_pool2d>(ops, "maxPool2d");
  export_function<op_attention>(ops, "attention");
  export_function<op_optimize>(ops, "optimize");
  export_function<op_gemm>(ops, "gemm");
  export_promise<op_hessian>(ops, "hessian");
  export_promise<op_gptq>(ops, "gptq");
  export_promise<op_adaround>(ops, "adaround");
  export_promise<op_hqq>(ops, "hqq");
  export_promise<op_equalize>(ops, "equalize");
  export_function<op_bias_correction>(ops, "biasCorrection");
  export_function<op_fold_batch_norm>(ops, "foldBatchNorm");
  export_promise<op_allocate_bits>(ops, "allocateBits");
  return ops;
}

}  // namespace qat::addon
