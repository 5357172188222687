// Diode: when which binary weight flips, by the closed form of its votes; n-bit weights that lose no
// update.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "nn/optimizer.h"
#include "nn_test_util.h"
#include "runtime/thread_pool.h"

namespace {

using namespace nn_test;

qat::OptimizerOptions diode_options() { return qat::default_options(qat::OptimizerKind::kDiode); }

qat::Optimizer binary_optimizer(const qat::OptimizerOptions& options, int64_t size) {
  return qat::Optimizer(options, std::vector<qat::ParameterSpec>{{size, 1, true}});
}

// As a checkpoint does it.
void copy_state(qat::Optimizer& from, qat::Optimizer* to) {
  auto source = from.state_arrays(), target = to->state_arrays();
  CHECK_EQ(source.size(), target.size());
  for (size_t i = 0; i < source.size(); ++i) {
    CHECK_EQ(source[i].name, target[i].name);
    CHECK_EQ(source[i].values->size(), target[i].values->size());
    *target[i].values = *source[i].values;
  }
  to->set_step(from.step());
}

}  // namespace

// Vote v_t = v₀·β₂ᵗ + lr·(1 − β₂ᵗ) turns positive when β₂ᵗ < 1/51: t = 39 317.
TEST(diode_flips_a_weight_of_median_vote_when_the_closed_form_says) {
  qat::Optimizer optimizer = binary_optimizer(diode_options(), 1);
  optimizer.set_step(1);  // a resume, so that the vote is the one given here
  optimizer.mutable_moments()[0].second[0] = -5e-4f;
  float w = 1;
  const float gradient = 3;
  int64_t steps = 0;
  while (w > 0 && steps < 60000) {
    optimizer.begin_step();
    optimizer.update(0, &w, &gradient, 1e-5);
    ++steps;
  }
  CHECK_EQ(w, -1.0f);
  const double expected = std::ceil(std::log(51.0) / -std::log(0.9999));
  CHECK_EQ(expected, 39317.0);
  // float32 votes round some 1e-11 a step, the vote crosses 0 with 1e-9 a step.
  CHECK_NEAR(steps, expected, 8);
}

TEST(diode_flips_exactly_the_weights_that_a_constant_gradient_asks_for) {
  constexpr int64_t kSize = 3000;
  constexpr int kSteps = 2500;
  constexpr double kRate = 1e-3;
  const qat::OptimizerOptions options = diode_options();
  const std::vector<float> start = random_values(kSize, 7), gradient = random_values(kSize, 8);
  std::vector<float> w = start;

  // Without a rate the first step shows the initial votes: v₁ = β₂·v₀.
  qat::Optimizer probe = binary_optimizer(options, kSize);
  probe.begin_step();
  CHECK_EQ(probe.update(0, w.data(), gradient.data(), 0), 0);
  const auto& votes = probe.moments()[0].second;

  qat::Optimizer optimizer = binary_optimizer(options, kSize);
  int64_t flips = 0;
  for (int t = 0; t < kSteps; ++t) {
    optimizer.begin_step();
    flips += optimizer.update(0, w.data(), gradient.data(), kRate);
  }
  const double decayed = std::pow(options.beta2, kSteps);
  int64_t expected = 0, close = 0;
  for (size_t i = 0; i < kSize; ++i) {
    const double strength = std::fabs(votes[i]) / options.beta2;
    CHECK(strength > 0 && strength <= options.amplitude * 1.0001);
    CHECK((votes[i] > 0) == (start[i] < 0));  // in favour of the sign the weight has
    CHECK_EQ(std::fabs(w[i]), std::fabs(start[i]));
    const double vote = -strength * decayed + kRate * (1 - decayed);  // against the present sign
    const bool asked = start[i] * gradient[i] > 0;
    if (asked && std::fabs(vote) < 2e-8) {
      ++close;  // float32 may decide these a step earlier or later
      flips -= w[i] != start[i];
      continue;
    }
    CHECK_IN((w[i] != start[i]) == (asked && vote > 0), i);
    expected += asked && vote > 0;
  }
  CHECK_EQ(flips, expected);
  CHECK(close < 3);
  CHECK(expected > 200 && expected < 1300);
}

