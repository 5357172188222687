#include "nn/layer_life.h"

#include "nn/layer_limits.h"
#include "qat/error.h"

namespace qat {

LayerState LayerLife::state() const {
  if (!has_weight_) return packed_version_ ? LayerState::kPackedOnly : LayerState::kCreated;
  if (!prepared_) return LayerState::kWeight;
  return packed_is_current() ? LayerState::kQuantized : LayerState::kPrepared;
}

void LayerLife::weight_set() {
  has_weight_ = true;
  prepared_ = came_packed_ = false;
  packed_version_ = 0;
  ++version_;
}

void LayerLife::parameters_written() { ++version_; }

void LayerLife::scales_set() {
  const bool keeps_codes = packed_only();
  ++version_;
  if (keeps_codes) packed_version_ = version_;
  else prepared_ = true;
}

void LayerLife::packed_made() { packed_version_ = version_; }

void LayerLife::packed_loaded() {
  ++version_;
  packed_version_ = version_;
  weight_given_up();
}

void LayerLife::weight_given_up() { has_weight_ = prepared_ = training_ = false; }

void LayerLife::weight_restored() { has_weight_ = prepared_ = came_packed_ = true; }

void LayerLife::refuse(const char* call, const std::string& why, const char* remedy) const {
  throw Error("E-LAYER-STATE",
              std::string(call) + " is not possible in state \"" + to_string(state()) + "\"" +
                  (training_ ? " (training)" : " (inference)") + ": " + why + ".",
              remedy);
}

void LayerLife::require_weight(const char* call) const {
  if (has_weight_) return;
  if (packed_version_) {
    refuse(call, "the float weight was given up for the packed one",
           "Load the float weight again with setWeightData, then prepareParams.");
  }
  refuse(call, "the layer has no weight yet", "Call resetParameters or setWeightData first.");
}

void LayerLife::require_prepared(const char* call) const {
  require_weight(call);
  if (!prepared_) {
    refuse(call, "the scales are not set", "Call prepareParams (or setScales) first.");
  }
}

void LayerLife::require_ready(const char* call) const {
  if (packed_only() && !training_) return;
  require_prepared(call);
}

void require_weight_values(const char* what, const float* values, size_t got, size_t expected) {
  require_count(what, got, expected);
  require_finite_values(what, values, got);
}

}  // namespace qat
