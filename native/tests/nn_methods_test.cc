// What quantization-aware training adds to a training: teachers, a float start, frozen statistics,
// quantized gradients, dampening.
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "nn/batch_norm.h"
#include "nn/network_node.h"
#include "nn_test_util.h"
#include "qat/error.h"
#include "quant/packing.h"

namespace {

using namespace nn_test;

std::vector<qat::NetworkNode> small_nodes(int w_bit, int a_bit) {
  return {linear_node("first", linear_options(16, 12, w_bit, a_bit)), norm_node("norm", 12),
          relu_node(), linear_node("last", linear_options(12, 4, w_bit, a_bit))};
}

std::shared_ptr<qat::Network> float_teacher(const qat::Dataset& data) {
  return prepared_network(small_nodes(32, 32), data, 77);
}

qat::SessionOptions options_with(const std::function<void(qat::SessionOptions&)>& change) {
  qat::SessionOptions options = short_training();
  change(options);
  return options;
}

std::string refusal(const qat::SessionOptions& options, const std::shared_ptr<qat::Network>& teacher) {
  const auto data = clusters(50, 16, 4, 21);
  try {
    qat::TrainingSession session(prepared_network(small_nodes(4, 4), *data), data, data, options,
                                 teacher);
  } catch (const qat::Error& error) {
    return error.code();
  }
  return "";
}

std::vector<float> values_of(const qat::Network& network, const std::string& name, size_t count) {
  std::vector<float> values(count);
  network.get_parameter(name, values.data(), count);
  return values;
}

}  // namespace

TEST(nn_a_student_comes_nearer_to_its_teacher) {
  const auto data = clusters(64, 16, 4, 21);
  const auto teacher = float_teacher(*data);
  const auto wanted = teacher->logits(*data, qat::EvaluationMode::kFakeQuant);
  // Softmax does not see what all logits of a sample have in common.
  const auto distance = [&](qat::Network& network, bool of_probabilities) {
    const auto logits = network.logits(*data, qat::EvaluationMode::kFakeQuant);
    double sum = 0;
    for (size_t row = 0; row < logits.size(); row += 4) {
      double common = 0;
      for (size_t i = row; of_probabilities && i < row + 4; ++i) common += (logits[i] - wanted[i]) / 4;
      for (size_t i = row; i < row + 4; ++i) sum += std::pow(logits[i] - wanted[i] - common, 2);
    }
    return sum;
  };
  for (const auto kind : {qat::LossKind::kDistillation, qat::LossKind::kTeacherMse}) {
    const auto options = options_with([&](qat::SessionOptions& o) {
      o.loss.kind = kind;
      o.loss.teacher_share = 1;
      o.epochs = 40;
    });
    const auto student = prepared_network(small_nodes(4, 8), *data);
    const bool labels = kind == qat::LossKind::kDistillation;
    const double before = distance(*student, labels);
    qat::TrainingSession session(student, data, data, options, teacher);
    session.start();
    const Recording record = run_to_end(session);
    CHECK(record.last.state == qat::SessionState::kFinished);
    const double after = distance(*student, labels);
    CHECK_IN(after < before / 4, after / before);
    CHECK_EQ(record.evaluations.back().test_accuracy.has_value(), labels);
    if (!labels) {  // the loss that is shown is the distance
      CHECK_NEAR(record.evaluations.back().test_loss, after / (64 * 4), 1e-5);
    }
  }
}

TEST(nn_losses_and_teachers_belong_together) {
  const auto data = clusters(50, 16, 4, 21);
  const auto with = [](qat::LossKind kind) {
    return options_with([&](qat::SessionOptions& o) { o.loss.kind = kind; });
  };
  const std::string bad = "E-NATIVE-ARGUMENT";
  CHECK_EQ(refusal(with(qat::LossKind::kDistillation), float_teacher(*data)), std::string(""));
  CHECK_EQ(refusal(with(qat::LossKind::kDistillation), nullptr), bad);
  CHECK_EQ(refusal(with(qat::LossKind::kTeacherMse), nullptr), bad);
  CHECK_EQ(refusal(with(qat::LossKind::kCrossEntropy), float_teacher(*data)), bad);
  const auto narrow = std::make_shared<qat::Network>(
      std::vector<qat::NetworkNode>{linear_node("a", linear_options(16, 3, 32, 32))});
  CHECK_EQ(refusal(with(qat::LossKind::kDistillation), narrow), std::string("E-DATASET-MISMATCH"));
}