TEST(diode_starts_its_votes_evenly_and_from_its_seed_alone) {
  constexpr int64_t kSize = 200000;  // more pieces than the threads get on average
  std::vector<float> w = random_values(kSize, 3);
  const std::vector<float> gradient(kSize, 0.0f);
  std::vector<qat::AlignedVector<float>> votes;
  for (const uint64_t seed : {11u, 11u, 12u}) {
    qat::set_threads(votes.size() == 1 ? 3 : 1);
    qat::OptimizerOptions options = diode_options();
    options.seed = seed;
    qat::Optimizer optimizer = binary_optimizer(options, kSize);
    optimizer.begin_step();
    CHECK_EQ(optimizer.update(0, w.data(), gradient.data(), 0.1), 0);  // no gradient, no flip
    votes.push_back(optimizer.moments()[0].second);
  }
  CHECK(votes[0] == votes[1]);
  CHECK(votes[0] != votes[2]);
  std::vector<float> strengths;
  for (const float v : votes[0]) strengths.push_back(std::fabs(v));
  // Uniform up to 1e-3: the mean of 200 000 is 5e-4 within five deviations of 2.9e-4/√200000.
  CHECK_NEAR(std::accumulate(strengths.begin(), strengths.end(), 0.0) / kSize, 0.9999 * 5e-4, 3.3e-6);
  // And each drawn by itself: of 53-bit numbers rounded to float32 few are alike.
  std::sort(strengths.begin(), strengths.end());
  const auto end = std::unique(strengths.begin(), strengths.end());
  CHECK(end - strengths.begin() > kSize * 97 / 100);
}

TEST(diode_flips_a_zero_which_counts_as_plus) {
  qat::Optimizer optimizer = binary_optimizer(diode_options(), 1);
  optimizer.set_step(1);
  float w = 0;
  const float up = 1, down = -1;
  optimizer.mutable_moments()[0].second[0] = -1e-9f;
  optimizer.begin_step();
  CHECK_EQ(optimizer.update(0, &w, &up, 1e-3), 1);
  CHECK(w < 0);
  optimizer.mutable_moments()[0].first[0] = 0;
  optimizer.begin_step();
  CHECK_EQ(optimizer.update(0, &w, &down, 1), 1);
  CHECK(w > 0);
}

TEST(diode_resumes_to_the_same_bits_on_any_number_of_threads) {
  constexpr int64_t kSize = 100000;
  qat::OptimizerOptions options = diode_options();
  options.beta2 = 0.99;
  const std::vector<qat::ParameterSpec> specs = {{kSize, 1, true}, {400, 250, false}};
  std::vector<float> at_end[2];
  for (const int run : {0, 1}) {
    qat::set_threads(run == 0 ? 1 : 3);
    qat::Optimizer first(options, specs), second(options, specs);
    std::vector<float> w = random_values(2 * kSize, 1);
    int64_t flips = 0;
    for (int t = 0; t < 20; ++t) {
      const std::vector<float> g = random_values(2 * kSize, 100 + static_cast<uint64_t>(t));
      if (t == 13) copy_state(first, &second);
      qat::Optimizer& optimizer = run == 1 && t >= 13 ? second : first;
      optimizer.begin_step();
      flips += optimizer.update(0, w.data(), g.data(), 1e-3);
      CHECK_EQ(optimizer.update(1, w.data() + kSize, g.data() + kSize, 1e-3), 0);
    }
    CHECK(flips > 100);
    at_end[run] = w;
  }
  qat::set_threads(1);
  CHECK(at_end[0] == at_end[1]);
}

TEST(diode_steps_on_other_weights_as_its_formula_says) {
  qat::OptimizerOptions options = diode_options();
  options.weight_decay = 0.1;
  const std::vector<float> init = random_values(5, 1), gradients = random_values(5 * 40, 2);
  const auto way = qat::optimize_trajectory(init.data(), gradients.data(), 40, 5, options, 0.01);
  for (size_t i = 0; i < 5; ++i) {
    double p = init[i], m = 0, v = 0;
    for (int t = 1; t <= 40; ++t) {
      const double g = gradients[static_cast<size_t>(t - 1) * 5 + i];
      m = 0.99 * m + 0.01 * g;
      v = 0.9999 * v + 0.0001 * g * g;
      p -= 0.01 * std::sqrt(1 - std::pow(0.9999, t)) / (1 - std::pow(0.99, t)) * m /
           (std::sqrt(v) + 1e-6);
      p *= 1 - 0.01 * 0.1;
      CHECK_NEAR(way[static_cast<size_t>(t - 1) * 5 + i], p, 3e-6);
    }
  }
}
