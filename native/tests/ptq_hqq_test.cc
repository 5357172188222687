// HQQ against its own definition, min-max, and the unsigned grid.
#include <algorithm>
#include <cmath>

#include "ptq/hqq.h"
#include "ptq_test_util.h"
#include "runtime/thread_pool.h"

using namespace qat_test;  // NOLINT
using qat::HqqOptions;
using qat::HqqResult;

namespace {

double error_of(const std::vector<float>& weight, const std::vector<float>& values, double norm) {
  double sum = 0;
  for (size_t i = 0; i < weight.size(); ++i) {
    sum += std::pow(std::fabs(static_cast<double>(weight[i]) - values[i]), norm);
  }
  return sum;
}

// Weights with outliers: each is normal, one in sixteen is five times as large.
std::vector<float> heavy_values(int64_t n, uint64_t seed) {
  std::vector<float> values = random_values(n, seed, 0.02);
  for (size_t i = 0; i < values.size(); i += 16) values[i] *= 5;
  return values;
}

}  // namespace

TEST(ptq_hqq_lowers_its_norm_against_min_max_at_all_bits) {
  const int64_t rows = 20, cols = 200;
  for (const int64_t group : {64, 200, 7}) {
    for (int bits = 1; bits <= 8; ++bits) {
      const std::vector<float> weight = heavy_values(rows * cols, static_cast<uint64_t>(bits));
      const HqqResult result = qat::hqq(weight.data(), rows, cols, bits, group, {});
      const int64_t groups = (cols + group - 1) / group;
      CHECK_EQ(static_cast<int64_t>(result.scales.size()), rows * groups);
      std::vector<float> min_max(weight.size());
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t g = 0; g < groups; ++g) {
          const auto begin = weight.begin() + r * cols + g * group;
          const auto end = weight.begin() + r * cols + std::min(cols, (g + 1) * group);
          const double low = *std::min_element(begin, end), high = *std::max_element(begin, end);
          const double step = (high - low) / ((1 << bits) - 1);
          const auto s = static_cast<size_t>(r * groups + g);
          CHECK_NEAR(result.scales[s] / step, 1, 1e-6);
          for (auto w = begin; w != end; ++w) {
            const auto i = static_cast<size_t>(w - weight.begin());
            min_max[i] = static_cast<float>(std::nearbyint((*w - low) / step) * step + low);
            CHECK_EQ(result.dequantized[i],
                     (static_cast<float>(result.codes[i]) - result.zeros[s]) * result.scales[s]);
            CHECK(result.codes[i] < 1 << bits);
          }
        }
      }
      CHECK_NEAR(result.min_max_error / error_of(weight, min_max, 0.7), 1, 1e-3);
      CHECK_NEAR(result.error / error_of(weight, result.dequantized, 0.7), 1, 1e-9);
      CHECK_IN(result.error < 0.99 * result.min_max_error,
               "bits " << bits << " group " << group << " " << result.error / result.min_max_error);
    }
  }
}

TEST(ptq_hqq_comes_near_the_best_zero_of_a_fine_search) {
  const int64_t cols = 64;
  double found = 0, best_of_all = 0;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const std::vector<float> weight = heavy_values(cols, 50 + seed);
    const HqqResult result = qat::hqq(weight.data(), 1, cols, 3, cols, {});
    double best = result.min_max_error;
    for (double zero = -4; zero < 12; zero += 1.0 / 256) {
      double sum = 0;
      for (const float w : weight) {
        const double code =
            std::min(7.0, std::max(0.0, std::nearbyint(w / result.scales[0] + zero)));
        sum += std::pow(std::fabs(w - (code - zero) * result.scales[0]), 0.7);
      }
      best = std::min(best, sum);
    }
    CHECK_IN(result.error > best * 0.995, "seed " << seed);  // the search is that fine
    found += result.error;
    best_of_all += best;
  }
  CHECK_IN(found < 1.12 * best_of_all, found << " of " << best_of_all);
}

TEST(ptq_hqq_is_exact_where_a_group_has_few_values) {
  // Equal weights, zeros, and as many values as codes.
  const std::vector<float> weight = {0.3f, 0.3f, 0.3f, 0.3f, 0, 0, 0, 0, -1, 0, 1, 2};
  const HqqResult result = qat::hqq(weight.data(), 1, 12, 2, 4, {});
  CHECK(result.dequantized == weight);
  CHECK_EQ(result.error, 0.0);
  CHECK_EQ(result.min_max_error, 0.0);
}

TEST(ptq_hqq_with_integer_zeros_is_the_unsigned_grid) {
  const int64_t rows = 9, cols = 50, group = 16;
  const std::vector<float> weight = heavy_values(rows * cols, 3);
  HqqOptions options;
  options.integer_zeros = true;
  const HqqResult result = qat::hqq(weight.data(), rows, cols, 4, group, options);
  qat::Scales scales;
  scales.scales = result.scales;
  for (const float zero : result.zeros) scales.zero_points.push_back(static_cast<int32_t>(zero));
  const qat::QuantizerConfig config =
      config_of(4, qat::Grid::kUnsigned, qat::Granularity::kGroup, group);
  const qat::QuantizedWeight coded =
      qat::quantize_weight(weight.data(), rows, cols, config, scales);
  CHECK(qat::pack_codes(result.codes.data(), rows, cols, 4) == coded.packed);
  CHECK(result.dequantized == dequantized(coded));
  CHECK_NEAR(result.error / error_of(weight, result.dequantized, 0.7), 1, 1e-9);
}

TEST(ptq_hqq_refuses_what_makes_no_sense_and_can_be_cancelled) {
  const std::vector<float> weight = {1, 2, 3, 4};
  HqqOptions wrong[6];
  wrong[0].norm = 0;
  wrong[1].norm = 1.5;
  wrong[2].beta = 0;
  wrong[3].kappa = 0.5;
  wrong[4].iterations = -1;
  wrong[5].integer_zeros = true;  // with one bit
  for (const HqqOptions& options : wrong) {
    CHECK_THROWS(qat::hqq(weight.data(), 2, 2, 1, 2, options), "E-NATIVE-ARGUMENT");
  }
  CHECK_THROWS(qat::hqq(weight.data(), 2, 2, 9, 2, {}), "E-NATIVE-ARGUMENT");
  CHECK_THROWS(qat::hqq(weight.data(), 2, 2, 4, 0, {}), "E-NATIVE-ARGUMENT");
  qat::CancelToken cancel;
  qat::hqq(weight.data(), 2, 2, 4, 2, {}, &cancel);
  CHECK_EQ(cancel.progress(), 1.0);
  cancel.cancel();
  CHECK_THROWS(qat::hqq(weight.data(), 2, 2, 4, 2, {}, &cancel), "E-CANCELLED");
}

TEST(ptq_hqq_gives_the_same_bits_on_any_number_of_threads) {
  const int before = qat::thread_count();
  const std::vector<float> weight = heavy_values(30 * 90, 4);
  HqqResult results[2];
  for (const int run : {0, 1}) {
    qat::set_threads(run == 0 ? 1 : 3);
    results[run] = qat::hqq(weight.data(), 30, 90, 3, 32, {});
  }
  qat::set_threads(before);
  CHECK(results[0].codes == results[1].codes);
  CHECK(results[0].zeros == results[1].zeros);
  CHECK(results[0].error == results[1].error);
}
