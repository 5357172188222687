// Where a layer that owns a float and a packed weight is in its life:
//   created → weight → prepared → quantized; packedOnly once the float weight was given up.
// Holds no weights; the layer tells it what happened and asks it what is legal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "nn/n_bit_layer.h"

namespace qat {

class LayerLife {
 public:
  LayerState state() const;
  bool training() const { return training_; }
  bool has_weight() const { return has_weight_; }
  bool packed_only() const { return !has_weight_ && packed_version_ != 0; }
  // Counts writes of weight or scales.
  uint64_t version() const { return version_; }
  bool packed_is_current() const { return packed_version_ == version_; }
  // The weight came packed and brought its scales: preparing keeps them.
  bool keeps_scales() const { return came_packed_ || packed_only(); }

  // --- what happened -----------------------------------------------------------------------------
  void weight_set();         // a new float weight → weight
  void parameters_written(); // weight or scales were updated; the packed weight is stale
  void scales_set();         // → prepared; a packedOnly layer keeps its codes under the new scales
  void packed_made();        // from the current weight and scales → quantized
  void packed_loaded();      // in place of any float weight; inference → packedOnly
  void weight_given_up();    // inference → packedOnly
  void weight_restored();    // the float weight made from the packed one → quantized
  void train() { training_ = true; }
  void eval() { training_ = false; }

  // --- what is legal; throws E-LAYER-STATE naming state, call and remedy -------------------------
  [[noreturn]] void refuse(const char* call, const std::string& why, const char* remedy) const;
  void require_weight(const char* call) const;
  void require_prepared(const char* call) const;
  // Able to compute: a float weight with scales or, in inference, a packed one.
  void require_ready(const char* call) const;

 private:
  bool training_ = true;
  bool has_weight_ = false;
  bool prepared_ = false;
  bool came_packed_ = false;
  uint64_t version_ = 1;
  uint64_t packed_version_ = 0;  // version the packed weight was made from; 0: none
};

// E-WEIGHT-SHAPE unless got == expected, E-WEIGHT-NOT-FINITE unless all values are finite.
void require_weight_values(const char* what, const float* values, size_t got, size_t expected);

}  // namespace qat
