#include "nn/optimizer.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <string>

#include "nn/optimizer_rule.h"
#include "qat/error.h"
#include "runtime/rng.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

// Elements per piece of work; updates are elementwise, so the split changes no bits.
constexpr int64_t kGrain = 16384;

void require(bool good, const char* what) {
  if (good) return;
  throw Error("E-NATIVE-ARGUMENT", std::string("Optimizer: ") + what + ".",
              "Correct the training settings.");
}

std::vector<ParameterSpec> without_shape(const std::vector<int64_t>& sizes) {
  std::vector<ParameterSpec> parameters;
  for (const int64_t size : sizes) parameters.push_back({size, 1});
  return parameters;
}

float* data_or_null(AlignedVector<float>& values) { return values.empty() ? nullptr : values.data(); }

}  // namespace

OptimizerOptions default_options(OptimizerKind kind) {
  OptimizerOptions options = optimizer_rule(kind).defaults;
  options.kind = kind;
  return options;
}

void validate(const OptimizerOptions& o) {
  require(o.momentum >= 0 && std::isfinite(o.momentum), "momentum must be at least 0");
  require(o.weight_decay >= 0 && std::isfinite(o.weight_decay), "weight decay must be at least 0");
  require(o.beta1 >= 0 && o.beta1 < 1, "beta1 must be in [0, 1)");
  require(o.beta2 >= 0 && o.beta2 < 1, "beta2 must be in [0, 1)");
  require(o.epsilon >= 0 && std::isfinite(o.epsilon), "epsilon must be at least 0");
  require(o.amplitude > 0 && std::isfinite(o.amplitude), "amplitude must be above 0");
  require(!o.nesterov || o.momentum > 0, "Nesterov needs a momentum");
  validate(o.galore);
}

Optimizer::Optimizer(const OptimizerOptions& options, const std::vector<int64_t>& sizes)
    : Optimizer(options, without_shape(sizes)) {}

Optimizer::Optimizer(const OptimizerOptions& options, const std::vector<ParameterSpec>& parameters)
    : options_(options), moments_(parameters.size()) {
  validate(options);
  const int moments = optimizer_rule(options.kind).moments(options);
  for (size_t i = 0; i < parameters.size(); ++i) {
    parameters_.push_back({parameters[i], {}, false});
    Parameter& parameter = parameters_.back();
    int64_t size = parameter.spec.size();
    // Signs have no low rank: binary weights vote one by one.
    if (options.galore.rank > 0 && parameter.spec.rows > 1 && parameter.spec.cols > 1 && !votes(i)) {
      const GaloreShape shape =
          galore_shape(options.galore, parameter.spec.rows, parameter.spec.cols);
      parameter.projected = shape;
      parameter.is_projected = true;
      size = shape.low_size();
      moments_[i].left.assign(static_cast<size_t>(shape.left_size()), 0.0f);
      moments_[i].right.assign(static_cast<size_t>(shape.right_size()), 0.0f);
      grow(low_gradient_, size);
      grow(low_update_, size);
      grow(scratch_, shape.scratch_size());
    }
    if (moments > 0) moments_[i].first.assign(static_cast<size_t>(size), 0.0f);
    if (moments > 1) moments_[i].second.assign(static_cast<size_t>(size), 0.0f);
  }
}

int64_t Optimizer::update(size_t index, float* parameter, const float* gradient,
                          double learning_rate) {
  const ParameterSpec& spec = parameters_[index].spec;
  if (spec.of_quantizer && step_ <= spec.begins) return 0;
  const int64_t before = steps_before(index);
  if (before > 0 && step_ == before + 1) {
    for (AlignedVector<float>* state : {&moments_[index].first, &moments_[index].second}) {
      std::fill(state->begin(), state->end(), 0.0f);
    }
  }
  if (parameters_[index].is_projected) {
    return update_projected(index, parameter, gradient, learning_rate);
  }
  return run(index, options_, parameters_[index].spec.size(), parameter, gradient, learning_rate);
}

int64_t Optimizer::run(size_t index, const OptimizerOptions& options, int64_t size,
                       float* parameter, const float* gradient, double learning_rate) {
  const OptimizerRule& rule = optimizer_rule(options.kind);
  float* first = data_or_null(moments_[index].first);
  float* second = data_or_null(moments_[index].second);
  const uint64_t key = random_key(options.seed, {index});
  const ParameterSpec& spec = parameters_[index].spec;
  const int64_t before = steps_before(index);
  std::atomic<int64_t> flips{0};
  parallel_for(size, kGrain, [&](int64_t begin, int64_t end) {
    OptimizerPiece piece;
    piece.parameter = parameter + begin;
    piece.gradient = gradient + begin;
    piece.first = first ? first + begin : nullptr;
    piece.second = second ? second + begin : nullptr;
    piece.count = end - begin;
    piece.step = step_ > before ? step_ - before : step_;
    piece.learning_rate = learning_rate;
    piece.binary = spec.binary && step_ > spec.begins;
    piece.key = key;
    piece.begin = begin;
    flips += rule.step(options, piece);
  });
  return flips;
}

