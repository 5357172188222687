// Range estimators against closed forms, brute force and slow plain versions of themselves.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "kernel_test_util.h"
#include "quant/error_measures.h"
#include "quant/range.h"
#include "quant/ranges/estimators.h"
#include "runtime/thread_pool.h"

using namespace qat_test;  // NOLINT
using qat::Grid;
using qat::Granularity;
using qat::QuantizerConfig;
using qat::RangeEstimator;
using qat::Scales;

namespace {

constexpr double kPi = 3.14159265358979323846;

QuantizerConfig tensor_config(int bits, Grid grid, RangeEstimator range) {
  QuantizerConfig config;
  config.bits = bits;
  config.grid = grid;
  config.granularity = Granularity::kTensor;
  config.range = range;
  return config;
}

std::vector<float> normal_values(int64_t n, uint64_t seed, double mean = 0) {
  std::vector<float> x(static_cast<size_t>(n));
  fill_normal(x, n, seed);
  for (float& v : x) v += static_cast<float>(mean);
  return x;
}

Scales estimate(const std::vector<float>& x, const QuantizerConfig& config) {
  return qat::estimate_scales(x.data(), 1, static_cast<int64_t>(x.size()), config);
}

double mse_of(const std::vector<float>& x, const QuantizerConfig& config, const Scales& scales) {
  return qat::quantization_error(x.data(), 1, static_cast<int64_t>(x.size()), config, scales).mse;
}

// n quantiles, (i + ½)/n, of a symmetric distribution given the quantile of an upper tail.
std::vector<float> quantiles(int64_t n, const std::function<double(double)>& of_tail) {
  std::vector<float> x;
  for (int64_t i = n / 2; i < n; ++i) {
    const double z = of_tail((static_cast<double>(n - i) - 0.5) / static_cast<double>(n));
    x.push_back(static_cast<float>(z));
    x.push_back(static_cast<float>(-z));
  }
  return x;
}

double normal_quantile(double tail) {
  double z = 0;
  for (int round = 0; round < 60; ++round) {  // Newton from the left: no overshoot
    const double density = std::exp(-0.5 * z * z) / std::sqrt(2 * kPi);
    const double step = (0.5 * std::erfc(z / std::sqrt(2.0)) - tail) / density;
    z += step;
    if (std::fabs(step) < 1e-12) break;
  }
  return z;
}

double laplace_quantile(double tail) { return -std::log(2 * tail) / std::sqrt(2.0); }

// Points of equal weight, each for a cell of 1/n of the distribution. What they miss is the spread
// within the cells, of which the outermost matters: beyond the clip c the values of the last cell,
// from z on, lie at z + b·ln 2 in the sample and at z + Exp(b) in truth (b = 1/√2), which costs
// 2/n·(2(z − c)·b·(1 − ln 2) + about 1) more. For 2^23 points at 8 bits, where that weighs most,
// 6e-7 of 3.01e-4, or 0.009 dB; the tail of a Gaussian ends sooner, and 2^20 do. The bound is
// 0.02 dB; there is no noise of a random sample in it.
const std::vector<float>& gaussian() {
  static const std::vector<float> x = quantiles(int64_t{1} << 20, normal_quantile);
  return x;
}
const std::vector<float>& laplace() {
  static const std::vector<float> x = quantiles(int64_t{1} << 23, laplace_quantile);
  return x;
}

double sqnr_of_estimate(const std::vector<float>& x, const QuantizerConfig& config) {
  return qat::quantization_error(x.data(), 1024, static_cast<int64_t>(x.size()) / 1024, config,
                                 qat::estimate_scales(x.data(), 1024,
                                                      static_cast<int64_t>(x.size()) / 1024, config))
      .sqnr_db;
}

}  // namespace

