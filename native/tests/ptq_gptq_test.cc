// GPTQ against rounding, brute force over all codes, and column-by-column elimination of H⁻¹.
#include <algorithm>
#include <cmath>
#include <limits>

#include "ptq/gptq.h"
#include "ptq_test_util.h"
#include "runtime/thread_pool.h"

using namespace qat_test;  // NOLINT
using qat::GptqOptions;
using qat::GptqResult;
using qat::Granularity;
using qat::Grid;
using qat::SquareMatrix;
using qat::QuantizerConfig;

namespace {

SquareMatrix scaled_identity(int64_t n, double value) {
  SquareMatrix h(static_cast<size_t>(n * n), 0.0);
  for (int64_t i = 0; i < n; ++i) h[static_cast<size_t>(i * n + i)] = value;
  return h;
}

SquareMatrix damped(SquareMatrix h, int64_t n, double damping) {
  double mean = 0;
  for (int64_t i = 0; i < n; ++i) {
    mean += h[static_cast<size_t>(i * n + i)] / static_cast<double>(n);
  }
  for (int64_t i = 0; i < n; ++i) h[static_cast<size_t>(i * n + i)] += damping * mean;
  return h;
}

// Gauss-Jordan without pivoting: fine for a positive definite matrix.
SquareMatrix plain_inverse(SquareMatrix a, size_t n) {
  SquareMatrix inverse(n * n, 0.0);
  for (size_t i = 0; i < n; ++i) inverse[i * n + i] = 1;
  for (size_t p = 0; p < n; ++p) {
    const double pivot = a[p * n + p];
    for (size_t j = 0; j < n; ++j) {
      a[p * n + j] /= pivot;
      inverse[p * n + j] /= pivot;
    }
    for (size_t i = 0; i < n; ++i) {
      const double factor = a[i * n + p];
      if (i == p || factor == 0) continue;
      for (size_t j = 0; j < n; ++j) {
        a[i * n + j] -= factor * a[p * n + j];
        inverse[i * n + j] -= factor * inverse[p * n + j];
      }
    }
  }
  return inverse;
}

// The same method without Cholesky or blocks: after each column its row and column are eliminated
// from H⁻¹ (Frantar et al. 2022, Optimal Brain Compression). One scale for all.
std::vector<float> by_elimination(const std::vector<float>& weight, size_t rows, size_t cols,
                                  const SquareMatrix& h, const QuantizerConfig& config,
                                  const qat::Scales& scales) {
  SquareMatrix inverse = plain_inverse(h, cols);
  std::vector<double> work(weight.begin(), weight.end());
  std::vector<float> result(weight.size());
  for (size_t i = 0; i < cols; ++i) {
    for (size_t r = 0; r < rows; ++r) {
      const auto value = static_cast<float>(work[r * cols + i]);
      const float q = dequantized(qat::quantize_weight(&value, 1, 1, config, scales))[0];
      result[r * cols + i] = q;
      const double error = (work[r * cols + i] - q) / inverse[i * cols + i];
      for (size_t j = i; j < cols; ++j) work[r * cols + j] -= error * inverse[i * cols + j];
    }
    const SquareMatrix before = inverse;
    for (size_t a = i + 1; a < cols; ++a) {
      for (size_t b = i + 1; b < cols; ++b) {
        inverse[a * cols + b] -=
            before[a * cols + i] * before[i * cols + b] / before[i * cols + i];
      }
    }
  }
  return result;
}

}  // namespace

TEST(ptq_gptq_with_a_diagonal_hessian_rounds_to_nearest_exactly) {
  const int64_t rows = 37, cols = 300;
  const std::vector<float> weight = random_values(rows * cols, 1, 0.05);
  const QuantizerConfig configs[] = {
      config_of(4, Grid::kSigned, Granularity::kTensor),
      config_of(2, Grid::kNarrow, Granularity::kChannel),
      config_of(3, Grid::kUnsigned, Granularity::kGroup, 7),
      config_of(8, Grid::kSigned, Granularity::kGroup, 150, qat::RangeEstimator::kAbsMax),
      config_of(4, Grid::kUnsigned, Granularity::kGroup, 128, qat::RangeEstimator::kLsq),
      config_of(1, Grid::kBinary, Granularity::kGroup, 64),
      config_of(3, Grid::kMidrise, Granularity::kChannel),
      config_of(2, Grid::kTernary, Granularity::kTensor, 0, qat::RangeEstimator::kTwn),
      config_of(2, Grid::kTernary, Granularity::kGroup, 9, qat::RangeEstimator::kTtq),
  };
  for (const QuantizerConfig& config : configs) {
    for (const bool static_groups : {false, true}) {
      for (const bool act_order : {false, true}) {
        // Equal diagonals: act-order keeps the columns where they are.
        const GptqResult result = qat::gptq(weight.data(), rows, cols, scaled_identity(cols, 3),
                                            config, {0.01, act_order, static_groups});
        const qat::QuantizedWeight nearest = round_to_nearest(weight, rows, cols, config);
        CHECK_IN(result.weight.packed == nearest.packed, "bits " << config.bits);
        CHECK(result.weight.scales.scales == nearest.scales.scales);
        CHECK(result.weight.scales.zero_points == nearest.scales.zero_points);
        CHECK(result.dequantized == dequantized(nearest));
      }
    }
  }
}

