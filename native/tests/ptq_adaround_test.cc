// AdaRound: its gradient against central differences, its rounding against brute force.
#include <algorithm>
#include <cmath>

#include "ptq/adaround.h"
#include "ptq/gptq.h"
#include "ptq/soft_rounding.h"
#include "ptq_test_util.h"
#include "runtime/thread_pool.h"

using namespace qat_test;  // NOLINT
using qat::AdaRoundOptions;
using qat::AdaRoundResult;
using qat::Granularity;
using qat::Grid;
using qat::SquareMatrix;
using qat::QuantizerConfig;

namespace {

double soft(double v) {
  return std::min(1.0, std::max(0.0, 1.2 / (1 + std::exp(-v)) - 0.1));
}

// The objective of one row by its definition, in double.
double objective_of_row(const std::vector<double>& v, const float* weight, const float* low,
                        const float* high, const SquareMatrix& h, double lambda, double beta) {
  const size_t n = v.size();
  std::vector<double> d(n);
  double norm = 0, pull = 0;
  for (size_t c = 0; c < n; ++c) {
    const double step = static_cast<double>(high[c]) - low[c];
    d[c] = low[c] + step * soft(v[c]) - weight[c];
    norm += step * step * h[c * n + c] / 2 / static_cast<double>(n);
    pull += 1 - std::pow(std::fabs(2 * soft(v[c]) - 1), beta);
  }
  return row_error(d, h) / norm + lambda * pull;
}

AdaRoundResult round_with(const std::vector<float>& weight, int64_t rows, int64_t cols,
                          const SquareMatrix& h, const QuantizerConfig& config,
                          const qat::CancelToken* cancel = nullptr) {
  const qat::Scales scales = qat::estimate_scales(weight.data(), rows, cols, config);
  return qat::adaround(weight.data(), rows, cols, h, config, scales, {}, cancel);
}

}  // namespace

TEST(ptq_rounding_choices_are_the_levels_around_each_weight) {
  const int64_t rows = 6, cols = 40;
  const std::vector<float> weight = random_values(rows * cols, 1);
  const QuantizerConfig configs[] = {
      config_of(2, Grid::kSigned, Granularity::kChannel),
      config_of(3, Grid::kUnsigned, Granularity::kGroup, 16),
      config_of(4, Grid::kNarrow, Granularity::kTensor, 0, qat::RangeEstimator::kAbsMax),
      config_of(1, Grid::kBinary, Granularity::kChannel),
      config_of(3, Grid::kMidrise, Granularity::kChannel),
      config_of(2, Grid::kTernary, Granularity::kTensor, 0, qat::RangeEstimator::kTwn),
      config_of(2, Grid::kTernary, Granularity::kGroup, 9, qat::RangeEstimator::kTtq),
  };
  for (const QuantizerConfig& config : configs) {
    const qat::QuantizedWeight nearest = round_to_nearest(weight, rows, cols, config);
    const std::vector<float> values = dequantized(nearest);
    const qat::RoundingChoices choices =
        qat::rounding_choices(weight.data(), rows, cols, config, nearest.scales);
    int64_t fixed = 0;
    for (size_t i = 0; i < weight.size(); ++i) {
      const float low = choices.low[i], high = choices.high[i];
      if (high == low) {
        ++fixed;
        CHECK_EQ(low, values[i]);
        continue;
      }
      CHECK(low - 1e-6f <= weight[i] && weight[i] <= high + 1e-6f);
      const bool nearest_is_low = std::fabs(low - weight[i]) < std::fabs(high - weight[i]);
      // The thresholds of TWN and TTQ are not halfway between the levels.
      const bool halfway = config.grid != Grid::kTernary;
      if (halfway) CHECK_EQ(values[i], nearest_is_low ? low : high);
      CHECK(values[i] == low || values[i] == high);
    }
    CHECK_IN(fixed < rows * cols * 3 / 4, "fixed " << fixed << " at bits " << config.bits);
  }
}

TEST(ptq_soft_rounding_and_its_inverse_cover_the_whole_range) {
  for (const float share : {0.0f, 0.1f, 0.5f, 0.77f, 1.0f}) {
    CHECK_NEAR(qat::soft_rounding(qat::soft_rounding_inverse(share)), share, 1e-6);
  }
  CHECK_EQ(qat::soft_rounding(-5), 0.0f);
  CHECK_EQ(qat::soft_rounding(5), 1.0f);
}

TEST(ptq_the_gradient_of_adaround_is_that_of_its_objective) {
  const int64_t rows = 3, cols = 17;
  const auto n = static_cast<size_t>(cols);
  const std::vector<float> weight = random_values(rows * cols, 2);
  const SquareMatrix h = random_hessian(cols, 60, 3);
  const std::vector<float> h_float(h.begin(), h.end());
  const QuantizerConfig config = config_of(3, Grid::kUnsigned, Granularity::kGroup, 5);
  const qat::Scales scales = qat::estimate_scales(weight.data(), rows, cols, config);
  const qat::RoundingChoices choices =
      qat::rounding_choices(weight.data(), rows, cols, config, scales);
  const std::vector<float> v = random_values(rows * cols, 4, 1.5);
  for (const double lambda : {0.0, 0.3}) {
    const double beta = 3.5;
    qat::RoundingObjective objective(weight.data(), choices, h_float.data(), 0, rows, cols);
    std::vector<float> gradient(v.size());
    objective.gradient(v.data(), lambda, beta, gradient.data());
    for (size_t r = 0; r < static_cast<size_t>(rows); ++r) {
      std::vector<double> row(v.begin() + static_cast<int64_t>(r * n),
                              v.begin() + static_cast<int64_t>((r + 1) * n));
      const auto value = [&] {
        return objective_of_row(row, weight.data() + r * n, choices.low.data() + r * n,
                                choices.high.data() + r * n, h, lambda, beta);
      };
      for (size_t c = 0; c < n; ++c) {
        const double at = row[c], step = 1e-5;
        row[c] = at + step;
        const double above = value();
        row[c] = at - step;
        const double below = value();
        row[c] = at;
        CHECK_NEAR(gradient[r * n + c], (above - below) / (2 * step), 2e-4);
      }
    }
  }
}

