// What every node of a network is: the interface that training, evaluation, checkpoints and snapshots
// work with. One file per module under nn/modules/; the table of them is nn/network_nodes.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nn/packed_weight.h"

namespace qat {

class CancelToken;
class NBitLayer;

// One sample between two nodes: [features], [tokens, features] or [channels, height, width].
struct SampleShape {
  std::vector<int64_t> extents;
  int64_t size() const {
    int64_t product = 1;
    for (const int64_t extent : extents) product *= extent;
    return product;
  }
  std::string text() const;  // "32 × 28 × 28"
};

// kTraining keeps what backward() needs. kInference: the trained arithmetic in float. kPacked: integer
// codes, never unpacked to float.
enum class Pass { kTraining, kInference, kPacked };

// One array that a module holds.
struct ModuleParameter {
  // kLearned, kScale and kOffset get gradients (null for a scale that is not learned). Scales keep
  // their sign; scales and offsets of quantizers have a learning rate of their own. Those of n-bit layers
  // are not among the parameters a network shows: it has scales() for them. kStatistic is only kept:
  // running means.
  enum class Role { kLearned, kScale, kOffset, kStatistic };
  std::string suffix;  // <node>.<suffix>: "weight", "gamma", …
  int64_t rows = 0, cols = 0;
  Role role = Role::kLearned;
  float least = -3.402823466e38f;  // smallest value that is legal
  bool binary = false;             // a 1-bit weight: only the sign of its values counts
  int64_t size() const { return rows * cols; }
  bool of_quantizer() const { return role == Role::kScale || role == Role::kOffset; }
};

// Where a training stands, for what depends on it: dropout, annealed gradients.
struct TrainingPosition {
  uint64_t seed = 0;
  int64_t step = 0, steps_total = 1;
  int64_t quantize_from = 0;            // layers are float before this step and prepared anew at it
  int64_t freeze_norm_from = INT64_MAX; // batch norm statistics stay as they are from this step on
  double dampening = 0;                 // pull of weights to their levels (oscillation.h)
  bool quantizing() const { return step >= quantize_from; }
  bool quantization_begins() const { return quantize_from > 0 && step == quantize_from; }
  bool norm_frozen() const { return step >= freeze_norm_from; }
  double progress() const {
    return static_cast<double>(step) / static_cast<double>(steps_total);
  }
};

// A quantized weight that stands in no n-bit layer, under its current scales.
struct WeightFigures {
  double scale_mean = 0;
  double clipped_share = 0;       // of weights whose rounded code is outside the grid
  std::optional<double> sqnr_db;  // none: exact
};

class Module {
 public:
  virtual ~Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  const SampleShape& output() const { return output_; }

  // --- parameters: indices are those of parameters(), the same for the module's whole life -----------
  virtual std::vector<ModuleParameter> parameters() const { return {}; }
  virtual const float* value(size_t /*index*/) const { return nullptr; }  // null: not set
  // Finite values, as many as the parameter has. E-WEIGHT-SHAPE | E-WEIGHT-NOT-FINITE.
  virtual void set_value(size_t /*index*/, const float* /*values*/, size_t /*count*/) {}
  virtual float* mutable_value(size_t /*index*/) { return nullptr; }  // for an optimizer's update
  virtual void after_update() {}  // every value of this step is written
  virtual float* gradient(size_t /*index*/) { return nullptr; }       // of the last backward()
  // Initial values from the seed; false where nothing is drawn.
  virtual bool reset(uint64_t /*seed*/) { return false; }
  // The n-bit layer inside, where there is one.
  virtual NBitLayer* layer() { return nullptr; }
  // Sets the state of every quantizer from calibration inputs x, one array [rows, …] per input.
  virtual void prepare(const float* const* /*x*/, int64_t /*rows*/, const CancelToken* /*cancel*/) {}
  // Codes and scales of the weight. E-LAYER-UNKNOWN for a node without one, E-QUANTIZER-INVALID for a
  // float one.
  virtual PackedWeight packed_weight();
  virtual void set_packed_weight(const PackedWeight& weight);
  // Of a quantized weight that stands in no n-bit layer; none while it is used as it is.
  virtual std::optional<WeightFigures> weight_figures() { return {}; }
  // Of such a weight; 0: there is none. weight_codes fills as many.
  virtual int64_t code_count() const { return 0; }
  virtual void weight_codes(uint8_t* /*codes*/) {}
  // Every weight and every quantizer's state is there: it can be trained.
  virtual bool ready() const { return true; }

  // --- work: x holds one array [rows, …] per input; y [rows, output] overlaps none of them -----------
  virtual void reserve(int64_t /*rows*/, bool /*for_backward*/) {}
  virtual void begin_step(const TrainingPosition& /*position*/) {}
  virtual void forward(const float* const* x, int64_t rows, float* y, Pass pass) = 0;
  // After forward(kTraining) with the same x and y, which are unchanged. dx[i] may be null: not wanted;
  // else it is overwritten. dy may be used as scratch.
  virtual void backward(const float* const* x, const float* y, float* dy, int64_t rows,
                        float* const* dx) = 0;
  // Cannot train on a single sample.
  virtual bool needs_batch() const { return false; }
  virtual int64_t native_bytes() const { return 0; }

 protected:
  explicit Module(SampleShape output) : output_(std::move(output)) {}

 private:
  SampleShape output_;
};

}  // namespace qat