TEST(mse_search_reaches_the_optimum_of_known_distributions) {
  // Optimal uniform quantizers by quadrature; the Gaussian mid-rise column is that of Max (1960).
  struct Optimum {
    bool is_laplace;
    Grid grid;
    int bits;
    double sqnr_db;
  };
  const Optimum table[] = {
      {false, Grid::kBinary, 1, 4.40},   {false, Grid::kMidrise, 2, 9.25},
      {false, Grid::kMidrise, 3, 14.27}, {false, Grid::kMidrise, 4, 19.38},
      {false, Grid::kMidrise, 5, 24.57}, {false, Grid::kMidrise, 6, 29.83},
      {false, Grid::kMidrise, 8, 40.57}, {false, Grid::kSigned, 2, 8.26},
      {false, Grid::kSigned, 3, 13.91},  {false, Grid::kSigned, 4, 19.26},
      {false, Grid::kSigned, 5, 24.53},  {false, Grid::kSigned, 6, 29.82},
      {false, Grid::kSigned, 8, 40.57},  {false, Grid::kNarrow, 2, 7.21},
      {false, Grid::kNarrow, 3, 13.29},  {false, Grid::kNarrow, 4, 18.90},
      {false, Grid::kNarrow, 5, 24.33},  {false, Grid::kNarrow, 6, 29.71},
      {false, Grid::kNarrow, 8, 40.54},  {false, Grid::kTernary, 2, 7.21},
      {true, Grid::kBinary, 1, 3.01},    {true, Grid::kMidrise, 2, 7.07},
      {true, Grid::kMidrise, 3, 11.44},  {true, Grid::kMidrise, 4, 15.96},
      {true, Grid::kMidrise, 5, 20.60},  {true, Grid::kMidrise, 6, 25.36},
      {true, Grid::kMidrise, 8, 35.21},  {true, Grid::kSigned, 2, 6.84},
      {true, Grid::kSigned, 3, 11.43},   {true, Grid::kSigned, 4, 15.98},
      {true, Grid::kSigned, 5, 20.61},   {true, Grid::kSigned, 6, 25.36},
      {true, Grid::kSigned, 8, 35.21},
  };
  for (const Optimum& o : table) {
    const std::vector<float>& x = o.is_laplace ? laplace() : gaussian();
    const double db = sqnr_of_estimate(x, tensor_config(o.bits, o.grid, RangeEstimator::kMse));
    CHECK_IN(std::fabs(db - o.sqnr_db) <= 0.02, (o.is_laplace ? "Laplace, " : "Gaussian, ")
                                                     << o.bits << " bits, grid "
                                                     << static_cast<int>(o.grid) << ": " << db
                                                     << " dB for " << o.sqnr_db);
  }
}

TEST(ternary_reaches_the_optimum_of_known_distributions) {
  const auto config = tensor_config(2, Grid::kTernary, RangeEstimator::kMse);
  const Scales g = estimate(gaussian(), config), l = estimate(laplace(), config);
  CHECK_NEAR(g.thresholds[0], 0.6121, 5e-4);
  CHECK_NEAR(g.scales[0], 1.2240, 5e-4);
  CHECK_NEAR(mse_of(gaussian(), config, g), 0.1902, 1e-4);
  CHECK_NEAR(l.thresholds[0], 1 / std::sqrt(2.0), 2e-3);  // mean|x|
  CHECK_NEAR(mse_of(laplace(), config, l), 0.2642, 1e-4);
  const auto twn = tensor_config(2, Grid::kTernary, RangeEstimator::kTwn);
  CHECK_NEAR(mse_of(gaussian(), twn, estimate(gaussian(), twn)), 0.19162, 1e-4);
  CHECK_NEAR(mse_of(laplace(), twn, estimate(laplace(), twn)), 0.2824, 1e-4);
}

