#include "addon/session_options.h"

#include <string>

#include "addon/args.h"
#include "addon/errors.h"
#include "nn/optimizer_rule.h"

namespace qat::addon {
namespace {

Napi::Value number_or_null(Napi::Env env, const std::optional<double>& value) {
  if (!value) return env.Null();
  return finite_or_null(env, *value);
}

Napi::Object layer_step_to_js(Napi::Env env, const LayerStep& layer) {
  Napi::Object entry = Napi::Object::New(env);
  entry.Set("name", layer.name);
  entry.Set("weightScale", number_or_null(env, layer.weight_scale));
  entry.Set("activationScale", number_or_null(env, layer.activation_scale));
  entry.Set("flipShare", number_or_null(env, layer.flip_share));
  entry.Set("oscillatingShare", number_or_null(env, layer.oscillating_share));
  entry.Set("frozenShare", number_or_null(env, layer.frozen_share));
  entry.Set("clippedWeights", number_or_null(env, layer.clipped_weights));
  entry.Set("clippedInputs", number_or_null(env, layer.clipped_inputs));
  entry.Set("weightGradient", finite_or_null(env, layer.weight_gradient));
  entry.Set("scaleGradient", number_or_null(env, layer.scale_gradient));
  entry.Set("sqnrDb", number_or_null(env, layer.sqnr_db));
  return entry;
}

Napi::Object step_to_js(Napi::Env env, const SessionStep& step) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("step", static_cast<double>(step.step));
  result.Set("epoch", step.epoch);
  result.Set("loss", step.loss);
  result.Set("learningRate", step.learning_rate);
  if (step.layers.empty()) {
    result.Set("layers", env.Null());
    return result;
  }
  Napi::Array layers = Napi::Array::New(env, step.layers.size());
  for (size_t i = 0; i < step.layers.size(); ++i) {
    layers.Set(static_cast<uint32_t>(i), layer_step_to_js(env, step.layers[i]));
  }
  result.Set("layers", layers);
  return result;
}

Napi::Object evaluation_to_js(Napi::Env env, const SessionEvaluation& evaluation) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("step", static_cast<double>(evaluation.step));
  result.Set("epoch", evaluation.epoch);
  result.Set("testLoss", evaluation.test_loss);
  result.Set("testAccuracy", number_or_null(env, evaluation.test_accuracy));
  Napi::Array layers = Napi::Array::New(env, evaluation.layers.size());
  for (size_t i = 0; i < evaluation.layers.size(); ++i) {
    const LayerDiagnostics& layer = evaluation.layers[i];
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", layer.name);
    entry.Set("sqnrDb", number_or_null(env, layer.sqnr_db));
    entry.Set("scaleMean", layer.scale_mean);
    entry.Set("flipShare", layer.flip_share);
    layers.Set(static_cast<uint32_t>(i), entry);
  }
  result.Set("layers", layers);
  return result;
}

double required_number(Napi::Object given, const char* name, double low, double high) {
  return number_in(given.Get(name), std::string("options.") + name, low, high);
}

OptimizerKind optimizer_kind(Napi::Value value) {
  std::string expected = "one of";
  for (const OptimizerRule& rule : optimizer_rules()) {
    if (value.IsString() && value.As<Napi::String>().Utf8Value() == rule.name) return rule.kind;
    expected += std::string(" '") + rule.name + "'";
  }
  fail_argument("options.optimizer must be " + expected + ", not " + describe(value) + ".");
}

GaloreOptions galore_options(Napi::Value value) {
  GaloreOptions options;
  if (is_absent(value)) return options;
  const Napi::Object given = object(value, "options.galore");
  constexpr GaloreType kTypes[] = {GaloreType::kStd, GaloreType::kReverseStd, GaloreType::kLeft,
                                   GaloreType::kRight, GaloreType::kFull};
  options.rank = integer_in(given.Get("rank"), "options.galore.rank", 1, kMaxExtent);
  const Napi::Value type = given.Get("type");
  if (!is_absent(type)) {
    options.type = kTypes[choice(type, "options.galore.type",
                                 {"std", "reverse_std", "left", "right", "full"})];
  }
  options.update_gap = optional_integer(given, "updateGap", 1, kMaxExtent, options.update_gap);
  options.scale = optional_number(given, "scale", 1e-6, 1e6, options.scale);
  return options;
}

LossOptions loss_options(Napi::Object given) {
  LossOptions options;
  const Napi::Value kind = given.Get("loss");
  constexpr LossKind kKinds[] = {LossKind::kCrossEntropy, LossKind::kDistillation,
                                 LossKind::kTeacherMse, LossKind::kMse};
  if (!kind.IsUndefined()) {
    options.kind =
        kKinds[choice(kind, "options.loss", {"crossEntropy", "distillation", "teacherMse", "mse"})];
  }
  options.label_smoothing = optional_number(given, "labelSmoothing", 0, 1, 0);
  options.temperature = optional_number(given, "temperature", 1e-3, 1e6, options.temperature);
  options.teacher_share = optional_number(given, "teacherShare", 0, 1, options.teacher_share);
  return options;
}

