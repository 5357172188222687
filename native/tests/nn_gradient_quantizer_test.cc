// DoReFa's gradient quantizer: levels, mean and variance of its noise, reproducibility.
#include <algorithm>
#include <cmath>

#include "nn/gradient_quantizer.h"
#include "nn_test_util.h"
#include "runtime/rng.h"
#include "runtime/thread_pool.h"

namespace {
using namespace nn_test;
}

TEST(a_quantized_gradient_takes_a_level_beside_it_within_its_samples_range) {
  const int64_t samples = 20, width = 37;
  for (const int bits : {1, 2, 4, 8}) {
    std::vector<float> g = random_values(samples * width, 1);
    for (int64_t r = 0; r < samples; ++r) {  // samples of very different size
      for (int64_t c = 0; c < width; ++c) g[static_cast<size_t>(r * width + c)] *= std::pow(10.f, float(r - 10));
    }
    const std::vector<float> before = g;
    qat::quantize_gradient(g.data(), samples, width, bits, 5);
    const double n = std::pow(2.0, bits) - 1;
    for (int64_t r = 0; r < samples; ++r) {
      double largest = 0;
      for (int64_t c = 0; c < width; ++c) {
        largest = std::max(largest, std::fabs(double(before[static_cast<size_t>(r * width + c)])));
      }
      for (int64_t c = 0; c < width; ++c) {
        const auto i = static_cast<size_t>(r * width + c);
        const double level = (g[i] / largest + 1) / 2 * n;  // 0 … n
        CHECK_NEAR(level, std::round(level), 1e-4);
        CHECK(level > -0.5 && level < n + 0.5);
        const double exact = (before[i] / largest + 1) / 2 * n;
        CHECK(std::fabs(level - exact) < 1 + 1e-4);
        if (std::fabs(before[i]) == largest) CHECK_NEAR(g[i], before[i], 1e-6 * largest);
      }
    }
  }
}

TEST(a_quantized_gradient_is_unbiased_with_the_variance_of_stochastic_rounding) {
  constexpr int kDraws = 40000;
  const std::vector<float> g = {1, -0.9f, 0.37f, 0.05f, -0.001f, -0.5f};
  for (const int bits : {1, 2, 4}) {
    std::vector<double> sum(g.size()), square(g.size());
    for (uint64_t draw = 0; draw < kDraws; ++draw) {
      std::vector<float> q = g;
      qat::quantize_gradient(q.data(), 1, static_cast<int64_t>(g.size()), bits,
                             qat::random_key(3, {draw}));
      for (size_t i = 0; i < g.size(); ++i) {
        sum[i] += q[i];
        square[i] += (double(q[i]) - g[i]) * (double(q[i]) - g[i]);
      }
    }
    const double step = 2 / (std::pow(2.0, bits) - 1);
    for (size_t i = 0; i < g.size(); ++i) {
      // Between two levels at share f of the step: variance f(1−f)·step².
      const double place = (g[i] + 1) / step, share = place - std::floor(place);
      const double variance = share * (1 - share) * step * step;
      CHECK_IN(std::fabs(sum[i] / kDraws - g[i]) <= 5 * std::sqrt(variance / kDraws) + 1e-7, i);
      CHECK_NEAR(square[i] / kDraws, variance, 0.04 * variance + 1e-9);
    }
  }
}

TEST(a_quantized_gradient_depends_on_its_key_alone) {
  const std::vector<float> g = random_values(64 * 300, 2);
  const auto quantized = [&](uint64_t seed, uint64_t layer, uint64_t step) {
    std::vector<float> q = g;
    qat::quantize_gradient(q.data(), 64, 300, 4, qat::random_key(seed, {layer, step}));
    return q;
  };
  qat::set_threads(1);
  const auto one = quantized(1, 2, 3);
  qat::set_threads(3);
  CHECK(quantized(1, 2, 3) == one);
  qat::set_threads(1);
  CHECK(quantized(1, 2, 4) != one);
  CHECK(quantized(1, 3, 2) != one);
  CHECK(quantized(2, 2, 3) != one);
}

TEST(a_gradient_of_zeros_stays_and_impossible_bits_are_refused) {
  std::vector<float> g = {0, 0, 0, 1, 2, 3};
  qat::quantize_gradient(g.data(), 2, 3, 2, 1);
  CHECK(g[0] == 0 && g[1] == 0 && g[2] == 0 && g[5] == 3);
  CHECK_THROWS(qat::quantize_gradient(g.data(), 2, 3, 0, 1), "E-NATIVE-ARGUMENT");
  CHECK_THROWS(qat::quantize_gradient(g.data(), 2, 3, 17, 1), "E-NATIVE-ARGUMENT");
}

TEST(counted_random_numbers_are_even_and_streams_differ) {
  constexpr int kCount = 200000, kBins = 64;
  const uint64_t key = qat::random_key(1, {2}), other = qat::random_key(1, {3});
  std::vector<int> bins(kBins);
  double products = 0, neighbours = 0;
  for (uint64_t i = 0; i < kCount; ++i) {
    const double u = qat::uniform_at(key, i);
    CHECK(u >= 0 && u < 1);
    ++bins[static_cast<size_t>(u * kBins)];
    products += (u - 0.5) * (qat::uniform_at(other, i) - 0.5);
    neighbours += (u - 0.5) * (qat::uniform_at(key, i + 1) - 0.5);
  }
  double chi2 = 0;
  for (const int n : bins) chi2 += std::pow(n - double(kCount) / kBins, 2) / (double(kCount) / kBins);
  CHECK(chi2 > 25 && chi2 < 120);  // 63 degrees of freedom: 5 deviations to either side
  // Sums of products of independent values: deviation √n/12.
  CHECK(std::fabs(products) < 5 * std::sqrt(double(kCount)) / 12);
  CHECK(std::fabs(neighbours) < 5 * std::sqrt(double(kCount)) / 12);
}
