// Oscillations: dampening against central differences, the tracker against its definition by hand.
#include <algorithm>
#include <cmath>

#include "nn/oscillation.h"
#include "nn_test_util.h"
#include "quant/fake_quant.h"
#include "runtime/rng.h"
#include "runtime/thread_pool.h"

namespace {

using namespace nn_test;

// One weight's frequency from its whole history of codes.
double frequency_of(const std::vector<int>& codes, double momentum) {
  double frequency = 0;
  int last_change = 0;
  for (size_t t = 1; t < codes.size(); ++t) {
    const int change = codes[t] - codes[t - 1];
    const bool oscillated = change * last_change < 0;
    frequency = momentum * oscillated + (1 - momentum) * frequency;
    if (change != 0) last_change = change;
  }
  return frequency;
}

}  // namespace

TEST(dampening_draws_weights_to_their_levels_and_leaves_clipped_ones) {
  const int64_t rows = 6, cols = 10;
  std::vector<float> scales = {0.1f, 0.3f, 0.2f, 0.15f, 0.5f, 0.05f};
  const std::vector<int32_t> zero_points = {3, 0, 7, 15, 8, 4};
  const qat::QuantParams params =
      affine_params(0, 15, scales.data(), zero_points.data(), 1, cols);
  const std::vector<float> w = random_values(rows * cols, 3);
  std::vector<float> quantized(w.size());
  qat::fake_quantize(w.data(), quantized.data(), rows, cols, params, false);
  const double strength = 0.7;
  // The definition, element by element.
  const auto loss_of = [&](size_t i, double value) {
    const size_t r = i / static_cast<size_t>(cols);
    const double low = -double(scales[r]) * zero_points[r];
    const double high = double(scales[r]) * (15 - zero_points[r]);
    const double error = quantized[i] - std::min(std::max(value, low), high);
    return strength * error * error;
  };
  std::vector<float> dw(w.size(), 0.25f);  // added to
  const double loss =
      qat::dampening_loss(w.data(), quantized.data(), rows, cols, params, strength, dw.data());
  double sum = 0;
  int clipped = 0;
  for (size_t i = 0; i < w.size(); ++i) {
    sum += loss_of(i, w[i]);
    const double slope = (loss_of(i, w[i] + 1e-6) - loss_of(i, w[i] - 1e-6)) / 2e-6;
    CHECK_NEAR(dw[i], 0.25 + slope, 1e-6);
    clipped += slope == 0;
  }
  CHECK_NEAR(loss, sum, 1e-9);
  CHECK(clipped > 5 && clipped < 40);
  CHECK_EQ(qat::dampening_loss(w.data(), quantized.data(), rows, cols, params, strength, nullptr),
           loss);
}