TEST(ternary_threshold_equals_brute_force) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    std::vector<float> x = normal_values(1 + static_cast<int64_t>(seed % 24), seed);
    if (seed % 3 == 0) for (float& v : x) v = std::round(v * 2) / 2;  // ties and zeros
    const auto config = tensor_config(2, Grid::kTernary, RangeEstimator::kMse);
    const double found = mse_of(x, config, estimate(x, config)) * static_cast<double>(x.size());
    double best = std::numeric_limits<double>::infinity();
    for (const float least : x) {  // every set of kept values is those of at least some value
      double sum = 0, count = 0, error = 0;
      for (const float v : x) {
        if (std::fabs(v) < std::fabs(least)) continue;
        sum += std::fabs(v);
        ++count;
      }
      const double level = sum / count;
      for (const float v : x) {
        const double d = std::fabs(v) < std::fabs(least) ? std::fabs(v) : std::fabs(v) - level;
        error += d * d;
      }
      best = std::min(best, error);
    }
    CHECK_IN(std::fabs(found - best) <= 1e-5 * best + 1e-9, seed << ": " << found << ", " << best);
  }
}

TEST(ttq_starts_at_the_means_of_both_sides) {
  const std::vector<float> x = {-4.0f, -1.0f, -0.1f, 0.0f, 0.2f, 0.21f, 3.0f};
  const auto config = tensor_config(2, Grid::kTernary, RangeEstimator::kTtq);
  const Scales s = estimate(x, config);
  CHECK_EQ(s.thresholds[0], 0.2f);  // 0.05 · 4: 0.2 itself is not beyond it
  CHECK_NEAR(s.scales[0], (0.21 + 3) / 2, 1e-6);
  CHECK_NEAR(s.negative_scales[0], 2.5, 1e-6);
  const Scales positive = estimate({1.0f, 2.0f}, config);
  CHECK(positive.negative_scales[0] == positive.scales[0]);
}

TEST(percentile_is_that_of_the_sorted_values) {
  for (const int64_t n : {int64_t{1}, int64_t{7}, int64_t{1000}, int64_t{70001}}) {
    const std::vector<float> x = normal_values(n, 5);
    std::vector<float> sorted = x, magnitudes = x;
    for (float& v : magnitudes) v = std::fabs(v);
    std::sort(sorted.begin(), sorted.end());
    std::sort(magnitudes.begin(), magnitudes.end());
    const auto at = [](const std::vector<float>& from, double p) {
      const double h = p / 100 * (static_cast<double>(from.size()) - 1);
      const auto low = static_cast<size_t>(h);
      const double next = from[std::min(low + 1, from.size() - 1)];
      return from[low] + (h - std::floor(h)) * (next - from[low]);
    };
    for (const double p : {50.0, 99.0, 99.9, 100.0}) {
      auto config = tensor_config(4, Grid::kSigned, RangeEstimator::kPercentile);
      config.percentile = p;
      const double reach = at(magnitudes, p);
      CHECK_NEAR(estimate(x, config).scales[0], reach / 7, 1e-6 * reach);
      config.grid = Grid::kMidrise;
      CHECK_NEAR(estimate(x, config).scales[0], reach / 7.5, 1e-6 * reach);
      config.grid = Grid::kUnsigned;
      const double low = std::min(at(sorted, 100 - p), 0.0), high = std::max(at(sorted, p), 0.0);
      if (high > low) CHECK_NEAR(estimate(x, config).scales[0], (high - low) / 15, 1e-6 * (high - low));
    }
  }
}

TEST(mostly_zero_values_fall_back_to_the_largest) {
  std::vector<float> x(5000, 0.0f);
  x[17] = -3.5f;
  const auto config = tensor_config(4, Grid::kSigned, RangeEstimator::kPercentile);
  CHECK_EQ(estimate(x, config).scales[0], 0.5f);
}

TEST(lp_search_is_close_to_brute_force) {
  for (const int64_t n : {int64_t{100}, int64_t{4000}}) {
    for (const double norm : {1.0, 2.4, 4.0}) {
      for (const Grid grid : {Grid::kSigned, Grid::kMidrise}) {
        std::vector<float> x = normal_values(n, 77);
        x[3] = 9.0f;
        auto config = tensor_config(3, grid, RangeEstimator::kLp);
        config.norm = norm;
        const double offset = grid == Grid::kMidrise ? 0.5 : 0;
        const auto error_of = [&](double scale) {
          double sum = 0;
          for (const float v : x) {
            const double q = std::clamp(std::nearbyint(v / scale - offset), -4.0, 3.0) + offset;
            sum += std::pow(std::fabs(v - q * scale), norm);
          }
          return sum;
        };
        double best = std::numeric_limits<double>::infinity();
        for (int i = 1; i <= 3000; ++i) best = std::min(best, error_of(3.0 * i / 3000.0));
        const double found = error_of(estimate(x, config).scales[0]);
        CHECK_IN(found <= best * 1.02, n << " values, norm " << norm << ": " << found << " for "
                                         << best);
      }
    }
  }
}

