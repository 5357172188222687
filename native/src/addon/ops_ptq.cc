// Post-training methods that make a quantized weight, on arrays: promises over copies of them.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "addon/cancel_handle.h"
#include "addon/errors.h"
#include "addon/job.h"
#include "addon/memory.h"
#include "addon/ops_internal.h"
#include "addon/quantizer_args.h"
#include "ptq/adaround.h"
#include "ptq/gptq.h"
#include "ptq/hessian.h"
#include "ptq/hqq.h"
#include "quant/range.h"

namespace qat::addon {
namespace {

constexpr double kDoubleBytes = 8;
constexpr double kFactorizationBytes = 3 * kDoubleBytes + 4;  // per element of the Hessian
constexpr int64_t kMaxIterations = 1000000;
constexpr double kMaxFactor = 1e6;

// A weight and its inputs' Hessian, copied: JavaScript goes on while a job reads them.
struct LayerCopy {
  std::vector<float> weight;
  int64_t rows = 0, cols = 0;
  SquareMatrix hessian;
  QuantizerConfig config;
};

std::shared_ptr<LayerCopy> layer_argument(const Napi::CallbackInfo& info) {
  const MatrixArgument weight = matrix_argument(info[0], info[1], info[2], "weight");
  const int64_t count = element_count(weight.cols, weight.cols, "the Hessian");
  const Span<double> hessian = doubles(info[3], "hessian", count);
  require_finite(hessian, "hessian");
  require_memory(kFactorizationBytes * static_cast<double>(count), "the Hessian");
  auto layer = std::make_shared<LayerCopy>();
  layer->config = weight_quantizer(info[4], "quantizer").quantizer;
  validate(layer->config);  // refuses 32 bits: a float weight has no codes
  layer->weight = weight.values.copy();
  layer->rows = weight.rows;
  layer->cols = weight.cols;
  layer->hessian = hessian.copy();
  return layer;
}

Napi::Object options_argument(Napi::Env env, Napi::Value value) {
  return is_absent(value) ? Napi::Object::New(env) : object(value, "options");
}

Napi::Value gptq_to_js(Napi::Env env, GptqResult& result) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("weight", quantized_weight_to_js(env, result.weight));
  object.Set("gIdx", result.g_idx.empty() ? env.Null() : Napi::Value(to_js(env, result.g_idx)));
  object.Set("dequantized", to_js(env, result.dequantized));
  object.Set("loss", result.loss);
  return object;
}

Napi::Value adaround_to_js(Napi::Env env, AdaRoundResult& result) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("weight", quantized_weight_to_js(env, result.weight));
  object.Set("dequantized", to_js(env, result.dequantized));
  object.Set("nearestLoss", result.nearest_loss);
  object.Set("loss", result.loss);
  return object;
}

std::optional<Scales> given_scales(Napi::Object options) {
  const Napi::Value value = options.Get("scales");
  if (is_absent(value)) return std::nullopt;
  return scales_from(object(value, "options.scales"), "options.scales");
}

HqqOptions hqq_options(Napi::Object given) {
  HqqOptions options;
  options.norm = optional_number(given, "norm", 1e-3, 1, options.norm);
  options.beta = optional_number(given, "beta", 1e-3, kMaxFactor, options.beta);
  options.kappa = optional_number(given, "kappa", 1, kMaxFactor, options.kappa);
  options.iterations = optional_integer(given, "iterations", 0, kMaxIterations, options.iterations);
  options.integer_zeros = optional_flag(given, "integerZeros", options.integer_zeros);
  return options;
}

}  // namespace

Napi::Value op_hessian(const Napi::CallbackInfo& info) {
  const MatrixArgument x = matrix_argument(info[0], info[1], info[2], "x");
  const int64_t count = element_count(x.cols, x.cols, "the Hessian");
  require_memory(2 * kDoubleBytes * static_cast<double>(count), "the Hessian");
  auto inputs = std::make_shared<std::vector<float>>(x.values.copy());
  std::shared_ptr<CancelToken> cancel = cancel_argument(info[3]);
  return Job<SquareMatrix>::start(
      info.Env(), "qat.hessian", cancel,
      [inputs, samples = x.rows, cols = x.cols, cancel] {
        Hessian hessian(cols);
        hessian.add(inputs->data(), samples, cancel.get());
        return hessian.value();
      },
      [](Napi::Env env, SquareMatrix& h) -> Napi::Value { return to_js(env, h); });
}