TEST(the_tracker_counts_changes_that_go_back) {
  // Up and down in turn; the same way only; one change; up, wait, down.
  const std::vector<std::vector<int>> histories = {{3, 4, 3, 4, 3, 4, 3, 4, 3, 4},
                                                   {0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
                                                   {7, 7, 7, 9, 9, 9, 9, 9, 9, 9},
                                                   {5, 6, 6, 6, 5, 5, 5, 5, 3, 4}};
  qat::OscillationOptions options;
  options.momentum = 0.1;
  options.threshold = 0.3;
  qat::OscillationTracker tracker(4, options);
  qat::OscillationCounts counts;
  for (size_t t = 0; t < 10; ++t) {
    uint8_t codes[4];
    int64_t changed = 0;
    for (size_t i = 0; i < 4; ++i) {
      codes[i] = static_cast<uint8_t>(histories[i][t]);
      changed += t > 0 && histories[i][t] != histories[i][t - 1];
    }
    counts = tracker.update(codes);
    CHECK_EQ(counts.changed, changed);
    for (size_t i = 0; i < 4; ++i) {
      const std::vector<int> so_far(histories[i].begin(), histories[i].begin() + t + 1);
      CHECK_NEAR(tracker.frequency(i), frequency_of(so_far, 0.1), 1e-6);
    }
  }
  CHECK_EQ(tracker.oscillating(), int64_t{1});  // 1 − 0.9⁸ = 0.57
  CHECK_EQ(counts.frozen, int64_t{0});
  tracker.set_threshold(0.05);
  const uint8_t last[] = {4, 9, 9, 4};
  tracker.update(last);
  CHECK_EQ(tracker.oscillating(), int64_t{2});
}

TEST(an_oscillating_weight_is_frozen_where_it_is_most_and_follows_its_scale) {
  qat::OscillationOptions options;
  options.momentum = 0.1;
  options.threshold = 0.25;
  options.freeze = true;
  qat::OscillationTracker tracker(2, options);
  // Weight 0 is at code 9 three steps of four, else at 10; weight 1 rests.
  int64_t frozen_at = -1;
  for (int t = 0; t < 60 && frozen_at < 0; ++t) {
    const uint8_t codes[] = {static_cast<uint8_t>(t % 4 == 3 ? 10 : 9), 2};
    if (tracker.update(codes).frozen == 1) frozen_at = t;
  }
  CHECK(frozen_at > 4);
  CHECK_EQ(tracker.state().codes[0], 9);
  CHECK_EQ(tracker.state().frozen[1], 0);
  const uint8_t elsewhere[] = {15, 3};
  const qat::OscillationCounts after = tracker.update(elsewhere);
  CHECK_EQ(after.changed, int64_t{1});
  CHECK_EQ(tracker.state().codes[0], 9);

  const float scale = 0.5f, larger = 0.75f;
  const int32_t zero_point = 3;
  float w[] = {100, 200};
  tracker.hold_frozen(w, 1, 2, affine_params(0, 15, &scale, &zero_point, 0, 2), false);
  CHECK(w[0] == 3.0f && w[1] == 200);  // (9 − 3)·0.5
  tracker.hold_frozen(w, 1, 2, affine_params(-8, 7, &larger, nullptr, 0, 2), false);
  CHECK_EQ(w[0], 0.75f);  // (9 − 8)·0.75
}

TEST(a_frozen_binary_weight_is_held_at_its_sign) {
  qat::OscillationOptions options;
  options.momentum = 0.5;
  options.threshold = 0.4;
  options.freeze = true;
  qat::OscillationTracker tracker(1, options);
  for (const uint8_t code : {0, 0, 0, 1, 0}) tracker.update(&code);
  const float scale = 0.5f;
  float w = 3;
  tracker.hold_frozen(&w, 1, 1, affine_params(0, 1, &scale, nullptr, 0, 1), true);
  CHECK_EQ(w, -0.5f);  // the mean code is 0.25
}

TEST(the_tracker_resumes_to_the_same_state_on_any_number_of_threads) {
  constexpr int64_t kSize = 50000;
  qat::OscillationOptions options;
  options.momentum = 0.05;
  options.threshold = 0.1;
  options.freeze = true;
  qat::OscillationTracker whole(kSize, options), before(kSize, options), after(kSize, options);
  qat::OscillationCounts last_whole, last;
  for (uint64_t t = 0; t < 30; ++t) {
    std::vector<uint8_t> codes(kSize);
    for (size_t i = 0; i < codes.size(); ++i) {
      codes[i] = static_cast<uint8_t>(qat::random_at(t, i) % 3 + i % 200);
    }
    if (t == 12) after.set_state(before.state());
    qat::set_threads(1);
    last_whole = whole.update(codes.data());
    qat::set_threads(3);
    last = (t < 12 ? before : after).update(codes.data());
  }
  qat::set_threads(1);
  CHECK_EQ(last_whole.frozen, last.frozen);
  CHECK(last.frozen > kSize / 10);
  CHECK(whole.state().codes == after.state().codes);
  CHECK(whole.state().frequencies == after.state().frequencies);
  CHECK(whole.state().mean_codes == after.state().mean_codes);
  CHECK(whole.state().frozen == after.state().frozen);
}

TEST(the_tracker_refuses_a_state_of_another_weight_and_impossible_options) {
  qat::OscillationTracker tracker(3, {}), other(4, {});
  CHECK_THROWS(tracker.set_state(other.state()), "E-NATIVE-ARGUMENT");
  auto damaged = tracker.state();
  damaged.directions[1] = 7;
  CHECK_THROWS(tracker.set_state(damaged), "E-NATIVE-ARGUMENT");
  damaged = tracker.state();
  damaged.changed_at[0] = 1;
  CHECK_THROWS(tracker.set_state(damaged), "E-NATIVE-ARGUMENT");
  damaged = tracker.state();
  damaged.frequencies[2] = std::nanf("");
  CHECK_THROWS(tracker.set_state(damaged), "E-NATIVE-ARGUMENT");
  CHECK_THROWS(tracker.set_threshold(0), "E-NATIVE-ARGUMENT");
  CHECK_THROWS(qat::OscillationTracker(1, {2, 0.1, false}), "E-NATIVE-ARGUMENT");
}