TEST(lp_of_norm_2_is_mse) {
  const std::vector<float> x = normal_values(3000, 4);
  auto config = tensor_config(4, Grid::kSigned, RangeEstimator::kMse);
  const Scales mse = estimate(x, config);
  config.range = RangeEstimator::kLp;
  config.norm = 2;
  CHECK(estimate(x, config).scales == mse.scales);
}

namespace {

// The algorithm as it is told: P and Q as arrays, every candidate from the start.
int64_t plain_kl_bins(std::vector<int64_t> counts, int64_t levels) {
  counts[0] = counts[1];
  const auto all = static_cast<int64_t>(counts.size());
  double least = std::numeric_limits<double>::infinity();
  int64_t best = 0;
  for (int64_t bins = std::max<int64_t>(128, levels); bins <= all; ++bins) {
    std::vector<double> p(counts.begin(), counts.begin() + bins), q(static_cast<size_t>(bins), 0.0);
    for (int64_t b = bins; b < all; ++b) p.back() += static_cast<double>(counts[static_cast<size_t>(b)]);
    for (int64_t level = 0; level < levels; ++level) {
      double mass = 0, filled = 0;
      for (int64_t b = 0; b < bins; ++b) {
        if (b * levels / bins != level || counts[static_cast<size_t>(b)] == 0) continue;
        mass += static_cast<double>(counts[static_cast<size_t>(b)]);
        ++filled;
      }
      for (int64_t b = 0; b < bins; ++b) {
        if (b * levels / bins != level || counts[static_cast<size_t>(b)] == 0) continue;
        q[static_cast<size_t>(b)] = mass / filled;
      }
    }
    double p_sum = 0, q_sum = 0, divergence = 0;
    for (size_t b = 0; b < p.size(); ++b) {
      p_sum += p[b];
      q_sum += q[b];
    }
    for (size_t b = 0; b < p.size(); ++b) {
      if (p[b] > 0) divergence += p[b] / p_sum * std::log(p[b] / p_sum / (q[b] / q_sum));
    }
    if (divergence <= least + 1e-13) {
      least = std::min(least, divergence);
      best = bins;
    }
  }
  return best;
}

}  // namespace

TEST(kl_equals_its_plain_form) {
  for (const int64_t levels : {int64_t{2}, int64_t{8}, int64_t{128}}) {
    for (uint64_t seed = 1; seed <= 4; ++seed) {
      qat::Rng rng(seed);
      std::vector<int64_t> counts(400, 0);
      const double width = 30.0 + 40.0 * static_cast<double>(seed);
      for (int i = 0; i < 20000; ++i) {
        const double at = std::fabs(rng.normal()) * width;
        if (at < 399) ++counts[static_cast<size_t>(at)];
      }
      counts[399] = 1;
      counts[0] += 5000;  // the spike of exact zeros
      CHECK_EQ(qat::kl_bins(counts, levels), plain_kl_bins(counts, levels));
    }
  }
}

TEST(kl_clips_a_lone_outlier) {
  std::vector<float> x = normal_values(60000, 3);
  x[5] = 40.0f;
  const auto config = tensor_config(8, Grid::kSigned, RangeEstimator::kKl);
  const double reach = static_cast<double>(estimate(x, config).scales[0]) * 127;
  CHECK_IN(reach > 2.5 && reach < 10, "reach " << reach);
}

