// Figures of a step of the nodes that are no n-bit layers, against values worked out by hand.
#include <algorithm>
#include <cmath>
#include <vector>

#include "nn_graph_test_util.h"
#include "nn_mpq_test_util.h"

namespace {

using namespace nn_test;

constexpr int64_t kInputs = 32, kOutputs = 4, kGroup = 16;

qat::NetworkNode mixed_node(std::vector<int32_t> widths) {
  qat::NetworkNode node = node_of(Op::kMixedRowLinear, "mixed");
  node.mixed_row.linear = {kInputs, kOutputs, true, qat::RangeEstimator::kAbsMax,
                           qat::Method::kLsq};
  node.mixed_row.group_size = kGroup;
  node.mixed_row.widths = std::move(widths);
  return node;
}

qat::TrainerOptions looking_at_every_step(qat::OptimizerKind kind) {
  qat::TrainerOptions options;
  options.optimizer = qat::default_options(kind);
  options.monitor.every = 1;
  return options;
}

std::vector<float> parameter(const qat::Network& network, const std::string& name, int64_t size) {
  std::vector<float> values(static_cast<size_t>(size));
  network.get_parameter(name, values.data(), values.size());
  return values;
}

double sqnr_db(const std::vector<float>& weight, const std::vector<double>& dequantized) {
  double signal = 0, noise = 0;
  for (size_t i = 0; i < weight.size(); ++i) {
    const double error = weight[i] - dequantized[i];
    signal += double{weight[i]} * weight[i];
    noise += error * error;
  }
  return 10 * std::log10(signal / noise);
}

}  // namespace

// Its codes are dequantized here from the packed words, which know nothing of the float arithmetic.
TEST(nn_figures_of_a_mixed_row_layer_are_what_its_packed_weight_says) {
  const auto data = clusters(60, kInputs, kOutputs, 3);
  const auto network = prepared_network({mixed_node({8, 4})}, *data);
  qat::TrainerOptions options = looking_at_every_step(qat::OptimizerKind::kAdamW);
  // Adam's steps are as long as the rate. At the weights' rate the first one is longer than an 8-bit scale.
  options.scale_rate = 0.01;
  qat::NetworkTrainer trainer(*network, options, 60);
  bool flipped = false;
  for (int64_t step = 0; step < 8; ++step) {
    const auto packed = std::get<qat::MixedRowWeight>(network->packed_weight("mixed"));
    const auto weight = parameter(*network, "mixed.weight", kInputs * kOutputs);
    const auto levels = mpq_test::dequantize_mixed(packed);
    qat::TrainingPosition position;
    position.step = step;
    position.steps_total = 8;
    trainer.step(*data, nullptr, 0, 60, 0.002, position);
    const auto layers = trainer.monitor().take();
    CHECK_EQ(layers.size(), size_t{1});
    const double expected = sqnr_db(weight, levels);
    CHECK_NEAR(layers[0].sqnr_db.value(), expected, 1e-3);
    CHECK_IN(expected > 20, expected);
    double scale_sum = 0;
    for (const float scale : packed.scales) scale_sum += scale;
    CHECK_NEAR(layers[0].weight_scale.value(), scale_sum / (2 * kOutputs), 1e-7);
    CHECK(layers[0].weight_gradient > 0 && layers[0].scale_gradient.value() > 0);
    const auto after = std::get<qat::MixedRowWeight>(network->packed_weight("mixed"));
    int flips = 0;
    for (int64_t n = 0; n < kOutputs; ++n) {
      // 16 inputs of 8 bits in four words per output, then 16 of 4 bits in two.
      for (int64_t i = 0; i < kGroup; ++i) {
        flips += mpq_test::stream_value(packed.qweight, n, kOutputs, i * 8, 8) !=
                 mpq_test::stream_value(after.qweight, n, kOutputs, i * 8, 8);
        flips += mpq_test::stream_value(packed.qweight, 4 * kOutputs + n, kOutputs, i * 4, 4) !=
                 mpq_test::stream_value(after.qweight, 4 * kOutputs + n, kOutputs, i * 4, 4);
      }
    }
    CHECK_EQ(layers[0].flip_share.has_value(), step > 0);
    if (step > 0) CHECK_NEAR(layers[0].flip_share.value(), flips / 128.0, 1e-12);
    flipped = flipped || (step > 0 && flips > 0);
  }
  CHECK(flipped);
}

// 8 bits have 16 times the levels of 4: 24 dB. A group read with the other's width shows here.
TEST(nn_figures_of_a_mixed_row_layer_follow_its_widths) {
  const auto data = clusters(60, kInputs, kOutputs, 3);
  const auto figure = [&](std::vector<int32_t> widths) {
    const auto network = prepared_network({mixed_node(std::move(widths))}, *data);
    qat::NetworkTrainer trainer(*network, looking_at_every_step(qat::OptimizerKind::kSgd), 60);
    trainer.step(*data, nullptr, 0, 60, 0);
    return trainer.monitor().take()[0].sqnr_db.value();
  };
  const double eight = figure({8, 8}), four = figure({4, 4}), both = figure({8, 4});
  CHECK_NEAR(eight - four, 20 * std::log10(255.0 / 15), 1.5);
  CHECK_NEAR(both, four + 3, 1.5);  // half of the weights have nearly no error
}

// log 0 has no number; a missing figure would be read as "exact".
TEST(nn_figures_of_a_weight_of_zeros_with_an_error_are_the_lowest_not_none) {
  const auto data = clusters(60, kInputs, kOutputs, 3);
  const auto network = prepared_network({mixed_node({8, 4})}, *data);
  const std::vector<float> weight(kInputs * kOutputs), zeros(2 * kOutputs, 0.25f);
  const std::vector<float> scales(2 * kOutputs, 0.4f);
  network->set_parameter("mixed.weight", weight.data(), weight.size());
  network->set_parameter("mixed.scales", scales.data(), scales.size());
  network->set_parameter("mixed.zeros", zeros.data(), zeros.size());
  qat::NetworkTrainer trainer(*network, looking_at_every_step(qat::OptimizerKind::kSgd), 60);
  trainer.step(*data, nullptr, 0, 60, 0);
  CHECK_EQ(trainer.monitor().take()[0].sqnr_db.value_or(1), -300.0);
}
