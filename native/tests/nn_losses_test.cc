// Squared error and distillation against PyTorch's numbers and central differences of a double
// implementation.
#include <cmath>

#include "nn/losses.h"
#include "nn_test_util.h"
#include "runtime/thread_pool.h"

namespace {

using namespace nn_test;
using Doubles = std::vector<double>;

const std::vector<float> kLogits = {1.5f, -0.25f, 0.75f, 3, -2, 0.5f, 0.25f, -1, 0, 4, -3.5f, 1};
const std::vector<float> kTeacher = {2, 0, -1, 2.5f, -1.5f, 1.25f, 0.5f, 0, 1, 2, -2, 3};
const std::vector<uint8_t> kLabels = {3, 1, 0};

// The definition: α·T²·Σ p·log(p/q) + (1 − α)·Σ −target·log softmax, mean over rows.
double distillation_of(const Doubles& z, const Doubles& teacher, const std::vector<uint8_t>& labels,
                       size_t cols, const qat::DistillationOptions& o) {
  const auto softmax = [&](const Doubles& from, size_t row, double temperature) {
    Doubles p(cols);
    double sum = 0;
    for (size_t c = 0; c < cols; ++c) sum += p[c] = std::exp(from[row * cols + c] / temperature);
    for (double& v : p) v /= sum;
    return p;
  };
  const size_t rows = z.size() / cols;
  double loss = 0;
  for (size_t r = 0; r < rows; ++r) {
    const Doubles p = softmax(teacher, r, o.temperature), q = softmax(z, r, o.temperature);
    const Doubles hard = softmax(z, r, 1);
    for (size_t c = 0; c < cols; ++c) {
      loss += o.teacher_share * o.temperature * o.temperature * p[c] * std::log(p[c] / q[c]);
      const double target = o.label_smoothing / static_cast<double>(cols) +
                            (c == labels[r] ? 1 - o.label_smoothing : 0);
      loss -= (1 - o.teacher_share) * target * std::log(hard[c]);
    }
  }
  return loss / static_cast<double>(rows);
}

}  // namespace

// torch 1.13, float64, of the values above:
// a*T*T*F.kl_div(F.log_softmax(z/T,1), F.softmax(t/T,1), reduction='batchmean')
//   + (1-a)*F.cross_entropy(z, y, label_smoothing=ls), and z.grad.
TEST(distillation_is_what_pytorch_computes) {
  const struct {
    qat::DistillationOptions options;
    double loss;
    double dx[12];
  } cases[] = {
      {{4, 0.9, 0},
       0.731796279764,
       {-0.0627848021, -0.0284895659, 0.0792563311, 0.0120180369, 0.00748543318, -0.0295394412,
        0.044233777, -0.0221797689, -0.0837365852, 0.283335439, -0.0363521312, -0.163246723}},
      {{1, 0.5, 0.1},
       1.1863376788,
       {-0.00858296466, -0.00267341368, 0.0186003625, -0.00734398416, 0.00311742162, -0.0856535366,
        0.0772100619, 0.00532605314, -0.163391821, 0.267145599, -0.00473787558, -0.0990159029}},
      {{2.5, 1, 0},
       0.639756194851,
       {-0.0751231164, -0.0240542736, 0.0676187829, 0.0315586071, 0.00515633135, -0.0155715648,
        0.0369070741, -0.0264918406, -0.0577049371, 0.288920134, -0.0232957513, -0.207919446}},
      {{3, 0, 0.2},
       1.86701299417,
       {0.0377299724, -0.00721394818, 0.00902848622, -0.0395445105, -0.00353736873, -0.12338574,
        0.107900644, 0.0190224653, -0.27762035, 0.295251667, -0.0164941495, -0.00113716728}},
  };
  for (const auto& row : cases) {
    std::vector<float> dx(12);
    int64_t correct = 10;
    const double loss = qat::distillation_loss(kLogits.data(), kTeacher.data(), kLabels.data(), 3, 4,
                                               row.options, dx.data(), &correct);
    CHECK_NEAR(loss, row.loss, 1e-11);
    CHECK_EQ(correct, int64_t{12});  // added to
    for (size_t i = 0; i < 12; ++i) CHECK_NEAR(dx[i], row.dx[i], 3e-8);
  }
}

TEST(distillation_gradient_is_that_of_its_definition) {
  const size_t rows = 6, cols = 7;
  const auto logits = random_values(rows * cols, 1, 2), teacher = random_values(rows * cols, 2, 2);
  const std::vector<uint8_t> labels = {0, 6, 3, 3, 1, 5};
  for (const qat::DistillationOptions& o :
       {qat::DistillationOptions{0.7, 0.3, 0.2}, {8, 0.95, 0}, {1, 1, 0}}) {
    std::vector<float> dx(rows * cols);
    const double loss = qat::distillation_loss(logits.data(), teacher.data(), labels.data(), rows,
                                               cols, o, dx.data(), nullptr);
    Doubles z(logits.begin(), logits.end());
    const Doubles t(teacher.begin(), teacher.end());
    CHECK_NEAR(loss, distillation_of(z, t, labels, cols, o), 1e-12 * loss + 1e-13);
    for (size_t i = 0; i < z.size(); ++i) {
      const double at = z[i];
      z[i] = at + 1e-5;
      const double above = distillation_of(z, t, labels, cols, o);
      z[i] = at - 1e-5;
      const double below = distillation_of(z, t, labels, cols, o);
      z[i] = at;
      CHECK_NEAR(dx[i], (above - below) / 2e-5, 1e-7);
    }
  }
}

