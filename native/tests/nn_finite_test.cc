// NaN and infinity in the middle of a training: quantizers give NaN a code, so that the loss alone stays a number.
#include <cmath>
#include <limits>
#include <string>

#include "nn/network_node.h"
#include "nn/network_trainer.h"
#include "nn_test_util.h"
#include "qat/error.h"

namespace {

using namespace nn_test;

// What step 5 of a training fails with; empty when it does not.
std::string failure_of_step(qat::NetworkTrainer& trainer, const qat::Dataset& data) {
  qat::TrainingPosition position;
  position.step = 4;
  position.steps_total = 10;
  try {
    trainer.step(data, nullptr, 0, data.count(), 0.01, position);
  } catch (const qat::Error& error) {
    return error.code() + " " + error.what();
  }
  return "";
}

bool says(const std::string& failure, const std::string& words) {
  return failure.find(words) != std::string::npos;
}

float* values_of(qat::Network& network, const std::string& name) {
  for (const auto& node : qat::NetworkAccess::nodes(network)) {
    if (node->spec.name == name) return node->module->mutable_value(0);
  }
  return nullptr;
}

TEST(nn_training_stops_at_a_weight_that_a_quantizer_would_hide) {
  const auto data = clusters(32, 16, 4, 3);
  for (const auto kind : {qat::OptimizerKind::kAdamW, qat::OptimizerKind::kLion,
                          qat::OptimizerKind::kSgd, qat::OptimizerKind::kDiode}) {
    for (const int bits : {1, 4}) {
      const auto network = prepared_network(
          {linear_node("first", linear_options(16, 12, bits, 4)), relu_node(),
           linear_node("last", linear_options(12, 4, 8, 8))},
          *data);
      qat::TrainerOptions options;
      options.optimizer = qat::default_options(kind);
      qat::NetworkTrainer trainer(*network, options, data->count());
      CHECK_EQ(failure_of_step(trainer, *data), std::string());
      values_of(*network, "first")[3] = std::numeric_limits<float>::quiet_NaN();
      const std::string failure = failure_of_step(trainer, *data);
      CHECK_IN(says(failure, "E-TRAINING-DIVERGED") && says(failure, "\"first") &&
                   says(failure, "step 5"),
               bits << " bits: " << failure);
    }
  }
}

TEST(nn_training_stops_at_a_gradient_beyond_the_floats_and_leaves_the_parameters) {
  const int64_t rows = 4;
  const std::vector<float> x(rows * 16, 3e38f), zeros(16 * 4), bias(4, 1000.0f);
  const uint8_t labels[] = {0, 1, 2, 3};
  const auto data = qat::Dataset::from_floats(x.data(), x.size(), labels, 4, {rows, 16, 4});
  qat::Network network({linear_node("only", linear_options(16, 4, qat::kFloatBits, qat::kFloatBits))});
  network.set_parameter("only.weight", zeros.data(), zeros.size());
  network.set_parameter("only.bias", bias.data(), bias.size());
  qat::TrainerOptions options;
  options.loss.kind = qat::LossKind::kMse;
  qat::NetworkTrainer trainer(network, options, rows);
  const std::string failure = failure_of_step(trainer, *data);
  CHECK_IN(says(failure, "the gradient of \"only.weight\"") && says(failure, "step 5"), failure);
  std::vector<float> after(16 * 4);
  network.get_parameter("only.weight", after.data(), after.size());
  CHECK(after == zeros);
}

TEST(nn_training_names_the_first_layer_whose_outputs_are_no_numbers) {
  const auto data = clusters(32, 16, 4, 3);
  const int bits = qat::kFloatBits;
  const auto network = prepared_network({linear_node("first", linear_options(16, 12, bits, bits)),
                                         linear_node("last", linear_options(12, 4, bits, bits))},
                                        *data);
  qat::NetworkTrainer trainer(*network, {}, data->count());
  values_of(*network, "last")[0] = std::numeric_limits<float>::infinity();
  const std::string failure = failure_of_step(trainer, *data);
  CHECK_IN(says(failure, "the loss of step 5") && says(failure, "\"last\""), failure);
}

}  // namespace
