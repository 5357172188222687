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

namespace {

qat::NetworkNode table_node(Op op, int64_t rows, int bits, qat::Grid grid) {
  qat::NetworkNode node = node_of(op, "table");
  node.embedding.num_embeddings = rows;
  node.embedding.embedding_dim = 4;
  node.embedding.weight.quantizer.bits = bits;
  node.embedding.weight.quantizer.grid = grid;
  node.embedding.weight.method = qat::Method::kLsq;
  return node;
}

struct TableTraining {
  std::shared_ptr<qat::Dataset> data;
  std::shared_ptr<qat::Network> network;
  std::vector<float> scales;
  std::unique_ptr<qat::NetworkTrainer> trainer;
  int64_t step = 0;

  // One sample of these ids, whose class is 1.
  TableTraining(const std::vector<qat::NetworkNode>& nodes, const std::vector<float>& ids,
                std::vector<float> row_scales)
      : scales(std::move(row_scales)) {
    const uint8_t label = 1;
    data = qat::Dataset::from_floats(ids.data(), ids.size(), &label, 1,
                                     {1, static_cast<int64_t>(ids.size()), 4});
    network = prepared_network(nodes, *data);
    trainer = std::make_unique<qat::NetworkTrainer>(
        *network, looking_at_every_step(qat::OptimizerKind::kSgd), 1);
  }
  // The figures of a step at this weight that moves nothing.
  qat::LayerStep look(const std::vector<float>& weight) {
    network->set_parameter("table.weight", weight.data(), weight.size());
    network->set_parameter("table.scales", scales.data(), scales.size());
    qat::TrainingPosition position;
    position.step = step++;
    position.steps_total = 100;
    trainer->step(*data, nullptr, 0, 1, 0, position);
    const auto points = trainer->monitor().take();
    CHECK_EQ(points.size(), size_t{1});
    CHECK_EQ(points[0].name, std::string("table"));
    return points[0];
  }
};

}  // namespace

// 3 bits, codes −4 … 3. Of 12 values w/s rounds to 4, −5 and 6 outside them; the errors are
// 0.1, −0.2, 0.5, −0.5 | none | 0.05, 0.1, 0.1, 0.75.
TEST(nn_figures_of_a_table_are_those_worked_out_by_hand) {
  const std::vector<float> a = {0.6f, -1.2f, 2, -2.5f, 1, -2, 0, 3, 0.3f, 0.1f, -0.9f, 1.5f};
  std::vector<float> b = a;
  b[0] = 1.1f;    // code 1 → 2
  b[5] = -1.6f;   // stays −2
  b[10] = -0.8f;  // −4 → −3
  TableTraining training({input_of({2}), table_node(Op::kEmbeddingBag, 3, 3, qat::Grid::kSigned)},
                         {0, 2}, {0.5f, 1, 0.25f});
  const qat::LayerStep first = training.look(a);
  CHECK_NEAR(first.weight_scale.value(), 1.75 / 3, 1e-7);
  CHECK_NEAR(first.clipped_weights.value(), 3 / 12.0, 1e-12);
  CHECK_NEAR(first.sqnr_db.value(), 10 * std::log10(29.21 / 1.135), 1e-5);
  CHECK(!first.flip_share && !first.frozen_share);
  CHECK(!first.activation_scale && !first.clipped_inputs);

  // The bag is the mean of rows 0 and 2 as quantized, its softmax less the label the gradient.
  const double rows[2][4] = {{0.5, -1, 1.5, -2}, {0.25, 0, -1, 0.75}};
  // ∂ŵ/∂s: the rounding error in steps inside the grid, else its end (LSQ); and what passes.
  const double slope[2][4] = {{1 - 1.2, -2 + 2.4, 3, -4}, {1 - 1.2, 0 - 0.4, -4 + 3.6, 3}};
  const double passes[2][4] = {{1, 1, 0, 0}, {1, 1, 1, 0}};
  double sum = 0, weights = 0, scales = 0;
  for (int c = 0; c < 4; ++c) sum += std::exp((rows[0][c] + rows[1][c]) / 2);
  for (int r = 0; r < 2; ++r) {
    double dscale = 0;
    for (int c = 0; c < 4; ++c) {
      const double probability = std::exp((rows[0][c] + rows[1][c]) / 2) / sum;
      const double gradient = (probability - (c == 1)) / 2;
      weights += passes[r][c] * gradient * gradient;
      dscale += gradient * slope[r][c];
    }
    scales += dscale * dscale / (4 * 3);  // gradient scale 1/√(dim·qmax)
  }
  CHECK_NEAR(first.weight_gradient, std::sqrt(weights), 1e-6);
  CHECK_NEAR(first.scale_gradient.value(), std::sqrt(scales), 1e-6);

  // Two codes go there and back: 0.01 at the first return, then 0.0199, 0.0297 (above 0.02).
  const double oscillating[] = {0, 0, 0, 2 / 12.0, 2 / 12.0};
  for (int i = 0; i < 5; ++i) {
    const qat::LayerStep point = training.look(i % 2 ? a : b);
    CHECK_NEAR(point.flip_share.value(), 2 / 12.0, 1e-12);
    CHECK_NEAR(point.oscillating_share.value(), oscillating[i], 1e-12);
  }
  CHECK_EQ(training.look(b).flip_share.value(), 0.0);
}

