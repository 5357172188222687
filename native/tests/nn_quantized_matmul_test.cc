// Products of two quantized activations: against the definition in double, finite differences, integers.
#include <cmath>
#include <utility>
#include <vector>

#include "nn/quantized_matmul.h"
#include "nn_frozen_quantizer.h"
#include "runtime/thread_pool.h"

namespace {

using namespace nn_test;
using Learned = qat::ActivationQuantizer::Learned;
using Right = qat::QuantizedMatmul::Right;

struct Problem {
  qat::MatmulShape shape;
  Right right;
  Operand a, b;
  std::vector<float> dy;

  double y(int64_t i, int64_t r, int64_t c) const {
    double sum = 0;
    for (int64_t t = 0; t < shape.k; ++t) {
      const int64_t of_b = right == Right::kTransposed ? c * shape.k + t : t * shape.n + c;
      sum += a.value((i * shape.m + r) * shape.k + t) * b.value(i * shape.n * shape.k + of_b);
    }
    return sum;
  }
  double loss() const {
    double sum = 0;
    for (int64_t i = 0; i < shape.batch(); ++i) {
      for (int64_t r = 0; r < shape.m; ++r) {
        for (int64_t c = 0; c < shape.n; ++c) {
          sum += y(i, r, c) * dy[static_cast<size_t>((i * shape.m + r) * shape.n + c)];
        }
      }
    }
    return sum;
  }
  double derivative(double& variable) const {
    const double h = 1e-4, kept = variable;
    variable = kept + h;
    const double up = loss();
    variable = kept - h;
    const double down = loss();
    variable = kept;
    return (up - down) / (2 * h);
  }
};

qat::ActivationState state_for(const qat::ActivationOptions& o, float scale) {
  return {scale, o.method == qat::Method::kLsqPlus ? -0.13f : 0.0f};
}

Problem make_problem(Right right, const qat::ActivationOptions& a, const qat::ActivationOptions& b,
                     qat::MatmulShape shape = {2, 2, 3, 4, 11}) {
  // 0.29 clips a few of three bits and more; 0.9 is near the mean magnitude, for one.
  const auto scale = [](int bits) { return bits == 1 ? 0.9f : bits < 8 ? 0.29f : 0.02f; };
  Operand left(a, state_for(a, scale(a.bits)), shape.samples * shape.a_size(), 3);
  Operand other(b, state_for(b, 1.1f * scale(b.bits)), shape.samples * shape.b_size(), 4);
  return {shape, right, left, other, random_values(shape.samples * shape.y_size(), 5)};
}

qat::QuantizedMatmul make_matmul(const Problem& p) {
  qat::QuantizedMatmul matmul(p.right, p.a.options, p.b.options);
  if (p.a.options.bits != 32) {
    matmul.a().set_state({static_cast<float>(p.a.scale), static_cast<float>(p.a.shift)});
  }
  if (p.b.options.bits != 32) {
    matmul.b().set_state({static_cast<float>(p.b.scale), static_cast<float>(p.b.shift)});
  }
  return matmul;
}

// Both passes, each within its bound of the definition.
void check_values(const Problem& p) {
  qat::QuantizedMatmul matmul = make_matmul(p);
  const auto a = p.a.floats(), b = p.b.floats();
  std::vector<float> trained(p.dy.size()), packed(p.dy.size());
  matmul.forward(p.shape, a.data(), b.data(), trained.data());
  matmul.forward_packed(p.shape, a.data(), b.data(), packed.data());
  for (int64_t i = 0, at = 0; i < p.shape.batch(); ++i) {
    for (int64_t r = 0; r < p.shape.m; ++r) {
      for (int64_t c = 0; c < p.shape.n; ++c, ++at) {
        const double y = p.y(i, r, c);
        CHECK_NEAR(trained[static_cast<size_t>(at)], y, 1e-4 + 1e-5 * std::fabs(y));
        CHECK_NEAR(packed[static_cast<size_t>(at)], y, 2e-6 + 2e-6 * std::fabs(y));
      }
    }
  }
}

void check_gradient_of_scale(qat::ActivationQuantizer& quantizer, Problem& p, Operand& of,
                             int64_t size) {
  const double damp = std::sqrt(static_cast<double>(size) * quantizer.range().qmax);
  for (const Learned what : quantizer.learned()) {
    const double expected = p.derivative(what == Learned::kShift ? of.shift : of.scale);
    CHECK_NEAR(*quantizer.gradient(what) * damp, expected, 2e-3 + 1e-4 * std::fabs(expected));
  }
}

void check_gradients(Problem p) {
  qat::QuantizedMatmul matmul = make_matmul(p);
  const auto a = p.a.floats(), b = p.b.floats();
  std::vector<float> y(p.dy.size()), da(a.size()), db(b.size());
  matmul.forward(p.shape, a.data(), b.data(), y.data());
  matmul.backward(p.dy.data(), da.data(), db.data());
  for (size_t i = 0; i < a.size(); ++i) CHECK_NEAR(da[i], p.derivative(p.a.x[i]), 1e-4);
  for (size_t i = 0; i < b.size(); ++i) CHECK_NEAR(db[i], p.derivative(p.b.x[i]), 1e-4);
  check_gradient_of_scale(matmul.a(), p, p.a, p.shape.a_size());
  check_gradient_of_scale(matmul.b(), p, p.b, p.shape.b_size());
}

const std::vector<std::pair<qat::ActivationOptions, qat::ActivationOptions>>& pairs() {
  static const std::vector<std::pair<qat::ActivationOptions, qat::ActivationOptions>> all = {
      {operand(4), operand(4)},
      {operand(8), operand(8)},
      {operand(1), operand(1)},
      {operand(1), operand(4)},
      {operand(4), operand(1)},
      {operand(1, false), operand(1)},
      {operand(3, false), operand(1, false)},
      {operand(8, false), operand(4)},
      {operand(2), operand(7, false)},
      {operand(4, true, qat::Method::kLsqPlus), operand(5, true, qat::Method::kLsqPlus)},
      {operand(1), operand(3, true, qat::Method::kLsqPlus)},
      {operand(32), operand(4)},
      {operand(4), operand(32)},
      {operand(32), operand(32)},
  };
  return all;
}

TEST(nn_quantized_matmul_is_its_definition) {
  for (const Right right : {Right::kPlain, Right::kTransposed}) {
    for (const auto& [a, b] : pairs()) check_values(make_problem(right, a, b));
  }
}

TEST(nn_quantized_matmul_has_the_gradients_of_its_frozen_quantizers) {
  for (const Right right : {Right::kPlain, Right::kTransposed}) {
    for (const auto& [a, b] : pairs()) check_gradients(make_problem(right, a, b));
  }
}

// 40 001 products of 255 · 255 leave int32; an odd count of signs leaves bits of the last byte unused.
TEST(nn_quantized_matmul_is_exact_where_a_row_does_not_fit_int32) {
  const int64_t k = 40001;
  for (const auto& [bits, is_signed] : {std::pair{8, false}, std::pair{1, true}}) {
    qat::QuantizedMatmul matmul(Right::kTransposed, operand(bits, is_signed),
                                operand(bits, is_signed));
    matmul.a().set_state({0.5f});
    matmul.b().set_state({0.25f});
    const std::vector<float> a(static_cast<size_t>(k), 1e4f), b(static_cast<size_t>(k), 1e4f);
    float y = 0;
    matmul.forward_packed({1, 1, 1, 1, k}, a.data(), b.data(), &y);
    const double top = bits == 8 ? 255 : 1;
    CHECK_EQ(y, static_cast<float>(0.125 * top * top * static_cast<double>(k)));
  }
}

TEST(nn_quantized_matmul_gives_the_same_bits_on_any_number_of_threads) {
  const int before = qat::thread_count();
  const auto run = [](int threads) {
    qat::set_threads(threads);
    const Problem p = make_problem(Right::kPlain, operand(4, true, qat::Method::kLsqPlus),
                                   operand(4), {67, 3, 5, 6, 9});
    qat::QuantizedMatmul matmul = make_matmul(p);
    const auto a = p.a.floats(), b = p.b.floats();
    std::vector<float> y(p.dy.size()), da(a.size()), db(b.size());
    matmul.forward(p.shape, a.data(), b.data(), y.data());
    matmul.backward(p.dy.data(), da.data(), db.data());
    std::vector<float> all = y;
    all.insert(all.end(), da.begin(), da.end());
    all.insert(all.end(), db.begin(), db.end());
    for (const Learned what : {Learned::kScale, Learned::kShift}) {
      all.push_back(*matmul.a().gradient(what));
      all.push_back(*matmul.b().gradient(what));
    }
    matmul.forward_packed(p.shape, a.data(), b.data(), y.data());
    all.insert(all.end(), y.begin(), y.end());
    return all;
  };
  const auto one = run(1);
  CHECK(run(2) == one);
  CHECK(run(5) == one);
  qat::set_threads(before);
}

TEST(nn_quantized_matmul_refuses_what_it_cannot_do) {
  qat::QuantizedMatmul matmul(Right::kPlain, operand(4), operand(4));
  float one = 1, y = 0;
  CHECK_THROWS(matmul.forward({1, 1, 1, 1, 1}, &one, &one, &y), "E-LAYER-STATE");
  CHECK_THROWS(matmul.forward_packed({1, 1, 1, 1, 1}, &one, &one, &y), "E-LAYER-STATE");
  CHECK_THROWS(matmul.backward(&one, &y, &y), "E-LAYER-STATE");
  matmul.a().set_state({1});
  matmul.b().set_state({1});
  CHECK_THROWS(matmul.forward({1, 1, 0, 1, 1}, &one, &one, &y), "E-NATIVE-ARGUMENT");
  matmul.forward_packed({1, 1, 1, 1, 1}, &one, &one, &y);
  CHECK_THROWS(matmul.backward(&one, &y, &y), "E-LAYER-STATE");
}

}  // namespace