TEST(aciq_clips_at_the_minimum_of_its_model) {
  // The model integrated and minimised in the plainest way.
  const auto lowest = [](double cells, const std::function<double(double)>& density) {
    double best = 1e300, at = 0;
    for (double clip = 0.5; clip < 12; clip += 0.01) {
      double error = clip * clip / (3 * cells * cells);
      for (double x = clip; x < clip + 25; x += 0.005) {
        const double middle = x + 0.0025 - clip;
        error += 2 * 0.005 * middle * middle * density(x + 0.0025);
      }
      if (error < best) {
        best = error;
        at = clip;
      }
    }
    return at;
  };
  for (const double cells : {4.0, 15.0, 256.0}) {
    CHECK_NEAR(qat::gaussian_clip(cells),
               lowest(cells, [](double x) { return std::exp(-x * x / 2) / std::sqrt(2 * kPi); }),
               0.02);
    CHECK_NEAR(qat::laplace_clip(cells), lowest(cells, [](double x) { return std::exp(-x) / 2; }),
               0.02);
  }
}

TEST(aciq_takes_the_distribution_that_fits) {
  const auto config = tensor_config(4, Grid::kSigned, RangeEstimator::kAciq);
  CHECK_NEAR(estimate(gaussian(), config).scales[0], 2 * qat::gaussian_clip(16) / 16, 1e-4);
  CHECK_NEAR(estimate(laplace(), config).scales[0],
             2 * qat::laplace_clip(16) / 16 / std::sqrt(2.0), 1e-4);
  // Half of a Gaussian behind a ReLU: its cells on one side alone, whatever the number of zeros.
  std::vector<float> relu = gaussian();
  for (float& v : relu) v = std::max(v, 0.0f);
  const float scale = qat::estimate_activation_scale(
      relu.data(), static_cast<int64_t>(relu.size()), 4, false, RangeEstimator::kAciq);
  CHECK_NEAR(scale, qat::gaussian_clip(32) * (1 - 0.5 / 16) / 15, 1e-3);
}

TEST(the_lsq_start_is_as_far_from_the_optimum_as_known) {
  // Squared error of s = 2·mean|x|/√qmax on a unit Gaussian, by quadrature.
  for (const auto& [bits, mse] : {std::pair<int, double>{2, 0.22099}, {3, 0.07106}, {4, 0.03032},
                                  {8, 0.001671}}) {
    const auto config = tensor_config(bits, Grid::kSigned, RangeEstimator::kLsq);
    CHECK_NEAR(mse_of(gaussian(), config, estimate(gaussian(), config)), mse, 2e-3 * mse);
  }
}

TEST(lsq_plus_is_three_deviations_about_the_mean) {
  const std::vector<float> x = {1.0f, 3.0f, 1.0f, 3.0f};  // mean 2, deviation 1
  CHECK_EQ(estimate(x, tensor_config(4, Grid::kSigned, RangeEstimator::kLsqPlus)).scales[0], 0.625f);
  const Scales s = estimate(normal_values(20000, 8, 5.0),
                            tensor_config(4, Grid::kUnsigned, RangeEstimator::kLsqPlus));
  CHECK_NEAR(s.scales[0], 8.0 / 15, 0.02);  // 0 … 5 + 3
  CHECK_EQ(s.zero_points[0], 0);
}

TEST(moving_average_follows_the_ends_of_sixteen_batches) {
  std::vector<float> x(32);
  double low = 0, high = 0;
  for (size_t b = 0; b < 16; ++b) {
    x[2 * b] = -1.0f - static_cast<float>(b % 3);
    x[2 * b + 1] = 1.0f + static_cast<float>(b % 5);
    low = b == 0 ? x[0] : 0.9 * low + 0.1 * x[2 * b];
    high = b == 0 ? x[1] : 0.9 * high + 0.1 * x[2 * b + 1];
  }
  const float is_signed = qat::estimate_activation_scale(x.data(), 32, 4, true,
                                                         RangeEstimator::kMovingAverage);
  CHECK_NEAR(is_signed, std::max(-low, high) / 7, 1e-6);
  const float is_unsigned = qat::estimate_activation_scale(x.data(), 32, 4, false,
                                                           RangeEstimator::kMovingAverage);
  CHECK_NEAR(is_unsigned, high / 15, 1e-6);
}

