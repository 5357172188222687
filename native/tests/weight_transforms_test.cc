// DoReFa's and IR-Net's transforms of weights against central differences of their definitions.
#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "quant/weight_transforms.h"
#include "runtime/rng.h"
#include "runtime/thread_pool.h"
#include "test_harness.h"

namespace {

using Doubles = std::vector<double>;

std::vector<float> normal_values(int64_t n, uint64_t seed, double spread = 1, double mean = 0) {
  qat::Rng rng(seed);
  std::vector<float> values(static_cast<size_t>(n));
  for (float& v : values) v = static_cast<float>(mean + spread * rng.normal());
  return values;
}

Doubles dorefa_of(const Doubles& w) {
  double most = 0;
  for (const double v : w) most = std::max(most, std::fabs(std::tanh(v)));
  Doubles y;
  for (const double v : w) y.push_back(std::tanh(v) / (2 * most) + 0.5);
  return y;
}

Doubles libra_of(const Doubles& w) {
  double mean = 0, square = 0;
  const auto n = static_cast<double>(w.size());
  for (const double v : w) mean += v / n;
  for (const double v : w) square += (v - mean) * (v - mean);
  Doubles y;
  for (const double v : w) y.push_back((v - mean) / std::sqrt(square / (n - 1)));
  return y;
}

// ∂(Σ g·f(w))/∂w_i by central differences.
void check_gradient(const std::vector<float>& w, const std::vector<float>& g, const float* dw,
                    const std::function<Doubles(const Doubles&)>& f) {
  Doubles at(w.begin(), w.end());
  const auto objective = [&] {
    const Doubles y = f(at);
    double sum = 0;
    for (size_t i = 0; i < y.size(); ++i) sum += g[i] * y[i];
    return sum;
  };
  for (size_t i = 0; i < at.size(); ++i) {
    const double value = at[i];
    at[i] = value + 1e-6;
    const double above = objective();
    at[i] = value - 1e-6;
    const double below = objective();
    at[i] = value;
    CHECK_NEAR(dw[i], (above - below) / 2e-6, 2e-6 * (1 + std::fabs(dw[i])));
  }
}

}  // namespace

TEST(dorefa_transform_and_its_gradient_through_the_maximum) {
  for (const double spread : {0.02, 1.0}) {
    for (const bool largest_negative : {false, true}) {
      std::vector<float> w = normal_values(40, 1, spread);
      w[17] = static_cast<float>((largest_negative ? -4 : 4) * spread);
      const std::vector<float> g = normal_values(40, 2);
      std::vector<float> y(40), dw = g;
      qat::dorefa_transform(w.data(), y.data(), 40);
      const Doubles expected = dorefa_of(Doubles(w.begin(), w.end()));
      for (size_t i = 0; i < 40; ++i) CHECK_NEAR(y[i], expected[i], 1e-7);
      CHECK_NEAR(y[17], largest_negative ? 0 : 1, 1e-7);
      qat::dorefa_transform_backward(w.data(), dw.data(), dw.data(), 40);  // may be the same
      check_gradient(w, g, dw.data(), dorefa_of);
    }
  }
}

// torch 1.13, float64: w = [0.3, −1.2, 0.8, 0.05], y = tanh(w)/(2·tanh(w).abs().max()) + 0.5,
// (y·[1, −2, 0.5, 3]).sum().backward().
TEST(dorefa_transform_is_what_pytorch_computes) {
  const std::vector<float> w = {0.3f, -1.2f, 0.8f, 0.05f}, g = {1, -2, 0.5f, 3};
  std::vector<float> y(4), dw(4);
  qat::dorefa_transform(w.data(), y.data(), 4);
  qat::dorefa_transform_backward(w.data(), g.data(), dw.data(), 4);
  const double expected_y[] = {0.6747202079, 0, 0.8982685183, 0.5299634732};
  const double expected_dw[] = {0.5488705719, 0.1696763412, 0.1676519157, 1.794815537};
  for (size_t i = 0; i < 4; ++i) {
    CHECK_NEAR(y[i], expected_y[i], 1e-7);
    CHECK_NEAR(dw[i], expected_dw[i], 3e-7);
  }
}

TEST(dorefa_transform_is_the_same_on_any_number_of_threads) {
  const auto w = normal_values(50000, 3), g = normal_values(50000, 4);
  std::vector<float> one(50000), three(50000);
  qat::set_threads(1);
  qat::dorefa_transform_backward(w.data(), g.data(), one.data(), 50000);
  qat::set_threads(3);
  qat::dorefa_transform_backward(w.data(), g.data(), three.data(), 50000);
  qat::set_threads(1);
  CHECK(one == three);
}

TEST(dorefa_of_zeros_is_the_middle_without_a_gradient) {
  const std::vector<float> w(3, 0.0f), g(3, 5.0f);
  std::vector<float> y(3), dw(3, 7.0f);
  qat::dorefa_transform(w.data(), y.data(), 3);
  qat::dorefa_transform_backward(w.data(), g.data(), dw.data(), 3);
  for (size_t i = 0; i < 3; ++i) CHECK(y[i] == 0.5f && dw[i] == 0);
}