TEST(distillation_of_extreme_logits_is_finite_and_nothing_is_left_to_learn_from_oneself) {
  const std::vector<float> z = {3e4f, -3e4f, 0, 1};
  std::vector<float> dx(4);
  const qat::DistillationOptions all_teacher{2, 1, 0};
  CHECK_EQ(qat::distillation_loss(z.data(), z.data(), nullptr, 1, 4, all_teacher, dx.data(), nullptr),
           0.0);
  for (const float d : dx) CHECK_EQ(d, 0.0f);
  const std::vector<float> other = {-3e4f, 3e4f, 0, 1};
  // log q of the teacher's class: −6e4/T, times T².
  const double loss =
      qat::distillation_loss(z.data(), other.data(), nullptr, 1, 4, all_teacher, nullptr, nullptr);
  CHECK_NEAR(loss, 2 * 6e4, 1e-6);
}

TEST(squared_error_is_what_pytorch_computes_and_its_gradient_too) {
  // F.mse_loss of the values above, torch 1.13, float64.
  const double expected[] = {-1. / 12, -1. / 24, 7. / 24, 1. / 12, -1. / 12, -1. / 8,
                             -1. / 24, -1. / 6,  -1. / 6, 1. / 3,  -1. / 4,  -1. / 3};
  std::vector<float> dx = kLogits;  // may be the input
  const double loss = qat::mean_squared_error(dx.data(), kTeacher.data(), 3, 4, dx.data());
  CHECK_NEAR(loss, 1.39583333333, 1e-11);
  for (size_t i = 0; i < 12; ++i) CHECK_NEAR(dx[i], expected[i], 2e-8);

  const auto x = random_values(70000, 3), target = random_values(70000, 4);
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) sum += std::pow(double(x[i]) - target[i], 2) / 70000;
  qat::set_threads(1);
  const double one = qat::mean_squared_error(x.data(), target.data(), 700, 100, nullptr);
  qat::set_threads(3);
  CHECK_EQ(qat::mean_squared_error(x.data(), target.data(), 700, 100, nullptr), one);
  qat::set_threads(1);
  CHECK_NEAR(one, sum, 1e-12);
}

TEST(squared_error_of_labels_has_one_hot_targets) {
  // By hand: (0.5 − 1)², 0.25², (−1)² and 0, 0, (2 − 1)² over six; smoothed by 0.3: 0.1 and 0.8.
  const std::vector<float> x = {0.5f, 0.25f, -1, 0, 0, 2};
  const uint8_t labels[] = {0, 2}, wrong[] = {0, 3};
  std::vector<float> dx(6);
  qat::LossOptions options;
  options.kind = qat::LossKind::kMse;
  CHECK(!options.needs_teacher());
  const auto loss = [&] {
    return qat::training_loss(options, x.data(), nullptr, labels, 2, 3, dx.data());
  };
  CHECK_NEAR(loss(), 2.3125 / 6, 1e-12);
  CHECK((dx == std::vector<float>{-1.0f / 6, 0.25f / 3, -1.0f / 3, 0, 0, 1.0f / 3}));
  options.label_smoothing = 0.3;
  CHECK_NEAR(loss(), (0.09 + 0.0225 + 1.21 + 0.01 + 0.01 + 1.44) / 6, 1e-7);
  CHECK_THROWS(qat::label_squared_error(x.data(), wrong, 2, 3, 0, nullptr), "E-DATASET-MISMATCH");
}

TEST(losses_refuse_what_makes_no_sense) {
  const float z[] = {1, 2};
  const uint8_t wrong[] = {2};
  CHECK_THROWS(qat::mean_squared_error(z, z, 0, 2, nullptr), "E-NATIVE-ARGUMENT");
  CHECK_THROWS(qat::distillation_loss(z, z, nullptr, 1, 2, {1, 0.5, 0}, nullptr, nullptr),
               "E-NATIVE-ARGUMENT");
  CHECK_THROWS(qat::distillation_loss(z, z, nullptr, 1, 2, {0, 1, 0}, nullptr, nullptr),
               "E-NATIVE-ARGUMENT");
  CHECK_THROWS(qat::distillation_loss(z, z, wrong, 1, 2, {1, 0.5, 0}, nullptr, nullptr),
               "E-DATASET-MISMATCH");
}
