#include "nn/layer_monitor.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "nn/network_node.h"
#include "qat/error.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kChunk = 8192;  // elements per partial sum
constexpr int64_t kLanes = 8;
constexpr double kPi = 3.14159265358979323846;

void require(bool good, const char* what) {
  if (good) return;
  throw Error("E-NATIVE-ARGUMENT", std::string("Training settings: ") + what + ".",
              "Correct the training settings.");
}

double length(const float* values, int64_t count) {
  std::vector<double> partials(static_cast<size_t>(chunk_count(count, kChunk)));
  parallel_chunks(count, kChunk, [&](int64_t chunk, int64_t begin, int64_t end) {
    double lanes[kLanes] = {};  // a fixed order that compilers can vectorise
    int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
      for (int64_t j = 0; j < kLanes; ++j) {
        const double value = values[i + j];
        lanes[j] += value * value;
      }
    }
    for (; i < end; ++i) lanes[0] += static_cast<double>(values[i]) * values[i];
    for (const double lane : lanes) partials[static_cast<size_t>(chunk)] += lane;
  });
  double square = 0;
  for (const double partial : partials) square += partial;
  return std::sqrt(square);
}

double threshold_at(const MonitorOptions& o, double progress) {
  return o.freeze_to + (o.freeze_from - o.freeze_to) * (1 + std::cos(kPi * progress)) / 2;
}

OscillationOptions oscillation_options(const MonitorOptions& options) {
  OscillationOptions result;
  result.freeze = options.freezes();
  if (result.freeze) result.threshold = options.freeze_from;
  return result;
}

}  // namespace

void validate(const MonitorOptions& o) {
  const auto is_threshold = [](double value) { return value > 0 && value <= 1; };
  require(o.every >= 0, "diagnosticsEvery must not be negative");
  require(o.freeze_from == 0 || (is_threshold(o.freeze_from) && is_threshold(o.freeze_to)),
          "thresholds of freezing must be above 0 and at most 1");
}

double mean_scale(const Scales& scales) {
  double sum = 0;
  for (const float scale : scales.scales) sum += scale;
  return sum / static_cast<double>(scales.scales.size());
}

QuantizationError rounding_error(NBitLayer& layer) {
  const Scales scales = layer.scales();
  return quantization_error(layer.rounded_weight(), layer.rows(), layer.cols(),
                            layer.options().weight.quantizer, scales);
}

LayerMonitor::LayerMonitor(Network& network, const MonitorOptions& options) : options_(options) {
  validate(options);
  for (const auto& node : NetworkAccess::nodes(network)) {
    NBitLayer* layer = node->layer();
    const int64_t codes = node->module->code_count();
    if (!layer && codes == 0) continue;
    Watched watched{node->module.get(), node->spec.name};
    // Only codes of n-bit layers are frozen; others are looked at when a point is due.
    if (!layer && options.every > 0) {
      watched.followed = static_cast<int64_t>(followed_.size());
      followed_.push_back({watched.name, OscillationTracker(codes, oscillation_options({}))});
    } else if (layer && !layer->is_float() && options.follows_codes()) {
      if (options.freezes() && !layer->can_be_frozen()) {
        throw Error("E-QUANTIZER-INVALID",
                    "Oscillating weights of \"" + watched.name +
                        "\" cannot be frozen: their levels are not those of an affine or binary grid.",
                    "Train without freezing, or choose lsq or ste on a signed, narrow, unsigned or "
                    "binary grid.");
      }
      watched.followed = static_cast<int64_t>(followed_.size());
      followed_.push_back({watched.name, OscillationTracker(layer->weight_count(),
                                                            oscillation_options(options))});
    }
    layers_.push_back(std::move(watched));
  }
  const bool any_layer = std::any_of(layers_.begin(), layers_.end(), [](const Watched& watched) {
    return watched.module->layer() && watched.followed >= 0;
  });
  require(!options.freezes() || any_layer, "there is no quantized weight to freeze");
}

