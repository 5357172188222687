// What a training does inside its n-bit layers, weight-only layers and tables, step by step: figures to look at, the codes that
// oscillate, and their freezing. Inside nn/ only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nn/module.h"
#include "nn/oscillation.h"
#include "quant/error_measures.h"

namespace qat {

class Network;

struct MonitorOptions {
  int64_t every = 0;  // steps from one LayerStep to the next; 0: none
  // A weight whose code oscillates more often than this share of the steps is held at its mean code for
  // good; 0: none. It goes from start to end along half a cosine (Nagel et al. 2022).
  double freeze_from = 0, freeze_to = 0;
  bool freezes() const { return freeze_from > 0; }
  bool follows_codes() const { return every > 0 || freezes(); }
};

// Throws E-NATIVE-ARGUMENT for values out of bounds.
void validate(const MonitorOptions& options);

// One layer at one step. Operands of a quantized matmul or attention are activations without codes to
// follow: they have no figures. Scales, SQNR, gradients and clipped shares are those the step computed with;
// changes of codes are what its update did. None: there is no such thing in this layer, or not yet.
struct LayerStep {
  std::string name;
  std::optional<double> weight_scale;      // mean
  std::optional<double> activation_scale;
  // Codes changed from one look at them to the next, mean of the looks since the point before. Codes
  // are looked at when a point is due, with freezing after every step.
  std::optional<double> flip_share;
  std::optional<double> oscillating_share; // weights above the threshold, by looks
  std::optional<double> frozen_share;      // only when weights are frozen
  std::optional<double> clipped_weights;   // share whose rounded code is outside the grid
  std::optional<double> clipped_inputs;    // the same of the batch
  double weight_gradient = 0;              // L2, before gradients are clipped
  std::optional<double> scale_gradient;
  std::optional<double> sqnr_db;           // none besides: exact
};

class NBitLayer;

// Of the values that are rounded, against the levels they get; not for float weights.
QuantizationError rounding_error(NBitLayer& layer);
double mean_scale(const Scales& scales);

// Follows the layers of a network that the caller holds. Reads what the step computed; only freezing
// changes the training. Sums are taken in a fixed order: the same on any number of threads.
class LayerMonitor {
 public:
  // Throws E-QUANTIZER-INVALID naming the first quantized weight that cannot be frozen, and
  // E-NATIVE-ARGUMENT where there is nothing to freeze.
  LayerMonitor(Network& network, const MonitorOptions& options);

  // The gradients of a step are there, nothing is updated yet.
  void before_update(const TrainingPosition& position);
  // Every parameter of the step is written.
  void after_update(const TrainingPosition& position);
  // The figures of the step that ended last; none when it was not its turn.
  std::vector<LayerStep> take();
  int64_t native_bytes() const;

  // For a checkpoint: per layer with a quantized weight, in the network's order.
  struct Followed {
    std::string name;
    OscillationTracker tracker;
    int64_t changes = 0;  // of codes since the point before
    int64_t looks = 0;    // that those changes are of
  };
  std::vector<Followed>& followed() { return followed_; }

 private:
  struct Watched {
    Module* module;
    std::string name;
    int64_t followed = -1;  // index; -1: a float weight
  };

  bool due(const TrainingPosition& position) const;
  LayerStep measure(const Watched& watched) const;
  void follow(const Watched& watched, LayerStep* point);

  MonitorOptions options_;
  std::vector<Watched> layers_;
  std::vector<Followed> followed_;
  std::vector<LayerStep> points_;
  std::vector<uint8_t> codes_;
};

}  // namespace qat