TEST(estimators_refuse_what_they_do_not_fit) {
  const std::vector<float> x = {1.0f, 2.0f};
  for (const RangeEstimator range : {RangeEstimator::kTwn, RangeEstimator::kTtq}) {
    CHECK_THROWS(estimate(x, tensor_config(4, Grid::kSigned, range)), "E-QUANTIZER-INVALID");
    CHECK_THROWS(qat::estimate_activation_scale(x.data(), 2, 4, true, range),
                 "E-QUANTIZER-INVALID");
  }
  const auto average = tensor_config(4, Grid::kSigned, RangeEstimator::kMovingAverage);
  CHECK_THROWS(estimate(x, average), "E-QUANTIZER-INVALID");
  CHECK_THROWS(estimate(x, tensor_config(3, Grid::kTernary, RangeEstimator::kMse)),
               "E-QUANTIZER-INVALID");
  auto lp = tensor_config(4, Grid::kSigned, RangeEstimator::kLp);
  lp.norm = std::nan("");
  CHECK_THROWS(estimate(x, lp), "E-QUANTIZER-INVALID");
  auto percentile = tensor_config(4, Grid::kSigned, RangeEstimator::kPercentile);
  percentile.percentile = 101;
  CHECK_THROWS(estimate(x, percentile), "E-QUANTIZER-INVALID");
}

TEST(with_bits_is_legal_at_every_width) {
  for (const qat::RangeRow& row : qat::range_rows) {
    for (const Grid grid : {Grid::kSigned, Grid::kNarrow, Grid::kUnsigned, Grid::kBinary,
                            Grid::kMidrise, Grid::kTernary}) {
      const int own = grid == Grid::kBinary ? 1 : 2;
      if (!row.for_weights || (row.ternary_only && grid != Grid::kTernary)) continue;
      for (int bits = 1; bits <= 8; ++bits) {
        qat::validate(with_bits(tensor_config(own, grid, row.value), bits));  // throws otherwise
      }
      const QuantizerConfig same = with_bits(tensor_config(own, grid, row.value), own);
      CHECK(same.grid == grid && same.range == row.value);
    }
  }
}

TEST(every_estimator_is_legal_and_the_same_on_any_number_of_threads) {
  const int threads = qat::thread_count();
  const std::vector<float> plain = normal_values(70 * 1100, 5, 0.3);
  const float big = std::numeric_limits<float>::max() / 4;
  const float tiny = std::numeric_limits<float>::denorm_min();
  for (const std::vector<float>& x :
       {plain, std::vector<float>(70 * 3, 0.0f), std::vector<float>(70 * 3, tiny),
        std::vector<float>(70 * 3, -big)}) {
    const auto cols = static_cast<int64_t>(x.size()) / 70;
    for (const qat::RangeRow& row : qat::range_rows) {
      for (const Granularity granularity : {Granularity::kTensor, Granularity::kGroup}) {
        for (const Grid grid : {Grid::kUnsigned, Grid::kMidrise, Grid::kTernary}) {
          auto config = tensor_config(2, grid, row.value);
          if (!row.for_weights || (row.ternary_only && grid != Grid::kTernary)) continue;
          config.granularity = granularity;
          config.group_size = 500;
          qat::set_threads(1);
          const Scales one = qat::estimate_scales(x.data(), 70, cols, config);
          qat::set_threads(3);
          const Scales three = qat::estimate_scales(x.data(), 70, cols, config);
          qat::validate_scales(config, qat::scale_layout(config, 70, cols), one);
          CHECK_IN(one.scales == three.scales && one.zero_points == three.zero_points &&
                       one.thresholds == three.thresholds &&
                       one.negative_scales == three.negative_scales,
                   row.id);
          CHECK_IN(std::isfinite(
                       qat::quantization_error(x.data(), 70, cols, config, one).mse), row.id);
        }
      }
    }
  }
  qat::set_threads(threads);
}
