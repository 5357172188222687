// Losses beside cross-entropy, and what is done to gradients, on arrays.
#include <string>
#include <vector>

#include "addon/ops_internal.h"
#include "nn/gradient_quantizer.h"
#include "nn/losses.h"
#include "runtime/rng.h"

namespace qat::addon {
namespace {

Napi::Object loss_to_js(Napi::Env env, double loss, const std::vector<float>& dx) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("loss", loss);
  result.Set("dx", to_js(env, dx));
  return result;
}

uint32_t seed_in(Napi::Value value, const std::string& what) {
  return static_cast<uint32_t>(integer_in(value, what, 0, 0xffffffffLL));
}

}  // namespace

Napi::Value op_mean_squared_error(const Napi::CallbackInfo& info) {
  const MatrixArgument x = matrix_argument(info[0], info[2], info[3], "x");
  const Span<float> target = finite_floats(info[1], "target", x.rows * x.cols);
  std::vector<float> dx(x.values.size);
  const double loss =
      mean_squared_error(x.values.data, target.data, x.rows, x.cols, dx.data());
  return loss_to_js(info.Env(), loss, dx);
}

Napi::Value op_distillation(const Napi::CallbackInfo& info) {
  const MatrixArgument logits = matrix_argument(info[0], info[3], info[4], "logits");
  const Span<float> teacher = finite_floats(info[1], "teacher", logits.rows * logits.cols);
  Span<uint8_t> labels;
  if (!is_absent(info[2])) labels = labels_argument(info[2], logits.rows, logits.cols);
  DistillationOptions options;
  if (!is_absent(info[5])) {
    const Napi::Object given = object(info[5], "options");
    options.temperature = optional_number(given, "temperature", 1e-3, 1e6, options.temperature);
    options.teacher_share = optional_number(given, "teacherShare", 0, 1, options.teacher_share);
    options.label_smoothing =
        optional_number(given, "labelSmoothing", 0, 1, options.label_smoothing);
  }
  std::vector<float> dx(logits.values.size);
  const double loss = distillation_loss(logits.values.data, teacher.data, labels.data, logits.rows,
                                        logits.cols, options, dx.data(), nullptr);
  return loss_to_js(info.Env(), loss, dx);
}

Napi::Value op_quantize_gradient(const Napi::CallbackInfo& info) {
  const MatrixArgument gradient = matrix_argument(info[0], info[1], info[2], "gradient");
  const auto bits = static_cast<int>(integer_in(info[3], "bits", 1, 16));
  const uint64_t key = random_key(seed_in(info[4], "seed"), {0, seed_in(info[5], "step")});
  std::vector<float> quantized = gradient.values.copy();
  quantize_gradient(quantized.data(), gradient.rows, gradient.cols, bits, key);
  return to_js(info.Env(), quantized);
}

}  // namespace qat::addon
