// Optimizers without a reference vector in the goldens, schedules, clipping and the rate of scales.
#include <algorithm>
#include <cmath>
#include <string>

#include "nn/network_trainer.h"
#include "nn/optimizer_rule.h"
#include "nn/schedule.h"
#include "nn_test_util.h"
#include "runtime/thread_pool.h"

namespace {

using namespace nn_test;

std::vector<float> gradients_of_twelve_steps() {
  std::vector<float> gradients;
  for (int t = 1; t <= 12; ++t) {
    for (const double g : {0.3 * t, -0.7 / t, 0.05 * (t % 3 - 1)}) {
      gradients.push_back(static_cast<float>(g));
    }
  }
  return gradients;
}

double norm_of_change(qat::Network& network, const std::string& name,
                      const std::vector<float>& before) {
  std::vector<float> now(before.size());
  network.get_parameter(name, now.data(), now.size());
  double square = 0;
  for (size_t i = 0; i < now.size(); ++i) {
    square += (double(now[i]) - before[i]) * (double(now[i]) - before[i]);
  }
  return std::sqrt(square);
}

std::vector<float> parameter(qat::Network& network, const std::string& name, size_t count) {
  std::vector<float> values(count);
  network.get_parameter(name, values.data(), count);
  return values;
}

// A scale that has stood still for a float start begins as any parameter does: Adam's first step is the rate.
TEST(nn_optimizer_of_a_scale_begins_when_its_quantizer_does) {
  for (const auto kind : {qat::OptimizerKind::kAdam, qat::OptimizerKind::kAdamW, qat::OptimizerKind::kDiode}) {
    const qat::OptimizerOptions options = qat::default_options(kind);
    qat::ParameterSpec scale{1, 3};
    scale.of_quantizer = true;
    scale.begins = 40;
    qat::Optimizer late(options, std::vector<qat::ParameterSpec>{scale});
    qat::Optimizer fresh(options, std::vector<int64_t>{3});
    std::vector<float> p = {0.5f, 1.0f, 2.0f}, expected = p;
    const std::vector<float> start = p, gradient = {0.3f, -2.0f, 1e-3f};
    for (int step = 0; step < 60; ++step) {
      late.begin_step();
      late.update(0, p.data(), gradient.data(), 0.01);
      if (step < 40) {
        CHECK(p == start);
        continue;
      }
      fresh.begin_step();
      fresh.update(0, expected.data(), gradient.data(), 0.01);
      CHECK_IN(p == expected, "step " << step);
      if (step == 40) CHECK_NEAR(p[1], 1.01, 1e-4);
    }
  }
}

// Before it is binary, a weight under Diode is trained as a float; then it votes from the beginning.
TEST(nn_diode_trains_floats_until_they_are_binary) {
  const qat::OptimizerOptions options = qat::default_options(qat::OptimizerKind::kDiode);
  qat::ParameterSpec weight{4, 5, true};
  weight.begins = 10;
  qat::Optimizer late(options, std::vector<qat::ParameterSpec>{weight});
  qat::Optimizer dense(options, std::vector<qat::ParameterSpec>{{4, 5}});
  qat::Optimizer binary(options, std::vector<qat::ParameterSpec>{{4, 5, true}});
  std::vector<float> p = random_values(20, 3), expected = p;
  for (uint64_t step = 0; step < 400; ++step) {
    const std::vector<float> gradient = random_values(20, 7 + step);
    qat::Optimizer& other = step < 10 ? dense : binary;
    late.begin_step();
    other.begin_step();
    const int64_t flips = late.update(0, p.data(), gradient.data(), 0.01);
    CHECK_EQ(flips, other.update(0, expected.data(), gradient.data(), 0.01));
    CHECK_IN(p == expected, "step " << step);
  }
}

}  // namespace

TEST(every_kind_of_optimizer_has_its_row) {
  const auto& rules = qat::optimizer_rules();
  for (size_t i = 0; i < rules.size(); ++i) {
    CHECK_EQ(static_cast<size_t>(rules[i].kind), i);  // rows are found by their place
    for (size_t j = 0; j < i; ++j) CHECK(std::string(rules[i].name) != rules[j].name);
    const qat::OptimizerOptions options = qat::default_options(rules[i].kind);
    CHECK(options.kind == rules[i].kind);
    qat::validate(options);
    // One step moves against the gradient, on every piece of an array of more than one.
    std::vector<float> w(40000, 1.0f);
    const std::vector<float> gradient(w.size(), 0.5f);
    qat::Optimizer optimizer(options, std::vector<int64_t>{static_cast<int64_t>(w.size())});
    optimizer.begin_step();
    optimizer.update(0, w.data(), gradient.data(), 0.01);
    CHECK_IN(*std::min_element(w.begin(), w.end()) == *std::max_element(w.begin(), w.end()), i);
    CHECK_IN(w[0] < 1 && w[0] > 0.9f, i);
  }
}

TEST(radam_goes_the_way_of_pytorch_before_and_after_rectification) {
  qat::OptimizerOptions options;
  options.kind = qat::OptimizerKind::kRAdam;
  options.beta2 = 0.95;
  options.weight_decay = 0.01;
  const float init[] = {0.5f, -1.25f, 2.0f};
  const std::vector<float> way =
      qat::optimize_trajectory(init, gradients_of_twelve_steps().data(), 12, 3, options, 0.02);
  // torch.optim.RAdam of PyTorch 1.13: the sixth step is the first that is rectified.
  const struct {
    size_t step;
    double values[3];
  } expected[] = {{1, {0.493900001, -1.23574996, 1.99960005}},
                  {5, {0.436884493, -1.20349538, 1.99731302}},
                  {6, {0.433435947, -1.2006439, 1.99585998}},
                  {7, {0.429007441, -1.19713557, 1.99382603}},
                  {12, {0.395573974, -1.17376363, 1.97773993}}};
  for (const auto& row : expected) {
    for (size_t i = 0; i < 3; ++i) CHECK_NEAR(way[(row.step - 1) * 3 + i], row.values[i], 2e-6);
  }
}