TEST(ptq_gptq_is_the_elimination_of_one_column_after_the_other) {
  const int64_t rows = 16, cols = 150;  // more than a block
  const std::vector<float> weight = random_values(rows * cols, 2);
  const QuantizerConfig config = config_of(3, Grid::kSigned, Granularity::kTensor);
  const SquareMatrix h = random_hessian(cols, 400, 3);
  const GptqResult result = qat::gptq(weight.data(), rows, cols, h, config, {});
  const std::vector<float> expected =
      by_elimination(weight, static_cast<size_t>(rows), static_cast<size_t>(cols),
                     damped(h, cols, 0.01), config, result.weight.scales);
  // Float against double: a weight near a tie may round the other way, and then its row goes on
  // differently.
  int64_t rows_that_differ = 0;
  for (int64_t r = 0; r < rows; ++r) {
    rows_that_differ += !std::equal(expected.begin() + r * cols, expected.begin() + (r + 1) * cols,
                                    result.dequantized.begin() + r * cols);
  }
  CHECK_IN(rows_that_differ <= 1, "rows that differ " << rows_that_differ);
}

TEST(ptq_gptq_lies_between_the_best_codes_and_rounding) {
  const int64_t rows = 8, cols = 4;
  const QuantizerConfig config = config_of(2, Grid::kSigned, Granularity::kChannel);
  double gptq_error = 0, nearest_error = 0, best_error = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const std::vector<float> weight = random_values(rows * cols, 100 + seed);
    const SquareMatrix h = random_hessian(cols, 32, 1000 + 3 * seed);
    const GptqResult result =
        qat::gptq(weight.data(), rows, cols, h, config, {0.0, seed % 2 == 1, false});
    const double error = qat::output_error(weight.data(), result.dequantized.data(), rows, cols, h);
    double best = 0;
    for (int64_t r = 0; r < rows; ++r) {
      const std::vector<float> row(weight.begin() + r * cols, weight.begin() + (r + 1) * cols);
      best += best_row_error(row, levels_of(result.weight, r), h);
    }
    CHECK_IN(error >= best * (1 - 1e-9), "seed " << seed);
    best_error += best;
    gptq_error += error;
    const std::vector<float> nearest = dequantized(round_to_nearest(weight, rows, cols, config));
    nearest_error += qat::output_error(weight.data(), nearest.data(), rows, cols, h);
  }
  CHECK_IN(gptq_error < 0.8 * nearest_error, gptq_error << " of " << nearest_error);
  CHECK_IN(gptq_error < 1.8 * best_error, gptq_error << " of " << best_error);
}

TEST(ptq_gptq_reports_the_output_error_as_its_loss) {
  const int64_t rows = 40, cols = 200;
  const std::vector<float> weight = random_values(rows * cols, 5);
  const SquareMatrix h = random_hessian(cols, 500, 6);
  for (const bool act_order : {false, true}) {
    const GptqResult result =
        qat::gptq(weight.data(), rows, cols, h,
                  config_of(3, Grid::kUnsigned, Granularity::kGroup, 32), {0.05, act_order, false});
    const double expected = qat::output_error(weight.data(), result.dequantized.data(), rows, cols,
                                              damped(h, cols, 0.05));
    CHECK_NEAR(result.loss / expected, 1, 1e-4);
  }
}