TEST(quantize_unit_takes_the_nearest_of_its_levels) {
  const std::vector<float> r = {0, 1, -3, 7, 0.5f, 0.2f, 0.49f, 0.51f, 0.34f, 1.f / 3};
  for (const int bits : {1, 2, 3, 8}) {
    std::vector<float> y(r.size());
    qat::quantize_unit(r.data(), y.data(), static_cast<int64_t>(r.size()), bits);
    const int last = (1 << bits) - 1;
    for (size_t i = 0; i < r.size(); ++i) {
      const double inside = std::min(std::max(double(r[i]), 0.0), 1.0);
      double nearest = 2;
      for (int q = 0; q <= last; ++q) nearest = std::min(nearest, std::fabs(double(q) / last - inside));
      CHECK_NEAR(std::fabs(y[i] - inside), nearest, 1e-7);
    }
  }
  std::vector<float> y(1);
  qat::quantize_unit(r.data() + 4, y.data(), 1, 1);
  CHECK_EQ(y[0], 0.0f);  // a tie goes to even
  qat::quantize_unit(r.data() + 4, y.data(), 1, 2);
  CHECK_NEAR(y[0], 2.0 / 3, 1e-7);
  CHECK_THROWS(qat::quantize_unit(r.data(), y.data(), 1, 0), "E-NATIVE-ARGUMENT");
}

TEST(libra_balances_each_row_and_its_gradient_goes_through_mean_and_deviation) {
  const int64_t rows = 5, cols = 12;
  const auto w = normal_values(rows * cols, 5, 0.3, 2), g = normal_values(rows * cols, 6);
  std::vector<float> y(w.size()), deviations(5), scales(5), dw(w.size());
  qat::libra_normalize(w.data(), rows, cols, y.data(), deviations.data(), scales.data());
  qat::libra_normalize_backward(y.data(), deviations.data(), g.data(), rows, cols, dw.data());
  for (int64_t r = 0; r < rows; ++r) {
    const auto from = r * cols, to = from + cols;
    const std::vector<float> row(w.begin() + from, w.begin() + to), gr(g.begin() + from, g.begin() + to);
    const Doubles expected = libra_of(Doubles(row.begin(), row.end()));
    double magnitude = 0;
    for (int64_t c = 0; c < cols; ++c) {
      CHECK_NEAR(y[static_cast<size_t>(from + c)], expected[static_cast<size_t>(c)], 1e-6);
      magnitude += std::fabs(expected[static_cast<size_t>(c)]) / static_cast<double>(cols);
    }
    // The nearest power of two on a log scale: within a factor √2.
    const double scale = scales[static_cast<size_t>(r)];
    CHECK_EQ(std::exp2(std::round(std::log2(scale))), scale);
    CHECK(std::fabs(std::log2(magnitude / scale)) <= 0.5);
    check_gradient(row, gr, dw.data() + from, libra_of);
  }
}

TEST(libra_of_equal_values_is_zero) {
  std::vector<float> w = {3, 3, 3, 3}, deviations(2), scales(2);
  qat::libra_normalize(w.data(), 2, 2, w.data(), deviations.data(), scales.data());
  for (const float v : w) CHECK_EQ(v, 0.0f);
  CHECK(deviations[0] == 1 && scales[1] == 1);
}

// Weights so small that a division by their size leaves the floats have no direction: no gradient is infinite.
TEST(transforms_of_tiny_equal_and_zero_weights_are_finite) {
  for (const float size : {0.0f, 1e-45f, 1e-40f, 1e-33f, 1e-25f}) {
    const std::vector<float> w = {size, -size, 0, size, size, -size}, dy = {3, -2, 1e3f, 4, -5, 1};
    std::vector<float> y(6), dw(6), normalized(6), deviations(2), scales(2);
    qat::dorefa_transform(w.data(), y.data(), 6);
    qat::dorefa_transform_backward(w.data(), dy.data(), dw.data(), 6);
    for (size_t i = 0; i < 6; ++i) CHECK_IN(std::isfinite(y[i]) && std::isfinite(dw[i]), size);
    qat::libra_normalize(w.data(), 2, 3, normalized.data(), deviations.data(), scales.data());
    qat::libra_normalize_backward(normalized.data(), deviations.data(), dy.data(), 2, 3, dw.data());
    for (size_t i = 0; i < 6; ++i) CHECK_IN(std::isfinite(normalized[i]) && std::isfinite(dw[i]), size);
  }
}

TEST(error_decay_is_the_slope_of_its_tanh_and_sharpens_with_progress) {
  const std::vector<float> x = {-3, -0.7f, -0.01f, 0, 0.2f, 1, 2.5f}, g = normal_values(7, 8);
  double last_t = 0;
  for (const double progress : {0.0, 0.3, 0.5, 0.8, 1.0}) {
    const qat::ErrorDecay decay = qat::error_decay(progress);
    CHECK(decay.t > last_t);
    last_t = decay.t;
    std::vector<float> dx(7);
    qat::error_decay_backward(x.data(), g.data(), dx.data(), 7, decay);
    check_gradient(x, g, dx.data(), [&](const Doubles& v) {
      Doubles y;
      for (const double at : v) y.push_back(decay.k * std::tanh(decay.t * at));
      return y;
    });
  }
  CHECK_NEAR(qat::error_decay(0).t, 0.1, 1e-15);
  CHECK_NEAR(qat::error_decay(0).k, 10, 1e-12);
  CHECK_NEAR(qat::error_decay(0.5).t, 1, 1e-15);
  CHECK_NEAR(qat::error_decay(1).t, 10, 1e-12);
  CHECK_EQ(qat::error_decay(1).k, 1.0);
  CHECK_THROWS(qat::error_decay(1.5), "E-NATIVE-ARGUMENT");
}
