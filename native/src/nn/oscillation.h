// Weights that swing between two codes in training, and two cures (Nagel et al. 2022, "Overcoming
// Oscillations in Quantization-Aware Training"): a loss that draws weights to their levels, and
// freezing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "qat/kernels.h"

namespace qat {

// λ·Σ (ŵ − clip(w, s·(qmin − z), s·(qmax − z)))² with ŵ [rows, cols] held constant. Adds its gradient,
// 2λ·(w − ŵ) inside the clip range and 0 outside, to dw (may be null). The sum is the same on any
// number of threads.
double dampening_loss(const float* w, const float* quantized, int64_t rows, int64_t cols,
                      const QuantParams& params, double strength, float* dw);

struct OscillationOptions {
  double momentum = 0.01;   // of the frequency and of the mean code
  double threshold = 0.02;  // a weight whose frequency is above it oscillates
  bool freeze = false;      // such a weight is held at its mean code from then on
};

// Throws E-NATIVE-ARGUMENT for values outside (0, 1].
void validate(const OscillationOptions& options);

struct OscillationCounts {
  int64_t changed = 0;  // codes that are not those of the update before
  int64_t frozen = 0;   // weights held, altogether
};

// Follows the integer codes of one weight over the steps of a training. A change oscillates when it
// goes the other way than the last change of the same weight; its frequency is the exponential mean
// of 1 for an oscillation and 0 for any other step. Between two changes frequency and mean code follow
// from the steps that went by, so an update touches the weights that changed and no others.
class OscillationTracker {
 public:
  OscillationTracker(int64_t size, const OscillationOptions& options);

  // The codes after a step, minus qmin, as Kernels::quantize gives them. The first call only
  // remembers. A frozen weight keeps its code whatever is given; one is frozen in the step in which it
  // oscillates and its frequency is above the threshold.
  OscillationCounts update(const uint8_t* codes);
  // Weights whose frequency is above the threshold now.
  int64_t oscillating() const;
  double frequency(size_t index) const;
  // Sets each frozen weight [rows, cols] to the level of its code, (code + qmin − z)·s, or for `binary`
  // ±s: after every optimizer step, before the next forward.
  void hold_frozen(float* weight, int64_t rows, int64_t cols, const QuantParams& params,
                   bool binary) const;
  // The threshold may fall during a training (the paper anneals it).
  void set_threshold(double threshold);
  const OscillationOptions& options() const { return options_; }

  // All there is to go on from: one value per weight, but for `updates`.
  struct State {
    uint32_t updates = 0;
    std::vector<uint8_t> codes;        // of the last update; of a frozen weight: where it is held
    std::vector<uint8_t> directions;   // of the last change: 0 none yet, 1 up, 2 down
    std::vector<uint8_t> frozen;       // 0 or 1
    std::vector<uint32_t> changed_at;  // update of the last change; the next two are as of it
    std::vector<float> frequencies;
    std::vector<float> mean_codes;     // exponential mean
  };
  const State& state() const { return state_; }
  // Throws E-NATIVE-ARGUMENT unless sizes and values are those of such a state.
  void set_state(State state);

 private:
  void change(size_t index, uint8_t code, OscillationCounts* counts);
  // (1 − momentum)^updates; 0 once it is too small to matter.
  float decay(uint32_t updates) const {
    return updates < decays_.size() ? decays_[updates] : 0.0f;
  }

  OscillationOptions options_;
  std::vector<float> decays_;
  State state_;
  int64_t frozen_ = 0;
};

}  // namespace qat