bool Optimizer::votes(size_t index) const {
  return options_.kind == OptimizerKind::kDiode && parameters_[index].spec.binary;
}

int64_t Optimizer::steps_before(size_t index) const {
  const ParameterSpec& spec = parameters_[index].spec;
  return spec.of_quantizer || votes(index) ? spec.begins : 0;
}

// The rule steps from 0 in the projected space, which gives the change; weight decay is a matter of the
// whole weight and stays outside.
int64_t Optimizer::update_projected(size_t index, float* parameter, const float* gradient,
                                    double learning_rate) {
  const GaloreShape& shape = parameters_[index].projected;
  const int64_t size = shape.rows * shape.cols, low_size = shape.low_size();
  Moments& state = moments_[index];
  const auto decay = static_cast<float>(options_.weight_decay);
  const WeightDecay kind = optimizer_rule(options_.kind).decay;
  if (decay > 0 && kind == WeightDecay::kL2) {
    grow(decayed_, size);
    parallel_for(size, kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) decayed_[i] = gradient[i] + decay * parameter[i];
    });
    gradient = decayed_.data();
  }
  float *left = data_or_null(state.left), *right = data_or_null(state.right);
  if ((step_ - 1) % options_.galore.update_gap == 0) {
    const uint64_t key = random_key(options_.seed, {index, static_cast<uint64_t>(step_)});
    galore_bases(shape, gradient, key, left, right);
  }
  galore_project(shape, left, right, gradient, low_gradient_.data(), scratch_.data());
  std::fill_n(low_update_.begin(), low_size, 0.0f);
  OptimizerOptions options = options_;
  options.weight_decay = 0;
  run(index, options, low_size, low_update_.data(), low_gradient_.data(), learning_rate);
  const auto scale = static_cast<float>(options_.galore.scale);
  for (int64_t i = 0; i < low_size; ++i) low_update_[static_cast<size_t>(i)] *= scale;
  if (decay > 0 && kind == WeightDecay::kDecoupled) {
    const auto keep = static_cast<float>(1 - learning_rate * options_.weight_decay);
    parallel_for(size, kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) parameter[i] *= keep;
    });
  }
  galore_add_back(shape, left, right, low_update_.data(), parameter, scratch_.data());
  return 0;
}

std::vector<Optimizer::StateArray> Optimizer::state_arrays() {
  std::vector<StateArray> arrays;
  for (size_t i = 0; i < moments_.size(); ++i) {
    const std::string name = std::to_string(i);
    Moments& m = moments_[i];
    arrays.push_back({name + ".first", &m.first, false});
    arrays.push_back({name + ".second", &m.second, !votes(i)});
    if (!parameters_[i].is_projected) continue;
    arrays.push_back({name + ".left", &m.left, false});
    arrays.push_back({name + ".right", &m.right, false});
  }
  return arrays;
}

int64_t Optimizer::native_bytes() const {
  size_t floats =
      decayed_.size() + low_gradient_.size() + low_update_.size() + scratch_.size();
  for (const Moments& m : moments_) {
    floats += m.first.size() + m.second.size() + m.left.size() + m.right.size();
  }
  return static_cast<int64_t>(floats * sizeof(float));
}

std::vector<float> optimize_trajectory(const float* init, const float* gradients, int64_t steps,
                                       const ParameterSpec& spec, const OptimizerOptions& options,
                                       double learning_rate) {
  require(steps >= 0 && spec.rows > 0 && spec.cols > 0, "needs at least one parameter");
  Optimizer optimizer(options, std::vector<ParameterSpec>{spec});
  const int64_t size = spec.size();
  const auto n = static_cast<size_t>(size);
  std::vector<float> parameter(init, init + n);
  std::vector<float> trajectory(static_cast<size_t>(steps) * n);
  for (int64_t s = 0; s < steps; ++s) {
    optimizer.begin_step();
    optimizer.update(0, parameter.data(), gradients + s * size, learning_rate);
    std::memcpy(trajectory.data() + s * size, parameter.data(), n * sizeof(float));
  }
  return trajectory;
}

std::vector<float> optimize_trajectory(const float* init, const float* gradients, int64_t steps,
                                       int64_t size, const OptimizerOptions& options,
                                       double learning_rate) {
  return optimize_trajectory(init, gradients, steps, ParameterSpec{size, 1}, options,
                             learning_rate);
}

}  // namespace qat