// Until the first quantized step the training is that of the same network with 32 bits, bit for bit.
TEST(nn_a_float_start_is_float_and_then_quantizes) {
  const auto data = clusters(64, 16, 4, 21);
  const int64_t steps = 16;  // two epochs of eight
  const auto late = options_with([](qat::SessionOptions& o) { o.quantize_from = 1000; });
  const auto as_float = trained_parameters(small_nodes(32, 32), data, short_training(), 1, false);
  CHECK(trained_parameters(small_nodes(2, 4), data, late, 1, false) == as_float);
  const auto half = options_with([&](qat::SessionOptions& o) { o.quantize_from = steps / 2; });
  const auto mixed = trained_parameters(small_nodes(2, 4), data, half, 1, false);
  CHECK(mixed != as_float);
  CHECK(mixed != trained_parameters(small_nodes(2, 4), data, short_training(), 1, false));
  check_same_bits_on_threads_and_after_resume(small_nodes(2, 4), data, half);

  const auto network = prepared_network(small_nodes(2, 4), *data);
  qat::TrainingSession session(network, data, data, half);
  session.start();
  run_to_end(session);
  // Prepared from the weights it had then, not from the first ones.
  const auto first = prepared_network(small_nodes(2, 4), *data)->scales("first");
  CHECK(network->scales("first").weight.scales != first.weight.scales);
}

TEST(nn_frozen_statistics_stay_and_gradients_take_them_as_constants) {
  const auto data = clusters(64, 16, 4, 21);
  const auto frozen = options_with([](qat::SessionOptions& o) { o.freeze_norm_from = 8; });
  const auto after = [&](int64_t epochs) {
    qat::SessionOptions options = frozen;
    options.epochs = epochs;
    options.schedule.kind = qat::ScheduleKind::kConstant;
    const auto network = prepared_network(small_nodes(4, 4), *data);
    qat::TrainingSession session(network, data, data, options);
    session.start();
    run_to_end(session);
    return values_of(*network, "norm.runningVar", 12);
  };
  CHECK(after(1) == after(3));
  check_same_bits_on_threads_and_after_resume(small_nodes(4, 4), data, frozen);

  qat::BatchNorm norm(3);
  norm.gamma = {0.5f, 2.0f, -1.0f};
  norm.running_mean = {0.1f, -0.4f, 2.0f};
  norm.running_var = {0.5f, 3.0f, 1.5f};
  const auto x = random_values(21, 1), dy = random_values(21, 2);
  std::vector<float> y(21), dx(21);
  norm.forward_frozen(x.data(), y.data(), 7);
  norm.backward(dy.data(), dx.data());
  double dgamma[3] = {};
  for (size_t i = 0; i < 21; ++i) {
    const size_t f = i % 3;
    const double deviation = std::sqrt(static_cast<double>(norm.running_var[f]) + 1e-5);
    CHECK_NEAR(dx[i], dy[i] * norm.gamma[f] / deviation, 1e-5);
    dgamma[f] += dy[i] * (x[i] - norm.running_mean[f]) / deviation;
  }
  for (size_t f = 0; f < 3; ++f) CHECK_NEAR(norm.dgamma[f], dgamma[f], 1e-4);
}

TEST(nn_quantized_gradients_train_reproducibly) {
  const auto data = clusters(64, 16, 4, 21);
  const auto six = options_with([](qat::SessionOptions& o) { o.gradient_bits = 6; });
  check_same_bits_on_threads_and_after_resume(small_nodes(4, 4), data, six);
  CHECK(trained_parameters(small_nodes(4, 4), data, six, 1, false) !=
        trained_parameters(small_nodes(4, 4), data, short_training(), 1, false));
  CHECK_EQ(refusal(options_with([](qat::SessionOptions& o) { o.gradient_bits = 9; }), nullptr),
           std::string("E-NATIVE-ARGUMENT"));
}

TEST(nn_dampening_draws_weights_to_their_levels) {
  const auto data = clusters(64, 16, 4, 21);
  const auto mean_distance = [&](double strength) {
    const auto options = options_with([&](qat::SessionOptions& o) {
      o.dampening = strength;
      o.epochs = 30;
      o.optimizer.kind = qat::OptimizerKind::kSgd;
      o.learning_rate = 0.02;
    });
    const auto network = prepared_network(small_nodes(3, 8), *data);
    qat::TrainingSession session(network, data, data, options);
    session.start();
    CHECK(run_to_end(session).last.state == qat::SessionState::kFinished);
    const auto w = values_of(*network, "first.weight", 16 * 12);
    const qat::QuantizedWeight packed = network->quantized_weight("first");
    std::vector<float> levels(w.size());
    qat::dequantize_weight(packed, levels.data());
    double sum = 0;
    int64_t inside = 0;  // what is clipped is not drawn
    for (size_t i = 0; i < w.size(); ++i) {
      const double distance = std::fabs(w[i] - levels[i]) / packed.scales.scales[i / 16];
      if (distance > 0.5) continue;
      sum += distance;
      ++inside;
    }
    CHECK(inside > 96);
    return sum / static_cast<double>(inside);
  };
  const double without = mean_distance(0), with = mean_distance(5);
  CHECK_IN(with < 0.5 * without, with / without);
}