int64_t required_integer(Napi::Object given, const char* name, int64_t low, int64_t high) {
  return integer_in(given.Get(name), std::string("options.") + name, low, high);
}

}  // namespace

OptimizerOptions optimizer_options(Napi::Object given) {
  OptimizerOptions options = default_options(optimizer_kind(given.Get("optimizer")));
  options.momentum = optional_number(given, "momentum", 0, 1, options.momentum);
  options.nesterov = optional_flag(given, "nesterov", options.nesterov);
  options.weight_decay = optional_number(given, "weightDecay", 0, 1e6, options.weight_decay);
  options.beta1 = optional_number(given, "beta1", 0, 1, options.beta1);
  options.beta2 = optional_number(given, "beta2", 0, 1, options.beta2);
  options.epsilon = optional_number(given, "epsilon", 0, 1, options.epsilon);
  options.amplitude = optional_number(given, "amplitude", 1e-30, 1e6, options.amplitude);
  options.seed = static_cast<uint64_t>(optional_integer(given, "seed", 0, 0xffffffffLL, 0));
  options.galore = galore_options(given.Get("galore"));
  return options;
}

SessionOptions session_options(Napi::Value value) {
  const Napi::Object given = object(value, "options");
  SessionOptions options;
  options.optimizer = optimizer_options(given);
  options.optimizer.momentum = required_number(given, "momentum", 0, 1);
  options.optimizer.weight_decay = required_number(given, "weightDecay", 0, 1e6);
  options.learning_rate = required_number(given, "learningRate", 0, 1e6);
  constexpr ScheduleKind kSchedules[] = {ScheduleKind::kConstant, ScheduleKind::kCosine,
                                         ScheduleKind::kStep};
  options.schedule.kind = kSchedules[choice(given.Get("schedule"), "options.schedule",
                                            {"constant", "cosine", "step"})];
  options.schedule.step_factor = optional_number(given, "stepFactor", 0, 1, 0.1);
  options.schedule.step_epochs = optional_integer(given, "stepEpochs", 1, 1'000'000, 1);
  options.schedule.warmup_steps = optional_integer(given, "warmupSteps", 0, kMaxExtent, 0);
  options.gradient_clip = optional_number(given, "gradientClip", 0, 1e6, 0);
  options.scale_rate = optional_number(given, "scaleRate", 1e-6, 1e6, 1);
  options.loss = loss_options(given);
  options.gradient_bits =
      static_cast<int>(optional_integer(given, "gradientBits", 1, kFloatBits, kFloatBits));
  options.dampening = optional_number(given, "dampening", 0, 1e6, 0);
  options.quantize_from = optional_integer(given, "quantizeFromStep", 0, kMaxExtent, 0);
  options.freeze_norm_from =
      optional_integer(given, "freezeNormFromStep", 0, kMaxExtent, options.freeze_norm_from);
  options.monitor.every = optional_integer(given, "diagnosticsEvery", 0, kMaxExtent, 0);
  options.monitor.freeze_from = optional_number(given, "freezeThreshold", 0, 1, 0);
  options.monitor.freeze_to =
      optional_number(given, "freezeThresholdEnd", 0, 1, options.monitor.freeze_from);
  options.epochs = required_integer(given, "epochs", 1, 1'000'000);
  options.batch_size = required_integer(given, "batchSize", 1, kMaxExtent);
  options.seed = static_cast<uint64_t>(required_integer(given, "seed", 0, 0xffffffffLL));
  options.shuffle = optional_flag(given, "shuffle", options.shuffle);
  options.snapshot_ms = optional_integer(given, "snapshotMs", 0, 86'400'000, options.snapshot_ms);
  return options;
}

Napi::Object progress_to_js(Napi::Env env, const SessionProgress& progress) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("state", to_string(progress.state));
  result.Set("step", static_cast<double>(progress.step));
  result.Set("stepsTotal", static_cast<double>(progress.steps_total));
  result.Set("stepMs", number_or_null(env, progress.step_ms));
  Napi::Array steps = Napi::Array::New(env, progress.steps.size());
  for (size_t i = 0; i < progress.steps.size(); ++i) {
    steps.Set(static_cast<uint32_t>(i), step_to_js(env, progress.steps[i]));
  }
  result.Set("steps", steps);
  Napi::Array evaluations = Napi::Array::New(env, progress.evaluations.size());
  for (size_t i = 0; i < progress.evaluations.size(); ++i) {
    evaluations.Set(static_cast<uint32_t>(i), evaluation_to_js(env, progress.evaluations[i]));
  }
  result.Set("evaluations", evaluations);
  if (progress.failure) {
    Napi::Object error = Napi::Object::New(env);
    error.Set("code", progress.failure->code);
    error.Set("message", progress.failure->message);
    error.Set("remedy", progress.failure->remedy);
    result.Set("error", error);
  } else {
    result.Set("error", env.Null());
  }
  return result;
}

}  // namespace qat::addon
