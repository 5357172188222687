// Bias correction, equalisation and batch-norm folding: the layers compute what they should.
#include <algorithm>
#include <cmath>

#include "ptq/batch_norm_folding.h"
#include "ptq/bias_correction.h"
#include "ptq/equalization.h"
#include "ptq_test_util.h"

using namespace qat_test;  // NOLINT
using qat::EqualizedLayer;

namespace {

using Doubles = std::vector<double>;

// y = W·x + b
Doubles linear(const std::vector<float>& weight, const std::vector<float>& bias, const Doubles& x) {
  Doubles y;
  for (size_t r = 0; r < bias.size(); ++r) {
    double sum = bias[r];
    for (size_t c = 0; c < x.size(); ++c) sum += weight[r * x.size() + c] * x[c];
    y.push_back(sum);
  }
  return y;
}

Doubles relu(Doubles x) {
  for (double& v : x) v = std::max(v, 0.0);
  return x;
}

double largest_row(const std::vector<float>& weight, size_t cols, size_t row) {
  double most = 0;
  for (size_t c = 0; c < cols; ++c) {
    most = std::max(most, std::fabs(static_cast<double>(weight[row * cols + c])));
  }
  return most;
}

// Weights whose rows differ in size by up to a factor of a million.
std::vector<float> uneven_values(int64_t rows, int64_t cols, uint64_t seed) {
  std::vector<float> values = random_values(rows * cols, seed);
  for (size_t i = 0; i < values.size(); ++i) {
    const auto row = static_cast<double>(i / static_cast<size_t>(cols));
    values[i] *= static_cast<float>(std::pow(10.0, 6 * row / static_cast<double>(rows) - 3));
  }
  return values;
}

}  // namespace

TEST(ptq_bias_correction_takes_the_mean_error_out) {
  const int64_t rows = 7, cols = 30, samples = 200;
  const std::vector<float> weight = random_values(rows * cols, 1);
  const std::vector<float> quantized = random_values(rows * cols, 2);
  const std::vector<float> bias = random_values(rows, 3), x = random_values(samples * cols, 4);
  std::vector<float> mean(static_cast<size_t>(cols));
  for (size_t c = 0; c < mean.size(); ++c) {
    double sum = 0;
    for (size_t s = 0; s < samples; ++s) sum += x[s * mean.size() + c];
    mean[c] = static_cast<float>(sum / samples);
  }
  std::vector<float> corrected = bias;
  qat::correct_bias(weight.data(), quantized.data(), rows, cols, mean.data(), corrected.data());
  // Over the samples the two layers now agree in the mean, and before they did not.
  Doubles off(static_cast<size_t>(rows), 0.0), off_before = off;
  for (size_t s = 0; s < samples; ++s) {
    const Doubles sample(x.begin() + static_cast<int64_t>(s) * cols,
                         x.begin() + static_cast<int64_t>(s + 1) * cols);
    const Doubles y = linear(weight, bias, sample), q = linear(quantized, corrected, sample);
    const Doubles plain = linear(quantized, bias, sample);
    for (size_t r = 0; r < off.size(); ++r) {
      off[r] += (q[r] - y[r]) / samples;
      off_before[r] += (plain[r] - y[r]) / samples;
    }
  }
  for (size_t r = 0; r < off.size(); ++r) {
    CHECK_NEAR(off[r], 0, 1e-5);
    CHECK(std::fabs(off_before[r]) > 1e-3);
  }
}

TEST(ptq_equalized_layers_compute_the_same_and_have_equal_ranges) {
  const int64_t in = 6, hidden = 8, positions = 3, out = 5;  // each channel feeds three columns
  std::vector<float> w1 = uneven_values(hidden, in, 1), b1 = random_values(hidden, 2);
  std::vector<float> w2 = random_values(out * hidden * positions, 3), b2 = random_values(out, 4);
  const std::vector<float> w1_before = w1, b1_before = b1, w2_before = w2, b2_before = b2;
  const qat::Equalization result =
      qat::equalize({{w1.data(), hidden, in, b1.data()},
                     {w2.data(), out, hidden * positions, b2.data()}});
  CHECK(b2 == b2_before);
  CHECK(w1 != w1_before);
  CHECK(result.sweeps <= 2);  // two layers are equal at once
  const auto network = [&](const std::vector<float>& first, const std::vector<float>& first_bias,
                           const std::vector<float>& second, const Doubles& x) {
    Doubles spread;
    for (const double v : relu(linear(first, first_bias, x))) {
      for (int64_t p = 0; p < positions; ++p) spread.push_back(v * static_cast<double>(p + 1));
    }
    return linear(second, b2, spread);
  };
  for (uint64_t seed = 10; seed < 20; ++seed) {
    const std::vector<float> sample = random_values(in, seed);
    const Doubles x(sample.begin(), sample.end());
    const Doubles before = network(w1_before, b1_before, w2_before, x);
    const Doubles after = network(w1, b1, w2, x);
    double size = 0;
    for (const double v : before) size = std::max(size, std::fabs(v));
    for (size_t r = 0; r < before.size(); ++r) CHECK_NEAR(after[r], before[r], 1e-5 * size);
  }
  for (size_t channel = 0; channel < static_cast<size_t>(hidden); ++channel) {
    double second = 0;
    for (size_t r = 0; r < static_cast<size_t>(out); ++r) {
      for (size_t p = 0; p < static_cast<size_t>(positions); ++p) {
        const size_t i = (r * static_cast<size_t>(hidden) + channel) * positions + p;
        second = std::max(second, std::fabs(static_cast<double>(w2[i])));
      }
    }
    CHECK_NEAR(largest_row(w1, static_cast<size_t>(in), channel) / second, 1, 1e-5);
  }
}