TEST(ptq_gptq_act_order_says_which_group_each_column_is_in) {
  const int64_t rows = 5, cols = 21, group = 4;
  const std::vector<float> weight = random_values(rows * cols, 7);
  const SquareMatrix h = random_hessian(cols, 100, 8);
  const QuantizerConfig config = config_of(4, Grid::kUnsigned, Granularity::kGroup, group);
  const GptqResult result = qat::gptq(weight.data(), rows, cols, h, config, {0.01, true, false});
  CHECK_EQ(result.g_idx.size(), static_cast<size_t>(cols));
  const std::vector<uint8_t> codes =
      qat::unpack_codes(result.weight.packed.data(), rows, cols, config.bits);
  for (int64_t c = 0; c < cols; ++c) {
    const auto group_of_c = static_cast<size_t>(result.g_idx[static_cast<size_t>(c)]);
    // Groups are runs of the descending diagonal.
    int64_t larger = 0;
    for (int64_t other = 0; other < cols; ++other) {
      larger += h[static_cast<size_t>(other * cols + other)] > h[static_cast<size_t>(c * cols + c)];
    }
    CHECK_EQ(static_cast<int64_t>(group_of_c), larger / group);
    for (int64_t r = 0; r < rows; ++r) {
      const size_t s = static_cast<size_t>(r) * 6 + group_of_c;
      const auto i = static_cast<size_t>(r * cols + c);
      CHECK_EQ(result.dequantized[i],
               static_cast<float>(codes[i] - result.weight.scales.zero_points[s]) *
                   result.weight.scales.scales[s]);
    }
  }
  // Static groups stay where QuantizedWeight has them.
  const GptqResult with_static =
      qat::gptq(weight.data(), rows, cols, h, config, {0.01, true, true});
  CHECK(with_static.g_idx.empty());
  CHECK(with_static.dequantized == dequantized(with_static.weight));
  CHECK(with_static.weight.scales.scales ==
        round_to_nearest(weight, rows, cols, config).scales.scales);
}

TEST(ptq_gptq_gives_columns_without_input_the_value_zero) {
  const int64_t rows = 3, cols = 6;
  std::vector<float> x = random_values(50 * cols, 9);
  for (int64_t s = 0; s < 50; ++s) x[static_cast<size_t>(s * cols + 2)] = 0;
  qat::Hessian hessian(cols);
  hessian.add(x.data(), 50);
  const std::vector<float> weight = random_values(rows * cols, 10);
  for (const Grid grid : {Grid::kSigned, Grid::kUnsigned}) {
    for (const bool act_order : {false, true}) {
      const GptqResult result =
          qat::gptq(weight.data(), rows, cols, hessian.value(),
                    config_of(3, grid, Granularity::kGroup, 2), {0.01, act_order, false});
      for (int64_t r = 0; r < rows; ++r) {
        CHECK_EQ(result.dequantized[static_cast<size_t>(r * cols + 2)], 0.0f);
      }
    }
  }
  // No input at all: nothing to spread, plain zeros.
  const GptqResult nothing = qat::gptq(weight.data(), rows, cols, scaled_identity(cols, 0),
                                       config_of(4, Grid::kSigned, Granularity::kTensor), {});
  CHECK(nothing.dequantized == std::vector<float>(weight.size(), 0.0f));
}

TEST(ptq_gptq_needs_damping_where_inputs_do_not_span_the_space) {
  const int64_t rows = 2, cols = 12;
  const std::vector<float> weight = random_values(rows * cols, 11), x = random_values(4 * cols, 12);
  qat::Hessian hessian(cols);
  hessian.add(x.data(), 4);  // rank 4
  SquareMatrix h = hessian.value();
  const QuantizerConfig config = config_of(4, Grid::kSigned, Granularity::kChannel);
  h[1] += 10;  // and no longer a sum of squares
  h[static_cast<size_t>(cols)] += 10;
  CHECK_THROWS(qat::gptq(weight.data(), rows, cols, h, config, {0.0, false, false}),
               "E-NATIVE-ARGUMENT");
  CHECK(qat::gptq(weight.data(), rows, cols, hessian.value(), config, {}).loss > 0);
  h[0] = -1;
  CHECK_THROWS(qat::gptq(weight.data(), rows, cols, h, config, {}), "E-NATIVE-ARGUMENT");
  CHECK_THROWS(qat::gptq(weight.data(), rows, cols, SquareMatrix(3), config, {}),
               "E-NATIVE-ARGUMENT");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS(qat::gptq(weight.data(), rows, cols, hessian.value(), config, {nan, false, false}),
               "E-NATIVE-ARGUMENT");
}

TEST(ptq_gptq_gives_the_same_bits_on_any_number_of_threads_and_can_be_cancelled) {
  const int before = qat::thread_count();
  const int64_t rows = 100, cols = 140;
  const std::vector<float> weight = random_values(rows * cols, 13);
  const SquareMatrix h = random_hessian(cols, 300, 14);
  const QuantizerConfig config = config_of(3, Grid::kUnsigned, Granularity::kGroup, 20);
  GptqResult results[2];
  qat::CancelToken cancel;
  for (const int run : {0, 1}) {
    qat::set_threads(run == 0 ? 1 : 3);
    results[run] = qat::gptq(weight.data(), rows, cols, h, config, {0.01, true, false}, &cancel);
  }
  qat::set_threads(before);
  CHECK(results[0].weight.packed == results[1].weight.packed);
  CHECK(results[0].weight.scales.scales == results[1].weight.scales.scales);
  CHECK(results[0].loss == results[1].loss);
  CHECK_EQ(cancel.progress(), 1.0);
  cancel.cancel();
  CHECK_THROWS(qat::gptq(weight.data(), rows, cols, h, config, {}, &cancel), "E-CANCELLED");
}
