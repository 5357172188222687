// Range estimators on distributions whose optimal quantizers are known.
#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "quant/ranges/estimators.h"
#include "range_test_util.h"

using namespace qat_test;  // NOLINT
using qat::Grid;
using qat::QuantizerConfig;
using qat::RangeEstimator;
using qat::Scales;

namespace {

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
  const int64_t rows = 1024, cols = static_cast<int64_t>(x.size()) / rows;
  const Scales scales = qat::estimate_scales(x.data(), rows, cols, config);
  return qat::quantization_error(x.data(), rows, cols, config, scales).sqnr_db;
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