TEST(ptq_a_chain_is_equalized_until_it_rests) {
  const int64_t n = 6;
  std::vector<float> w[3] = {uneven_values(n, n, 1), random_values(n * n, 2),
                             uneven_values(n, n, 3)};
  std::vector<float> b[3] = {random_values(n, 4), random_values(n, 5), random_values(n, 6)};
  const std::vector<float> w_before[3] = {w[0], w[1], w[2]}, b_before[2] = {b[0], b[1]};
  std::vector<EqualizedLayer> layers;
  for (int i = 0; i < 3; ++i) layers.push_back({w[i].data(), n, n, i < 2 ? b[i].data() : nullptr});
  const qat::Equalization result = qat::equalize(layers);
  CHECK(result.sweeps > 2);
  CHECK(result.sweeps < 1000);
  for (uint64_t seed = 10; seed < 15; ++seed) {
    const std::vector<float> sample = random_values(n, seed);
    const Doubles x(sample.begin(), sample.end());
    const Doubles before =
        linear(w_before[2], b[2], relu(linear(w_before[1], b_before[1],
                                              relu(linear(w_before[0], b_before[0], x)))));
    const Doubles after = linear(w[2], b[2], relu(linear(w[1], b[1], relu(linear(w[0], b[0], x)))));
    double size = 0;
    for (const double v : before) size = std::max(size, std::fabs(v));
    for (size_t r = 0; r < before.size(); ++r) CHECK_NEAR(after[r], before[r], 1e-5 * size);
  }
  const std::vector<float> rested = w[1];
  qat::equalize(layers);  // nothing is left to do
  for (size_t i = 0; i < rested.size(); ++i) {
    CHECK_NEAR(w[1][i], rested[i], 1e-5 * std::fabs(rested[i]));
  }
}

TEST(ptq_equalisation_leaves_dead_channels_and_refuses_what_does_not_fit) {
  std::vector<float> w1 = {0, 0, 2, 2}, w2 = {3, 1, 3, 1}, b1 = {5, 5};
  qat::equalize({{w1.data(), 2, 2, b1.data()}, {w2.data(), 2, 2, nullptr}});
  CHECK_EQ(b1[0], 5.0f);
  CHECK_EQ(w2[0], 3.0f);
  CHECK_NEAR(w1[2], std::sqrt(2.0), 1e-6);
  CHECK_NEAR(w2[1], std::sqrt(2.0), 1e-6);
  CHECK_THROWS(qat::equalize({{w1.data(), 2, 2, nullptr}}), "E-WEIGHT-SHAPE");
  CHECK_THROWS(qat::equalize({{w1.data(), 2, 2, nullptr}, {w2.data(), 4, 1, nullptr}}),
               "E-WEIGHT-SHAPE");
  // A bias next to which the weights are nothing.
  std::vector<float> tiny = {1e-36f, 1e-36f, 1, 1}, huge = {1e30f, 1, 1e30f, 1}, b = {1e10f, 0};
  const std::vector<float> tiny_before = tiny;
  CHECK_THROWS(qat::equalize({{tiny.data(), 2, 2, b.data()}, {huge.data(), 2, 2, nullptr}}),
               "E-NATIVE-ARGUMENT");
  CHECK(tiny == tiny_before);
  qat::CancelToken cancel;
  cancel.cancel();
  CHECK_THROWS(qat::equalize({{w1.data(), 2, 2, nullptr}, {w2.data(), 2, 2, nullptr}}, &cancel),
               "E-CANCELLED");
}

TEST(ptq_a_folded_batch_norm_gives_the_output_of_convolution_and_norm) {
  const int64_t out = 4, in = 3, kernel = 3, cols = in * kernel, width = 9;  // in one dimension
  std::vector<float> weight = random_values(out * cols, 1), bias = random_values(out, 2);
  const std::vector<float> gamma = random_values(out, 3), beta = random_values(out, 4);
  const std::vector<float> mean = random_values(out, 5), x = random_values(in * width, 6);
  std::vector<float> variance = random_values(out, 7);
  for (float& v : variance) v *= v;
  const auto convolve = [&](const std::vector<float>& w, const std::vector<float>& b) {
    Doubles y;
    for (int64_t o = 0; o < out; ++o) {
      for (int64_t p = 0; p + kernel <= width; ++p) {
        double sum = b[static_cast<size_t>(o)];
        for (int64_t i = 0; i < in; ++i) {
          for (int64_t k = 0; k < kernel; ++k) {
            sum += static_cast<double>(w[static_cast<size_t>(o * cols + i * kernel + k)]) *
                   x[static_cast<size_t>(i * width + p + k)];
          }
        }
        y.push_back(sum);
      }
    }
    return y;
  };
  Doubles expected = convolve(weight, bias);
  const size_t positions = expected.size() / static_cast<size_t>(out);
  for (size_t i = 0; i < expected.size(); ++i) {
    const size_t c = i / positions;
    expected[i] =
        gamma[c] * (expected[i] - mean[c]) / std::sqrt(variance[c] + 1e-3) + beta[c];
  }
  qat::FoldedBatchNorm norm{gamma.data(), beta.data(), mean.data(), variance.data(), 1e-3};
  qat::fold_batch_norm(weight.data(), bias.data(), out, cols, norm);
  const Doubles folded = convolve(weight, bias);
  for (size_t i = 0; i < folded.size(); ++i) {
    CHECK_NEAR(folded[i], expected[i], 1e-5 * (1 + std::fabs(expected[i])));
  }
  variance[2] = -1;
  const std::vector<float> before = weight;
  CHECK_THROWS(qat::fold_batch_norm(weight.data(), bias.data(), out, cols, norm),
               "E-NATIVE-ARGUMENT");
  CHECK(weight == before);
}