// Levels ±s: errors 0.1, 0.35, 0.4, 0.4 in row 0, 0.1 in row 1. Nothing is outside two levels.
TEST(nn_figures_of_a_binary_table_are_those_worked_out_by_hand) {
  std::vector<float> weight = {0.5f, -0.25f, 1, -1, 0.25f, 0.25f, -0.25f, -0.25f};
  TableTraining training({input_of({1}), table_node(Op::kEmbedding, 2, 1, qat::Grid::kBinary),
                          node_of(Op::kFlatten, "")},
                         {0}, {0.6f, 0.35f});
  const qat::LayerStep first = training.look(weight);
  CHECK_NEAR(first.weight_scale.value(), 0.475, 1e-7);
  CHECK_EQ(first.clipped_weights.value(), 0.0);
  const double signal = 0.25 + 0.0625 + 1 + 1 + 4 * 0.0625;
  const double noise = 0.01 + 0.1225 + 0.16 + 0.16 + 4 * 0.01;
  CHECK_NEAR(first.sqnr_db.value(), 10 * std::log10(signal / noise), 1e-5);
  weight[1] = 0.25f;
  CHECK_NEAR(training.look(weight).flip_share.value(), 1 / 8.0, 1e-12);
}

TEST(nn_a_float_table_has_no_figures_and_an_exact_one_no_sqnr) {
  TableTraining exact({input_of({1}), table_node(Op::kEmbedding, 2, 3, qat::Grid::kSigned),
                       node_of(Op::kFlatten, "")},
                      {0}, {0.5f, 1});
  const qat::LayerStep point = exact.look({0.5f, -1, 1.5f, -2, 1, 2, 3, -4});
  CHECK(!point.sqnr_db);
  CHECK_NEAR(point.weight_scale.value(), 0.75, 1e-7);
  const float id = 0;
  const uint8_t label = 1;
  const auto data = qat::Dataset::from_floats(&id, 1, &label, 1, {1, 1, 4});
  const auto network = prepared_network(
      {input_of({1}), table_node(Op::kEmbedding, 2, qat::kFloatBits, qat::Grid::kSigned),
       node_of(Op::kFlatten, "")}, *data);
  qat::NetworkTrainer trainer(*network, looking_at_every_step(qat::OptimizerKind::kSgd), 1);
  trainer.step(*data, nullptr, 0, 1, 0.1);
  CHECK(trainer.monitor().take().empty());
}