TEST(lion_steps_by_the_sign_of_its_interpolated_momentum) {
  qat::OptimizerOptions options;
  options.kind = qat::OptimizerKind::kLion;
  options.beta2 = 0.99;
  options.weight_decay = 0.1;
  const float init[] = {0.5f, -1.25f, 0.0f};
  std::vector<float> gradients = gradients_of_twelve_steps();
  for (size_t i = 2; i < gradients.size(); i += 3) gradients[i] = 0;  // sign(0) = 0: stays at 0
  const std::vector<float> way = qat::optimize_trajectory(init, gradients.data(), 12, 3, options, 0.02);
  double p[] = {0.5, -1.25, 0}, m[] = {0, 0, 0};
  for (size_t t = 0; t < 12; ++t) {
    for (size_t i = 0; i < 3; ++i) {
      const double g = gradients[t * 3 + i], c = 0.9 * m[i] + 0.1 * g;
      p[i] -= 0.02 * ((c > 0) - (c < 0) + 0.1 * p[i]);
      m[i] = 0.99 * m[i] + 0.01 * g;
      CHECK_NEAR(way[t * 3 + i], p[i], 1e-6);
    }
  }
  CHECK_EQ(way.back(), 0.0f);
}

TEST(schedules_are_what_they_say) {
  qat::Schedule s;
  s.kind = qat::ScheduleKind::kConstant;
  CHECK_EQ(qat::schedule_factor(s, 7, 10, 5), 1.0);
  s.kind = qat::ScheduleKind::kCosine;
  CHECK_EQ(qat::schedule_factor(s, 0, 10, 5), 1.0);
  CHECK_NEAR(qat::schedule_factor(s, 5, 10, 5), 0.5, 1e-15);
  s.kind = qat::ScheduleKind::kStep;
  s.step_epochs = 2;
  s.step_factor = 0.5;
  CHECK_EQ(qat::schedule_factor(s, 9, 30, 5), 1.0);
  CHECK_EQ(qat::schedule_factor(s, 10, 30, 5), 0.5);
  CHECK_EQ(qat::schedule_factor(s, 29, 30, 5), 0.25);
  s.warmup_steps = 4;
  CHECK_EQ(qat::schedule_factor(s, 0, 30, 5), 0.25);
  CHECK_EQ(qat::schedule_factor(s, 3, 30, 5), 1.0);
  s.step_factor = 0;
  CHECK_THROWS(qat::validate(s), "E-NATIVE-ARGUMENT");
}

TEST(clipping_shortens_all_gradients_together_and_only_when_they_are_too_long) {
  const auto data = clusters(64, 16, 4, 1);
  qat::TrainerOptions options;
  options.optimizer.kind = qat::OptimizerKind::kSgd;
  // Longest change of all parameters = rate · clip when the gradient is longer.
  for (const double clip : {1e-3, 1e6}) {
    const auto free_one = prepared_network(mixed_nodes(), *data);
    const auto clipped = prepared_network(mixed_nodes(), *data);
    double square_free = 0, square_clipped = 0;
    for (const auto& network : {free_one, clipped}) {
      options.gradient_clip = network == clipped ? clip : 0;
      std::vector<std::vector<float>> before;
      for (const qat::ParameterInfo& p : network->parameters()) {
        before.push_back(parameter(*network, p.name, static_cast<size_t>(p.rows * p.cols)));
      }
      {
        qat::NetworkUse use(*network);
        qat::NetworkTrainer trainer(*network, options, 64);
        trainer.step(*data, nullptr, 0, 64, 0.5);
      }
      double& square = network == clipped ? square_clipped : square_free;
      for (size_t i = 0; i < before.size(); ++i) {
        const std::string& name = network->parameters()[i].name;
        if (name.find(".running") != std::string::npos) continue;
        square += std::pow(norm_of_change(*network, name, before[i]), 2);
      }
    }
    if (clip > 1) {
      CHECK_EQ(square_clipped, square_free);
    } else {
      // Scales change too, so the weights alone may change a little less.
      CHECK(std::sqrt(square_clipped) <= 0.5 * clip * 1.01);
      CHECK(square_clipped < square_free * 1e-2);
      CHECK(square_clipped > 0);
    }
  }
}

TEST(scales_learn_at_a_rate_of_their_own) {
  const auto data = clusters(64, 16, 4, 1);
  double moved[2];
  std::vector<float> weights[2];
  for (const int run : {0, 1}) {
    const auto network = prepared_network(mixed_nodes(), *data);
    const std::string layer = network->parameters()[0].name.substr(
        0, network->parameters()[0].name.rfind('.'));
    const float before = network->scales(layer).weight.scales[0];
    qat::TrainerOptions options;
    options.optimizer.kind = qat::OptimizerKind::kSgd;
    options.scale_rate = run == 0 ? 1 : 0.25;
    {
      qat::NetworkUse use(*network);
      qat::NetworkTrainer trainer(*network, options, 64);
      trainer.step(*data, nullptr, 0, 64, 0.01);
    }
    moved[run] = double(network->scales(layer).weight.scales[0]) - before;
    const qat::ParameterInfo& first = network->parameters()[0];
    weights[run] = parameter(*network, first.name, static_cast<size_t>(first.rows * first.cols));
  }
  CHECK(moved[0] != 0);
  CHECK_NEAR(moved[1] / moved[0], 0.25, 1e-2);
  CHECK(weights[0] == weights[1]);
}
