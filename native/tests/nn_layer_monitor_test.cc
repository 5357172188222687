// The figures of every step against their definitions worked out here; freezing against what it promises.
#include <algorithm>
#include <cmath>

#include "nn/network_trainer.h"
#include "nn_test_util.h"
#include "runtime/thread_pool.h"

namespace {

using namespace nn_test;

// linear(16→12, W3A4, LSQ per channel) · ReLU · linear(12→4, binary, float inputs)
std::vector<qat::NetworkNode> nodes() {
  qat::LinearOptions first = linear_options(16, 12, 3, 4);
  first.weight.quantizer.granularity = qat::Granularity::kChannel;
  qat::LinearOptions last = linear_options(12, 4, 1, qat::kFloatBits);
  return {linear_node("first", first), relu_node(), linear_node("last", last)};
}

struct Weight {
  std::vector<float> w;
  std::vector<float> scales;
  int64_t cols;
  Weight(const qat::Network& network, const std::string& layer, int64_t rows, int64_t width)
      : w(static_cast<size_t>(rows * width)),
        scales(network.scales(layer).weight.scales),
        cols(width) {
    network.get_parameter(layer + ".weight", w.data(), w.size());
  }
  double scaled(size_t i) const {
    const size_t row = i / static_cast<size_t>(cols);
    return double(w[i]) / scales[scales.size() == 1 ? 0 : row];
  }
  int code(size_t i) const {  // signed, 3 bits
    return static_cast<int>(std::clamp(std::nearbyint(scaled(i)), -4.0, 3.0));
  }
};

qat::TrainerOptions trainer_options() {
  qat::TrainerOptions options;
  options.monitor.every = 1;
  return options;
}

TEST(figures_of_a_step_are_what_their_definitions_say) {
  const auto data = clusters(64, 16, 4, 3);
  const auto network = prepared_network(nodes(), *data);
  qat::NetworkTrainer trainer(*network, trainer_options(), 64);
  std::vector<float> x(64 * 16);
  std::vector<uint8_t> labels(64);
  data->gather(nullptr, 0, 64, x.data(), labels.data());
  bool flipped = false, clipped_some = false;
  for (int64_t step = 0; step < 12; ++step) {
    const Weight before(*network, "first", 12, 16);
    const double input_scale = network->scales("first").activation.scale;
    qat::TrainingPosition position;
    position.step = step;
    position.steps_total = 12;
    trainer.step(*data, nullptr, 0, 64, 0.02, position);
    const std::vector<qat::LayerStep> layers = trainer.monitor().take();
    CHECK_EQ(layers.size(), size_t{2});
    const qat::LayerStep& first = layers[0];
    const Weight after(*network, "first", 12, 16);
    double signal = 0, noise = 0, scale_sum = 0;
    int clipped = 0, flips = 0, clipped_inputs = 0;
    for (size_t i = 0; i < before.w.size(); ++i) {
      const double s = before.scales[i / 16], error = before.w[i] - s * before.code(i);
      signal += double(before.w[i]) * before.w[i];
      noise += error * error;
      const double rounded = std::nearbyint(before.scaled(i));
      clipped += rounded < -4 || rounded > 3;
      flips += before.code(i) != after.code(i);
    }
    for (const float s : before.scales) scale_sum += s;
    for (const float value : x) {
      const double rounded = std::nearbyint(value / input_scale);
      clipped_inputs += rounded < -8 || rounded > 7;
    }
    CHECK_EQ(first.name, std::string("first"));
    CHECK_NEAR(first.weight_scale.value(), scale_sum / 12, 1e-7);
    CHECK_NEAR(first.activation_scale.value(), input_scale, 0);
    CHECK_NEAR(first.clipped_weights.value(), clipped / 192.0, 1e-12);
    CHECK_NEAR(first.clipped_inputs.value(), clipped_inputs / 1024.0, 1e-12);
    CHECK_NEAR(first.sqnr_db.value(), 10 * std::log10(signal / noise), 1e-3);
    CHECK(!first.frozen_share);
    CHECK(first.scale_gradient.value() > 0);
    // Its first look has nothing to compare with.
    CHECK_EQ(first.flip_share.has_value(), step > 0);
    if (step > 0) CHECK_NEAR(first.flip_share.value(), flips / 192.0, 1e-12);
    flipped = flipped || (step > 0 && flips > 0);
    clipped_some = clipped_some || (clipped > 0 && clipped_inputs > 0);
    CHECK(!layers[1].activation_scale && !layers[1].clipped_inputs);
    CHECK_EQ(layers[1].clipped_weights.value(), 0.0);
  }
  CHECK(flipped);
  CHECK(clipped_some);
}

// With plain SGD the update is −rate·gradient, which shows the gradient.
TEST(the_gradient_norm_is_that_of_the_update) {
  const auto data = clusters(32, 16, 4, 3);
  const auto network = prepared_network(nodes(), *data);
  qat::TrainerOptions options = trainer_options();
  options.optimizer = qat::default_options(qat::OptimizerKind::kSgd);
  qat::NetworkTrainer trainer(*network, options, 32);
  const Weight before(*network, "first", 12, 16);
  trainer.step(*data, nullptr, 0, 32, 0.5);
  const Weight after(*network, "first", 12, 16);
  double weights = 0, scales = 0;
  for (size_t i = 0; i < before.w.size(); ++i) weights += std::pow(after.w[i] - before.w[i], 2.0);
  for (size_t i = 0; i < before.scales.size(); ++i) {
    scales += std::pow(after.scales[i] - before.scales[i], 2.0);
  }
  const auto layers = trainer.monitor().take();
  CHECK_NEAR(layers[0].weight_gradient, std::sqrt(weights) / 0.5, 1e-5);
  CHECK_NEAR(layers[0].scale_gradient.value(), std::sqrt(scales) / 0.5, 1e-5);
}

qat::SessionOptions monitored(int64_t every) {
  qat::SessionOptions options = short_training();
  options.monitor.every = every;
  return options;
}

std::vector<qat::LayerStep> figures(const qat::SessionOptions& options, int threads) {
  qat::set_threads(threads);
  const auto data = clusters(80, 16, 4, 1);
  const auto network = prepared_network(mixed_nodes(), *data);
  qat::TrainingSession session(network, data, data, options);
  session.start();
  std::vector<qat::LayerStep> all;
  for (const qat::SessionStep& step : run_to_end(session).steps) {
    CHECK_EQ(step.layers.size(), step.step % options.monitor.every == 0 ? size_t{3} : size_t{0});
    for (const qat::LayerStep& layer : step.layers) all.push_back(layer);
  }
  return all;
}

TEST(figures_change_no_bit_of_the_training_and_are_the_same_on_any_threads) {
  const int before = qat::thread_count();
  const auto data = clusters(80, 16, 4, 1);
  CHECK(trained_parameters(mixed_nodes(), data, monitored(1), 2, false) ==
        trained_parameters(mixed_nodes(), data, monitored(0), 2, false));
  const auto one = figures(monitored(3), 1), three = figures(monitored(3), 3);
  CHECK_EQ(one.size(), size_t{18});  // 20 steps: at 3, 6, … 18
  CHECK_EQ(three.size(), one.size());
  for (size_t i = 0; i < one.size(); ++i) {
    CHECK(one[i].flip_share == three[i].flip_share);
    CHECK(one[i].sqnr_db == three[i].sqnr_db);
    CHECK(one[i].weight_gradient == three[i].weight_gradient);
    CHECK(one[i].clipped_inputs == three[i].clipped_inputs);
  }
  // A threshold that nothing reaches: codes are looked at after every step, flips are their mean.
  qat::SessionOptions every_step = monitored(3);
  every_step.monitor.freeze_from = every_step.monitor.freeze_to = 1;
  const auto looked = figures(every_step, 1);
  const auto single = figures(monitored(1), 1);
  const double summed = single[0 * 3 + 9].flip_share.value() + single[0 * 3 + 12].flip_share.value() +
                        single[0 * 3 + 15].flip_share.value();
  CHECK_NEAR(looked[3].flip_share.value(), summed / 3, 1e-12);
  CHECK_NEAR(looked[3].frozen_share.value(), 0, 0);
  qat::set_threads(before);
}

qat::SessionOptions freezing() {
  qat::SessionOptions options = short_training();
  options.learning_rate = 0.05;
  options.epochs = 6;
  options.schedule.kind = qat::ScheduleKind::kConstant;
  options.monitor.every = 2;
  options.monitor.freeze_from = 0.04;
  options.monitor.freeze_to = 0.005;
  return options;
}

TEST(a_frozen_weight_stays_on_its_level) {
  const auto data = clusters(64, 16, 4, 3);
  const auto network = prepared_network(nodes(), *data);
  qat::TrainerOptions options = trainer_options();
  options.monitor.freeze_from = options.monitor.freeze_to = 0.005;
  qat::NetworkTrainer trainer(*network, options, 64);
  std::vector<uint8_t> frozen(192), codes(192);
  int64_t held = 0;
  for (int64_t step = 0; step < 200; ++step) {
    qat::TrainingPosition position;
    position.step = step;
    position.steps_total = 200;
    trainer.step(*data, nullptr, 0, 64, 0.05, position);
    const auto& state = trainer.monitor().followed()[0].tracker.state();
    const Weight now(*network, "first", 12, 16);
    held = 0;
    for (size_t i = 0; i < frozen.size(); ++i) {
      if (frozen[i]) CHECK(state.frozen[i] && state.codes[i] == codes[i]);
      frozen[i] = state.frozen[i];
      codes[i] = state.codes[i];
      if (!frozen[i]) continue;
      ++held;
      CHECK_EQ(now.w[i], float(codes[i] - 4) * now.scales[i / 16]);
    }
  }
  CHECK_IN(held > 5 && held < 190, held);
  CHECK_NEAR(trainer.monitor().take()[0].frozen_share.value(), double(held) / 192, 1e-12);
}

TEST(freezing_resumes_to_the_same_bits_on_any_threads) {
  const auto data = clusters(80, 16, 4, 1);
  check_same_bits_on_threads_and_after_resume(mixed_nodes(), data, freezing());
  qat::SessionOptions without = freezing();
  without.monitor.freeze_from = without.monitor.freeze_to = 0;
  CHECK(trained_parameters(mixed_nodes(), data, freezing(), 1, false) !=
        trained_parameters(mixed_nodes(), data, without, 1, false));
}

TEST(freezing_refuses_what_it_cannot_hold) {
  const auto data = clusters(40, 16, 4, 1);
  std::vector<qat::NetworkNode> midrise = nodes();
  midrise[0].linear.weight.quantizer.grid = qat::Grid::kMidrise;
  const auto session = [&](const std::vector<qat::NetworkNode>& of, qat::SessionOptions options) {
    qat::TrainingSession(prepared_network(of, *data), data, data, options);
  };
  CHECK_THROWS(session(midrise, freezing()), "E-QUANTIZER-INVALID");
  session(midrise, monitored(1));
  const std::vector<qat::NetworkNode> floats = {
      linear_node("only", linear_options(16, 4, qat::kFloatBits, qat::kFloatBits))};
  CHECK_THROWS(session(floats, freezing()), "E-NATIVE-ARGUMENT");
  qat::SessionOptions bad = freezing();
  bad.monitor.freeze_to = 0;
  CHECK_THROWS(session(nodes(), bad), "E-NATIVE-ARGUMENT");
}

}  // namespace
