// Layer norm, GELU, pooling and attention against central differences of double implementations.
#include <algorithm>
#include <cmath>
#include <functional>

#include "nn/attention.h"
#include "nn/gelu.h"
#include "nn/layer_norm.h"
#include "nn/max_pool2d.h"
#include "nn_test_util.h"
#include "runtime/thread_pool.h"

namespace {

using namespace nn_test;
using Doubles = std::vector<double>;

Doubles widen(const std::vector<float>& v) { return Doubles(v.begin(), v.end()); }

// gradient[i] against (loss(v + h e_i) − loss(v − h e_i)) / 2h.
template <typename Gradient>
void check_gradient(Doubles& v, const Gradient& gradient, const std::function<double()>& loss) {
  constexpr double kStep = 1e-5;
  double largest = 0;
  for (size_t i = 0; i < v.size(); ++i) {
    largest = std::max(largest, std::fabs(static_cast<double>(gradient[i])));
  }
  for (size_t i = 0; i < v.size(); ++i) {
    const double at = v[i];
    v[i] = at + kStep;
    const double above = loss();
    v[i] = at - kStep;
    const double below = loss();
    v[i] = at;
    CHECK_NEAR(gradient[i], (above - below) / (2 * kStep), 1e-5 * largest + 1e-7);
  }
}

double dot(const Doubles& a, const Doubles& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

Doubles layer_norm_of(const Doubles& x, const Doubles& gamma, const Doubles& beta, double epsilon) {
  const size_t features = gamma.size();
  Doubles y(x.size());
  for (size_t r = 0; r < x.size() / features; ++r) {
    double mean = 0, var = 0;
    for (size_t f = 0; f < features; ++f) mean += x[r * features + f] / static_cast<double>(features);
    for (size_t f = 0; f < features; ++f) {
      var += (x[r * features + f] - mean) * (x[r * features + f] - mean) /
             static_cast<double>(features);
    }
    for (size_t f = 0; f < features; ++f) {
      y[r * features + f] =
          (x[r * features + f] - mean) / std::sqrt(var + epsilon) * gamma[f] + beta[f];
    }
  }
  return y;
}

Doubles attention_of(const Doubles& q, const Doubles& k, const Doubles& v,
                     const qat::AttentionShape& s) {
  Doubles y(q.size(), 0.0);
  for (int64_t h = 0; h < s.heads; ++h) {
    for (int64_t i = 0; i < s.queries; ++i) {
      Doubles p(static_cast<size_t>(s.keys));
      double sum = 0;
      for (int64_t j = 0; j < s.keys; ++j) {
        double score = 0;
        for (int64_t c = 0; c < s.depth; ++c) {
          score += q[static_cast<size_t>((h * s.queries + i) * s.depth + c)] *
                   k[static_cast<size_t>((h * s.keys + j) * s.depth + c)];
        }
        p[static_cast<size_t>(j)] = std::exp(score / std::sqrt(static_cast<double>(s.depth)));
        sum += p[static_cast<size_t>(j)];
      }
      for (int64_t j = 0; j < s.keys; ++j) {
        for (int64_t c = 0; c < s.depth; ++c) {
          y[static_cast<size_t>((h * s.queries + i) * s.depth + c)] +=
              p[static_cast<size_t>(j)] / sum * v[static_cast<size_t>((h * s.keys + j) * s.depth + c)];
        }
      }
    }
  }
  return y;
}

}  // namespace

TEST(layer_norm_and_its_gradients_are_those_of_the_definition) {
  const int64_t rows = 70, features = 9;  // more rows than a chunk
  const std::vector<float> x = random_values(rows * features, 1);
  const std::vector<float> dy = random_values(rows * features, 2);
  qat::LayerNorm norm(features);
  const std::vector<float> gamma = random_values(features, 3), beta = random_values(features, 4);
  std::copy(gamma.begin(), gamma.end(), norm.gamma.begin());
  std::copy(beta.begin(), beta.end(), norm.beta.begin());
  std::vector<float> y(x.size()), dx(x.size());
  norm.forward(x.data(), y.data(), rows);
  norm.backward(dy.data(), dx.data());
  Doubles dxs = widen(x), dgamma = widen(gamma), dbeta = widen(beta);
  const Doubles weights = widen(dy);
  const auto loss = [&] { return dot(layer_norm_of(dxs, dgamma, dbeta, 1e-5f), weights); };
  const Doubles expected = layer_norm_of(dxs, dgamma, dbeta, 1e-5f);
  for (size_t i = 0; i < y.size(); ++i) CHECK_NEAR(y[i], expected[i], 1e-5);
  check_gradient(dxs, dx, loss);
  check_gradient(dgamma, norm.dgamma, loss);
  check_gradient(dbeta, norm.dbeta, loss);
}

TEST(gelu_is_exact_far_out_and_its_gradient_is_the_derivative) {
  const std::vector<float> x = {-40, -6, -1, -1e-3f, 0, 0.5f, 3, 6, 40};
  const std::vector<float> dy(x.size(), 1.0f);
  std::vector<float> y(x.size()), dx(x.size());
  qat::gelu(x.data(), y.data(), static_cast<int64_t>(x.size()));
  qat::gelu_backward(x.data(), dy.data(), dx.data(), static_cast<int64_t>(x.size()));
  CHECK_EQ(y[0], 0.0f);
  CHECK_NEAR(y[1] / (-6 * 9.865876450377018e-10), 1.0, 1e-6);  // −6·Φ(−6)
  CHECK_EQ(y[8], 40.0f);
  for (size_t i = 0; i < x.size(); ++i) {
    const auto value = [](double v) { return v * 0.5 * std::erfc(-v / std::sqrt(2.0)); };
    const double v = x[i], h = 1e-5;
    CHECK_NEAR(dx[i], (value(v + h) - value(v - h)) / (2 * h), 1e-6);
  }
}

TEST(max_pooling_takes_the_first_of_equal_values_and_sends_the_gradient_there) {
  qat::Pool2dShape shape;
  shape.planes = 2;
  shape.height = 5;
  shape.width = 4;
  shape.kernel = 3;
  shape.stride = 1;  // windows overlap: gradients add up
  float x[40];
  std::fill(x, x + 40, -1.0f);
  x[6] = 2;           // (1, 2) of the first plane, in every window of rows 0-1
  x[20] = x[21] = 5;  // equal values: the first counts
  constexpr size_t kOut = 12;
  CHECK_EQ(shape.out_count(), static_cast<int64_t>(kOut));
  float y[kOut], dy[kOut], dx[40];
  std::fill(dy, dy + kOut, 1.0f);
  int32_t taken[kOut];
  qat::max_pool2d(x, shape, y, taken);
  qat::max_pool2d_backward(dy, shape, taken, dx);
  CHECK_EQ(y[0], 2.0f);
  CHECK_EQ(dx[6], 4.0f);
  CHECK_EQ(taken[6], 0);
  CHECK_EQ(dx[20], 1.0f);
  double total = 0;
  for (const float d : dx) total += d;
  CHECK_EQ(total, static_cast<double>(kOut));
  shape.kernel = 6;
  CHECK_THROWS(qat::validate(shape), "E-NATIVE-ARGUMENT");
}

TEST(attention_and_its_gradients_are_those_of_the_definition) {
  const qat::AttentionShape shape{3, 5, 7, 4};
  const std::vector<float> q = random_values(3 * 5 * 4, 1), k = random_values(3 * 7 * 4, 2);
  const std::vector<float> v = random_values(3 * 7 * 4, 3), dy = random_values(3 * 5 * 4, 4);
  std::vector<float> y(q.size()), dq(q.size()), dk(k.size()), dv(v.size());
  qat::Attention attention(shape);
  attention.forward(1, q.data(), k.data(), v.data(), y.data());
  attention.backward(dy.data(), dq.data(), dk.data(), dv.data());
  Doubles dqs = widen(q), dks = widen(k), dvs = widen(v);
  const Doubles weights = widen(dy), expected = attention_of(dqs, dks, dvs, shape);
  for (size_t i = 0; i < y.size(); ++i) CHECK_NEAR(y[i], expected[i], 1e-5);
  const auto loss = [&] { return dot(attention_of(dqs, dks, dvs, shape), weights); };
  check_gradient(dqs, dq, loss);
  check_gradient(dks, dk, loss);
  check_gradient(dvs, dv, loss);
}

TEST(attention_stands_scores_beyond_the_range_of_exp) {
  const qat::AttentionShape shape{1, 1, 2, 1};
  const float q[] = {300}, k[] = {300, -300}, v[] = {1, 2};
  float y[1];
  qat::Attention attention(shape);
  attention.forward(1, q, k, v, y);
  CHECK_EQ(y[0], 1.0f);
}

TEST(float_pieces_give_the_same_bits_on_any_number_of_threads) {
  const int before = qat::thread_count();
  const int64_t rows = 133, features = 40;
  const std::vector<float> x = random_values(rows * features, 8), dy = random_values(rows * features, 9);
  std::vector<float> y[2], dx[2];
  qat::LayerNorm norm[2] = {qat::LayerNorm(features), qat::LayerNorm(features)};
  for (const int run : {0, 1}) {
    qat::set_threads(run == 0 ? 1 : 3);
    y[run].resize(x.size());
    dx[run].resize(x.size());
    norm[run].forward(x.data(), y[run].data(), rows);
    norm[run].backward(dy.data(), dx[run].data());
  }
  qat::set_threads(before);
  CHECK(y[0] == y[1]);
  CHECK(dx[0] == dx[1]);
  CHECK(norm[0].dgamma == norm[1].dgamma);
  CHECK(norm[0].dbeta == norm[1].dbeta);
}