Napi::Value op_gptq(const Napi::CallbackInfo& info) {
  std::shared_ptr<LayerCopy> layer = layer_argument(info);
  const Napi::Object given = options_argument(info.Env(), info[5]);
  GptqOptions options;
  options.damping = optional_number(given, "damping", 0, kMaxFactor, options.damping);
  options.act_order = optional_flag(given, "actOrder", options.act_order);
  options.static_groups = optional_flag(given, "staticGroups", options.static_groups);
  options.scales = given_scales(given);
  std::shared_ptr<CancelToken> cancel = cancel_argument(info[6]);
  return Job<GptqResult>::start(
      info.Env(), "qat.gptq", cancel,
      [layer, options, cancel] {
        return gptq(layer->weight.data(), layer->rows, layer->cols, std::move(layer->hessian),
                    layer->config, options, cancel.get());
      },
      gptq_to_js);
}

Napi::Value op_adaround(const Napi::CallbackInfo& info) {
  std::shared_ptr<LayerCopy> layer = layer_argument(info);
  const Napi::Object given = options_argument(info.Env(), info[5]);
  std::optional<Scales> scales = given_scales(given);
  AdaRoundOptions options;
  options.iterations = optional_integer(given, "iterations", 1, kMaxIterations, options.iterations);
  options.learning_rate =
      optional_number(given, "learningRate", 1e-9, kMaxFactor, options.learning_rate);
  options.lambda = optional_number(given, "lambda", 0, kMaxFactor, options.lambda);
  options.warm_start = optional_number(given, "warmStart", 0, 0.999, options.warm_start);
  options.beta_start = optional_number(given, "betaStart", 1.001, 1000, options.beta_start);
  options.beta_end = optional_number(given, "betaEnd", 1.001, 1000, options.beta_end);
  std::shared_ptr<CancelToken> cancel = cancel_argument(info[6]);
  return Job<AdaRoundResult>::start(
      info.Env(), "qat.adaround", cancel,
      [layer, scales = std::move(scales), options, cancel] {
        const float* weight = layer->weight.data();
        return adaround(weight, layer->rows, layer->cols, layer->hessian, layer->config,
                        scales ? *scales
                               : estimate_scales(weight, layer->rows, layer->cols, layer->config,
                                                 cancel.get()),
                        options, cancel.get());
      },
      adaround_to_js);
}

Napi::Value op_hqq(const Napi::CallbackInfo& info) {
  const MatrixArgument x = matrix_argument(info[0], info[1], info[2], "weight");
  const Napi::Object given = object(info[3], "options");
  const int bits = static_cast<int>(integer_in(given.Get("bits"), "options.bits", 1, 8));
  const int64_t group = extent(given.Get("groupSize"), "options.groupSize");
  const HqqOptions options = hqq_options(given);
  auto weight = std::make_shared<std::vector<float>>(x.values.copy());
  std::shared_ptr<CancelToken> cancel = cancel_argument(info[4]);
  const int64_t rows = x.rows, cols = x.cols;
  return Job<HqqResult>::start(
      info.Env(), "qat.hqq", cancel,
      [weight, rows, cols, bits, group, options, cancel] {
        return hqq(weight->data(), rows, cols, bits, group, options, cancel.get());
      },
      [rows, cols, bits, group](Napi::Env env, HqqResult& result) -> Napi::Value {
        Napi::Object object = Napi::Object::New(env);
        object.Set("bits", bits);
        object.Set("groupSize", static_cast<double>(group));
        object.Set("rows", static_cast<double>(rows));
        object.Set("cols", static_cast<double>(cols));
        object.Set("packed", to_js(env, pack_codes(result.codes.data(), rows, cols, bits)));
        object.Set("scales", to_js(env, result.scales));
        object.Set("zeros", to_js(env, result.zeros));
        object.Set("dequantized", to_js(env, result.dequantized));
        object.Set("minMaxError", result.min_max_error);
        object.Set("error", result.error);
        return object;
      });
}

}  // namespace qat::addon