TEST(ptq_adaround_lies_between_the_best_rounding_and_the_nearest) {
  const int64_t rows = 8, cols = 4;
  const QuantizerConfig config = config_of(2, Grid::kSigned, Granularity::kChannel);
  double loss = 0, nearest_loss = 0, best_loss = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const std::vector<float> weight = random_values(rows * cols, 300 + seed);
    const SquareMatrix h = random_hessian(cols, 32, 4000 + 3 * seed);
    const AdaRoundResult result = round_with(weight, rows, cols, h, config);
    double best = 0;
    for (int64_t r = 0; r < rows; ++r) {
      const std::vector<float> row(weight.begin() + r * cols, weight.begin() + (r + 1) * cols);
      best += best_row_error(row, levels_of(result.weight, r), h);
    }
    CHECK_IN(result.loss >= best * (1 - 1e-9), "seed " << seed);
    CHECK(result.loss <= result.nearest_loss);
    CHECK_NEAR(qat::output_error(weight.data(), result.dequantized.data(), rows, cols, h) /
                   result.loss, 1, 1e-9);
    CHECK(result.dequantized == dequantized(result.weight));
    loss += result.loss;
    nearest_loss += result.nearest_loss;
    best_loss += best;
  }
  CHECK_IN(loss < 0.7 * nearest_loss, loss << " of " << nearest_loss);
  CHECK_IN(loss < 1.4 * best_loss, loss << " of " << best_loss);
}

TEST(ptq_adaround_beats_gptq_where_inputs_hang_together) {
  const int64_t rows = 16, cols = 96;
  for (const int bits : {2, 4}) {
    const std::vector<float> weight = random_values(rows * cols, 5, 0.05);
    const SquareMatrix h = random_hessian(cols, 300, 6);
    const QuantizerConfig config = config_of(bits, Grid::kSigned, Granularity::kChannel);
    const AdaRoundResult result = round_with(weight, rows, cols, h, config);
    const qat::GptqResult columns = qat::gptq(weight.data(), rows, cols, h, config, {});
    const double by_columns =
        qat::output_error(weight.data(), columns.dequantized.data(), rows, cols, h);
    CHECK_IN(result.loss < by_columns && by_columns < result.nearest_loss,
             result.loss << ", " << by_columns << ", " << result.nearest_loss);
  }
}

TEST(ptq_adaround_without_inputs_rounds_to_nearest) {
  const int64_t rows = 4, cols = 30;
  const std::vector<float> weight = random_values(rows * cols, 7);
  for (const int bits : {1, 3}) {
    const QuantizerConfig config = config_of(bits, bits == 1 ? Grid::kBinary : Grid::kUnsigned,
                                             Granularity::kChannel);
    const AdaRoundResult result = round_with(
        weight, rows, cols, SquareMatrix(static_cast<size_t>(cols * cols), 0.0), config);
    CHECK(result.weight.packed == round_to_nearest(weight, rows, cols, config).packed);
    CHECK_EQ(result.loss, 0.0);
  }
}

TEST(ptq_adaround_gives_the_same_bits_on_any_number_of_threads_and_can_be_cancelled) {
  const int before = qat::thread_count();
  const int64_t rows = 70, cols = 33;
  const std::vector<float> weight = random_values(rows * cols, 8);
  const SquareMatrix h = random_hessian(cols, 100, 9);
  const QuantizerConfig config = config_of(3, Grid::kSigned, Granularity::kGroup, 8);
  qat::CancelToken cancel;
  AdaRoundResult results[2];
  for (const int run : {0, 1}) {
    qat::set_threads(run == 0 ? 1 : 3);
    results[run] = round_with(weight, rows, cols, h, config, &cancel);
  }
  qat::set_threads(before);
  CHECK(results[0].weight.packed == results[1].weight.packed);
  CHECK(results[0].loss == results[1].loss);
  CHECK_EQ(cancel.progress(), 1.0);
  cancel.cancel();
  CHECK_THROWS(round_with(weight, rows, cols, h, config, &cancel), "E-CANCELLED");
}

TEST(ptq_adaround_refuses_options_without_sense) {
  const std::vector<float> weight = {0.1f, 0.2f};
  const QuantizerConfig config = config_of(4, Grid::kSigned, Granularity::kTensor);
  const qat::Scales scales = qat::estimate_scales(weight.data(), 1, 2, config);
  const SquareMatrix h = {1, 0, 0, 1};
  AdaRoundOptions wrong[6];
  wrong[0].iterations = 0;
  wrong[1].learning_rate = 0;
  wrong[2].lambda = -1;
  wrong[3].warm_start = 1;
  wrong[4].beta_end = 0.5;
  wrong[5].beta_start = 1.5;
  for (const AdaRoundOptions& options : wrong) {
    CHECK_THROWS(qat::adaround(weight.data(), 1, 2, h, config, scales, options),
                 "E-NATIVE-ARGUMENT");
  }
  CHECK_THROWS(qat::adaround(weight.data(), 1, 2, {1}, config, scales, {}), "E-NATIVE-ARGUMENT");
}