bool LayerMonitor::due(const TrainingPosition& position) const {
  return options_.every > 0 && (position.step + 1) % options_.every == 0;
}

void LayerMonitor::before_update(const TrainingPosition& position) {
  points_.clear();
  if (!due(position)) return;
  for (const Watched& watched : layers_) points_.push_back(measure(watched));
}

LayerStep LayerMonitor::measure(const Watched& watched) const {
  LayerStep point;
  point.name = watched.name;
  const std::vector<ModuleParameter> parameters = watched.module->parameters();
  for (size_t i = 0; i < parameters.size(); ++i) {
    const float* gradient = watched.module->gradient(i);
    if (!gradient) continue;
    if (parameters[i].suffix == "weight") {
      point.weight_gradient = length(gradient, parameters[i].size());
    } else if (parameters[i].suffix == "scales") {
      point.scale_gradient = length(gradient, parameters[i].size());
    }
  }
  if (!watched.module->layer()) {
    if (const auto figures = watched.module->weight_figures()) {
      point.weight_scale = figures->scale_mean;
      point.clipped_weights = figures->clipped_share;
      point.sqnr_db = figures->sqnr_db;
    }
    return point;
  }
  NBitLayer& layer = *watched.module->layer();
  if (!layer.quantizing()) return point;
  if (!layer.is_float()) {
    const QuantizationError error = rounding_error(layer);
    point.weight_scale = mean_scale(layer.scales());
    point.clipped_weights = error.clipped_share;
    if (!error.exact) point.sqnr_db = error.sqnr_db;
  }
  if (layer.a_bit() != kFloatBits) point.activation_scale = layer.activation_scale();
  point.clipped_inputs = layer.clipped_input_share();
  return point;
}

void LayerMonitor::after_update(const TrainingPosition& position) {
  const bool point_due = due(position);
  if (!point_due && !options_.freezes()) return;
  for (size_t i = 0; i < layers_.size(); ++i) {
    if (layers_[i].followed < 0) continue;
    const NBitLayer* layer = layers_[i].module->layer();
    if (layer ? !layer->quantizing() : !point_due || !points_[i].weight_scale) continue;
    if (options_.freezes() && layer) {
      followed_[static_cast<size_t>(layers_[i].followed)].tracker.set_threshold(
          threshold_at(options_, position.progress()));
    }
    follow(layers_[i], point_due ? &points_[i] : nullptr);
  }
}

void LayerMonitor::follow(const Watched& watched, LayerStep* point) {
  NBitLayer* layer = watched.module->layer();
  Followed& followed = followed_[static_cast<size_t>(watched.followed)];
  const bool compares = followed.tracker.state().updates > 0;
  const int64_t count = layer ? layer->weight_count() : watched.module->code_count();
  codes_.resize(static_cast<size_t>(count));
  if (layer) layer->weight_codes(codes_.data());
  else watched.module->weight_codes(codes_.data());
  const OscillationCounts counts = followed.tracker.update(codes_.data());
  followed.changes += counts.changed;
  followed.looks += compares;
  if (layer && counts.frozen > 0) layer->hold_frozen(followed.tracker);
  if (!point) return;
  const auto weights = static_cast<double>(count);
  if (followed.looks > 0) {
    point->flip_share = static_cast<double>(followed.changes) /
                        (weights * static_cast<double>(followed.looks));
  }
  point->oscillating_share = static_cast<double>(followed.tracker.oscillating()) / weights;
  if (options_.freezes() && layer) point->frozen_share = static_cast<double>(counts.frozen) / weights;
  followed.changes = followed.looks = 0;
}

std::vector<LayerStep> LayerMonitor::take() { return std::exchange(points_, {}); }

int64_t LayerMonitor::native_bytes() const {
  size_t bytes = codes_.size();
  for (const Followed& followed : followed_) {
    bytes += followed.tracker.state().codes.size() * (3 + 3 * sizeof(float));
  }
  return static_cast<int64_t>(bytes);
}

}  // namespace qat
