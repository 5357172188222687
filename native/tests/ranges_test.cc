// Range estimators against closed forms, brute force and slow plain versions of themselves.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "quant/ranges/estimators.h"
#include "range_test_util.h"
#include "runtime/thread_pool.h"

using namespace qat_test;  // NOLINT
using qat::Grid;
using qat::Granularity;
using qat::QuantizerConfig;
using qat::RangeEstimator;
using qat::Scales;

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
      const double width = high - low;
      if (width > 0) CHECK_NEAR(estimate(x, config).scales[0], width / 15, 1e-6 * width);
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
    for (auto b = static_cast<size_t>(bins); b < counts.size(); ++b) {
      p.back() += static_cast<double>(counts[b]);
    }
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

TEST(lsq_plus_is_three_deviations_about_the_mean) {
  const std::vector<float> x = {1.0f, 3.0f, 1.0f, 3.0f};  // mean 2, deviation 1
  const auto is_signed = tensor_config(4, Grid::kSigned, RangeEstimator::kLsqPlus);
  CHECK_EQ(estimate(x, is_signed).scales[0], 0.625f);
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
