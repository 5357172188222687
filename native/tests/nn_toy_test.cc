// Whole trainings of a toy problem that no linear model can solve: every kind of layer must learn it.
#include <cmath>

#include "nn_test_util.h"

namespace {

using namespace nn_test;

// Exclusive or of the signs of the first two inputs, away from the axes; the others are noise.
std::shared_ptr<qat::Dataset> exclusive_or(int64_t count, int64_t noise, uint64_t seed) {
  qat::Rng rng(seed);
  std::vector<float> x;
  std::vector<uint8_t> labels;
  for (int64_t i = 0; i < count; ++i) {
    const bool a = rng.below(2) == 1, b = rng.below(2) == 1;
    x.push_back((a ? 1.0f : -1.0f) * rng.uniform(0.6f, 1.4f));
    x.push_back((b ? 1.0f : -1.0f) * rng.uniform(0.6f, 1.4f));
    for (int64_t j = 0; j < noise; ++j) x.push_back(rng.uniform(-1.0f, 1.0f));
    labels.push_back(a != b ? 1 : 0);
  }
  return qat::Dataset::from_floats(x.data(), x.size(), labels.data(), labels.size(), {count, 2 + noise, 2});
}

constexpr int64_t kHidden = 64;

struct Outcome {
  double loss, accuracy, packed_accuracy;
};

Outcome train_exclusive_or(int w_bit, int a_bit, bool with_norm, qat::Method method) {
  const int64_t noise = w_bit == 1 && a_bit == 1 ? 0 : 2;  // one bit cannot weigh an input with 0
  const auto train = exclusive_or(512, noise, 1), test = exclusive_or(256, noise, 2);
  qat::LinearOptions first = linear_options(2 + noise, kHidden, w_bit, a_bit);
  qat::LinearOptions last = linear_options(kHidden, 2, w_bit, a_bit);
  first.weight.method = last.weight.method = method;
  last.activation.is_signed = with_norm;
  std::vector<qat::NetworkNode> nodes = {linear_node("first", first)};
  if (with_norm) {
    nodes.push_back(norm_node("norm", kHidden));
  } else {
    nodes.push_back(relu_node());
  }
  nodes.push_back(linear_node("last", last));
  const auto network = prepared_network(nodes, *train, 3);
  qat::SessionOptions options;
  options.learning_rate = 0.01;
  options.epochs = 60;
  options.batch_size = 64;
  qat::TrainingSession session(network, train, test, options);
  session.start();
  const Recording r = run_to_end(session);
  CHECK(r.last.state == qat::SessionState::kFinished);
  const auto packed = network->evaluate(*test, qat::EvaluationMode::kPacked);
  return {r.evaluations.back().test_loss, r.evaluations.back().test_accuracy.value(), packed.accuracy};
}

void check_learns(int w_bit, int a_bit, bool with_norm, qat::Method method, double most_loss) {
  const Outcome o = train_exclusive_or(w_bit, a_bit, with_norm, method);
  CHECK_IN(o.loss < most_loss && o.accuracy > 0.97 && std::fabs(o.accuracy - o.packed_accuracy) < 0.01,
           "W" << w_bit << "A" << a_bit << " loss " << o.loss << " accuracy " << o.accuracy
               << " packed " << o.packed_accuracy);
}

TEST(nn_toy_training_reaches_a_low_loss) {
  check_learns(32, 32, false, qat::Method::kLsq, 0.05);
  check_learns(8, 8, false, qat::Method::kLsq, 0.05);
  check_learns(4, 4, false, qat::Method::kLsq, 0.2);
  check_learns(4, 4, false, qat::Method::kSte, 0.2);
  check_learns(2, 4, false, qat::Method::kLsq, 0.1);
  check_learns(1, 32, false, qat::Method::kSte, 0.1);
  check_learns(1, 32, false, qat::Method::kLsq, 0.1);
}

// One bit everywhere: signs of the inputs, signs of the normalised hidden values, XNOR in inference.
TEST(nn_toy_training_with_one_bit_everywhere) {
  check_learns(1, 1, true, qat::Method::kSte, 0.2);
  check_learns(1, 1, true, qat::Method::kLsq, 0.2);
}

}  // namespace
