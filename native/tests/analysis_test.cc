// Statistics, percentiles, error measures and the analysis as a whole.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernel_test_util.h"
#include "quant/analysis.h"
#include "quant/percentiles.h"
#include "quant/range.h"
#include "runtime/thread_pool.h"

using namespace qat_test;  // NOLINT
using qat::AnalyzeOptions;
using qat::Granularity;
using qat::Grid;
using qat::RangeEstimator;

namespace {

std::vector<float> normal_values(int64_t n, uint64_t seed, double deviation = 1.0) {
  std::vector<float> x(static_cast<size_t>(n));
  fill_normal(x, n, seed, deviation);
  return x;
}

AnalyzeOptions options_of(int bits, Grid grid, Granularity granularity, RangeEstimator range) {
  AnalyzeOptions options;
  options.config.bits = bits;
  options.config.grid = grid;
  options.config.granularity = granularity;
  options.config.group_size = 24;
  options.config.range = range;
  return options;
}

int64_t total(const std::vector<int64_t>& counts) {
  return std::accumulate(counts.begin(), counts.end(), int64_t{0});
}

}  // namespace

TEST(statistics_of_a_small_array_are_exact) {
  const std::vector<float> x = {1, 2, 2, 0, -4, 5};
  const qat::Statistics s = qat::compute_statistics(x.data(), 6, {0, 50, 90, 100});
  CHECK_EQ(s.count, int64_t{6});
  CHECK_EQ(s.min, -4.0);
  CHECK_EQ(s.abs_max, 5.0);
  CHECK_NEAR(s.mean, 1.0, 1e-15);
  CHECK_NEAR(s.std, std::sqrt(44.0 / 6), 1e-14);
  CHECK_NEAR(s.abs_mean, 14.0 / 6, 1e-15);
  CHECK_NEAR(s.zero_share, 1.0 / 6, 1e-15);
  const double m3 = (0 + 1 + 1 - 1 - 125 + 64) / 6.0, m2 = 44.0 / 6;
  const double m4 = (0 + 1 + 1 + 1 + 625 + 256) / 6.0;
  CHECK_NEAR(s.skewness, m3 / std::pow(m2, 1.5), 1e-13);
  CHECK_NEAR(s.kurtosis_excess, m4 / (m2 * m2) - 3, 1e-13);
  CHECK_EQ(s.percentiles[0].value, -4.0);
  CHECK_EQ(s.percentiles[1].value, 1.5);
  CHECK_NEAR(s.percentiles[2].value, 3.5, 1e-14);
  CHECK_EQ(s.percentiles[3].value, 5.0);
}

TEST(a_far_mean_does_not_spoil_the_shape) {
  std::vector<float> x = normal_values(100000, 5, 0.01);
  for (float& v : x) v += 1000.0f;
  for (size_t i = 0; i < 4096; ++i) x[i] = 0.0f;  // the first guess of the mean is far off
  double mean = 0, m2 = 0, m4 = 0;
  for (const float v : x) mean += v / 1e5;
  for (const float v : x) {
    m2 += (v - mean) * (v - mean) / 1e5;
    m4 += std::pow(v - mean, 4.0) / 1e5;
  }
  const qat::Statistics s = qat::compute_statistics(x.data(), 100000, {});
  CHECK_NEAR(s.mean / mean, 1.0, 1e-12);
  CHECK_NEAR(s.std / std::sqrt(m2), 1.0, 1e-9);
  CHECK_NEAR((s.kurtosis_excess + 3) / (m4 / (m2 * m2)), 1.0, 1e-8);
  const std::vector<float> constant(1000, 0.3f);
  const qat::Statistics flat = qat::compute_statistics(constant.data(), 1000, {50});
  CHECK(flat.std < 1e-8 && flat.skewness == 0 && flat.kurtosis_excess == 0);
  CHECK_EQ(flat.percentiles[0].value, static_cast<double>(0.3f));
}

TEST(percentiles_of_large_arrays_equal_sorting) {
  for (const int kind : {0, 1, 2}) {
    const int64_t n = 70001;
    std::vector<float> x = normal_values(n, 12);
    if (kind == 1) std::fill(x.begin(), x.end(), -1.25f);
    if (kind == 2) {
      for (size_t i = 0; i < x.size(); ++i) x[i] = i % 3 ? 0.0f : (i % 2 ? -1e-40f : 3e38f);
    }
    std::vector<float> sorted = x;
    std::sort(sorted.begin(), sorted.end());
    const std::vector<double> wanted = {0, 0.1, 1, 33.3, 50, 99.9, 100};
    const qat::Statistics s = qat::compute_statistics(x.data(), n, wanted);
    for (const qat::Percentile& p : s.percentiles) {
      const double at = p.p / 100 * static_cast<double>(n - 1);
      const size_t low = static_cast<size_t>(at), high = std::min(low + 1, sorted.size() - 1);
      const double a = sorted[low], b = sorted[high];
      CHECK_IN(p.value == a + (b - a) * (at - static_cast<double>(low)), kind << " at " << p.p);
    }
  }
  const float one = 1;
  CHECK_THROWS(qat::compute_statistics(&one, 1, {101}), "E-NATIVE-ARGUMENT");
  CHECK_THROWS(qat::compute_statistics(&one, 0, {}), "E-NATIVE-ARGUMENT");
}

TEST(percentiles_from_a_histogram_equal_those_by_selection) {
  const int64_t n = 200003;
  for (const int kind : {0, 1, 2, 3}) {
    std::vector<float> x = normal_values(n, 12);
    if (kind == 1) x[7] = 1e6f;                                   // all but one in a few bins
    if (kind == 2) for (float& v : x) v = std::round(v * 20.0f);  // values on the edges of bins
    if (kind == 3) for (float& v : x) v = 1000.0f + 1e-3f * v;
    const auto ends = std::minmax_element(x.begin(), x.end());
    qat::ValueRange range = qat::histogram_range(*ends.first, *ends.second);
    const std::vector<double> wanted = {0, 0.1, 1, 25, 33.3, 50, 99.9, 100};
    const auto expected = qat::compute_percentiles(x.data(), n, wanted, nullptr);
    for (const double cut : {0.0, 0.1}) {  // of a part only: no help, but no harm
      range.low += cut;
      const qat::Histogram h = qat::compute_histogram(x.data(), n, range, 2048);
      const auto found = qat::compute_percentiles(x.data(), n, h, wanted, nullptr);
      for (size_t i = 0; i < wanted.size(); ++i) {
        CHECK_IN(found[i].value == expected[i].value, kind << " at " << wanted[i]);
      }
      if (kind == 3) break;
    }
  }
}

TEST(error_measures_follow_their_definitions) {
  const std::vector<float> x = {0.4f, 0.6f, -1.6f, 5.0f};
  auto options = options_of(2, Grid::kSigned, Granularity::kTensor, RangeEstimator::kAbsMax);
  qat::Scales s;
  s.scales = {1.0f};
  const auto e = qat::quantization_error(x.data(), 1, 4, options.config, s);  // 0, 1, -2, 1
  const double e2 = 0.16 + 0.16 + 0.16 + 16, x2 = 0.16 + 0.36 + 2.56 + 25;
  CHECK_NEAR(e.mse, e2 / 4, 1e-6);
  CHECK_NEAR(e.sqnr_db, 10 * std::log10(x2 / e2), 1e-6);
  CHECK_NEAR(e.cosine, (0.6 + 3.2 + 5) / std::sqrt(x2 * 6), 1e-6);
  CHECK_EQ(e.max_error, 4.0);
  CHECK_EQ(e.clipped_share, 0.25);
  CHECK_EQ(e.codes_used, int64_t{3});
  CHECK_EQ(e.codes_total, int64_t{4});
  CHECK_NEAR(e.code_entropy_bits, 1.5, 1e-12);
  CHECK_EQ(e.packed_bytes, int64_t{1 + 4});
  CHECK_EQ(e.effective_bits, 10.0);
  options.config.grid = Grid::kUnsigned;
  s.zero_points = {1};
  CHECK_EQ(qat::quantization_error(x.data(), 1, 4, options.config, s).packed_bytes, int64_t{9});
  const std::vector<float> exact = {1.0f, -2.0f};
  s.zero_points.clear();
  options.config.grid = Grid::kSigned;
  CHECK(qat::quantization_error(exact.data(), 1, 2, options.config, s).exact);
}

TEST(what_if_is_consistent_with_itself) {
  const int64_t rows = 37, cols = 100;
  const std::vector<float> x = normal_values(rows * cols, 4);
  for (const Granularity granularity :
       {Granularity::kTensor, Granularity::kChannel, Granularity::kGroup}) {
    for (const int bits : {1, 2, 5, 8}) {
      auto options = options_of(bits, bits == 1 ? Grid::kBinary : Grid::kSigned, granularity,
                                RangeEstimator::kMse);
      const qat::WhatIf w = qat::what_if(x.data(), rows, cols, options);
      const qat::Scales s = qat::estimate_scales(x.data(), rows, cols, options.config);
      const auto detail = qat::measure_error(x.data(), rows, cols, options.config, s, true);
      CHECK_EQ(total(w.code_counts), rows * cols);
      CHECK(w.code_counts == detail.code_counts);
      CHECK_NEAR(w.error.mse, detail.sums.e2 / static_cast<double>(rows * cols), 1e-12);
      CHECK_EQ(w.row_sqnr.size(), static_cast<size_t>(rows));
      CHECK_EQ(w.levels.values.size(), static_cast<size_t>(1 << bits));
      CHECK(std::is_sorted(w.levels.values.begin(), w.levels.values.end()));
      CHECK(w.levels.scale_min <= w.levels.scale && w.levels.scale <= w.levels.scale_max);
      CHECK_EQ(w.levels.row < 0, granularity == Granularity::kTensor);
      CHECK_EQ(w.levels.group < 0, granularity != Granularity::kGroup);
      // Σ count * mean error over the bins is the sum of all errors.
      const qat::Histogram h = qat::compute_histogram(
          x.data(), rows * cols,
          qat::histogram_range(*std::min_element(x.begin(), x.end()),
                               *std::max_element(x.begin(), x.end())),
          options.exact_bins);
      const auto drawn = qat::drawn_counts(h.counts, options.drawn_bins);
      CHECK_EQ(total(drawn), rows * cols);
      double by_bins = 0, by_elements = 0;
      for (size_t b = 0; b < drawn.size(); ++b) {
        by_bins += static_cast<double>(drawn[b]) * w.mean_error_by_bin[b];
      }
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t c = 0; c < cols; ++c) {
          const qat::ScaleLayout layout = qat::scale_layout(options.config, rows, cols);
          const float scale = s.scales[static_cast<size_t>(
              r * layout.row_stride + (layout.row_stride ? c / layout.group_cols : 0))];
          const float v = x[static_cast<size_t>(r * cols + c)];
          const float q = std::clamp(std::nearbyintf(v / scale), -static_cast<float>(1 << bits) / 2,
                                     static_cast<float>(1 << bits) / 2 - 1);
          const float y = bits == 1 ? (v >= 0 ? scale : -scale) : q * scale;
          by_elements += static_cast<double>(y) - static_cast<double>(v);
        }
      }
      CHECK_NEAR(by_bins, by_elements, 1e-9);
    }
  }
}

TEST(quantized_histogram_is_the_same_by_levels_and_by_elements) {
  // Wide rows are binned by their levels, narrow ones by their elements: split rows must agree.
  const int64_t rows = 3, cols = 2048;
  const std::vector<float> x = normal_values(rows * cols, 14);
  auto wide = options_of(4, Grid::kSigned, Granularity::kTensor, RangeEstimator::kAbsMax);
  wide.range = qat::ValueRange{-3.0, 2.5};
  qat::Scales s;
  s.scales = {0.31f};
  wide.scales = s;
  const qat::WhatIf by_levels = qat::what_if(x.data(), rows, cols, wide);
  const qat::WhatIf by_elements = qat::what_if(x.data(), rows * 4, cols / 4, wide);
  CHECK(by_levels.quantized_counts == by_elements.quantized_counts);
  for (size_t b = 0; b < by_levels.mean_error_by_bin.size(); ++b) {
    CHECK_NEAR(by_levels.mean_error_by_bin[b], by_elements.mean_error_by_bin[b], 1e-12);
  }
}

TEST(analysis_agrees_with_its_parts_and_any_thread_count) {
  const int threads = qat::thread_count();
  const int64_t rows = 70, cols = 1200;
  const std::vector<float> x = normal_values(rows * cols, 4);
  for (const Granularity granularity :
       {Granularity::kTensor, Granularity::kChannel, Granularity::kGroup}) {
    for (const Grid grid : {Grid::kSigned, Grid::kUnsigned}) {
      const auto options = options_of(4, grid, granularity, RangeEstimator::kMse);
      qat::set_threads(1);
      const qat::Analysis one = qat::analyze(x.data(), rows, cols, options);
      const qat::WhatIf on_one = qat::what_if(x.data(), rows, cols, options);
      qat::set_threads(3);
      const qat::Analysis three = qat::analyze(x.data(), rows, cols, options);
      const qat::WhatIf on_three = qat::what_if(x.data(), rows, cols, options);
      CHECK_EQ(one.by_bits.size(), size_t{8});
      for (size_t b = 0; b < 8; ++b) {
        CHECK_EQ(one.by_bits[b].bits, static_cast<int>(b) + 1);
        CHECK_EQ(one.by_bits[b].mse, three.by_bits[b].mse);
        CHECK(b == 0 || one.by_bits[b].mse < one.by_bits[b - 1].mse);
        auto config = qat::with_bits(options.config, static_cast<int>(b) + 1);
        const qat::Scales s = qat::estimate_scales(x.data(), rows, cols, config);
        const auto e = qat::quantization_error(x.data(), rows, cols, config, s);
        CHECK_NEAR(one.by_bits[b].mse / e.mse, 1.0, 1e-12);
        CHECK_EQ(one.by_bits[b].codes_used, e.codes_used);
        CHECK_EQ(one.by_bits[b].packed_bytes, e.packed_bytes);
      }
      CHECK(one.histogram.counts == three.histogram.counts);
      CHECK_NEAR(one.by_bits[3].mse / on_one.error.mse, 1.0, 1e-12);
      CHECK(on_one.mean_error_by_bin == on_three.mean_error_by_bin);
      CHECK_EQ(one.statistics.kurtosis_excess, three.statistics.kurtosis_excess);
      CHECK_EQ(total(one.drawn_counts), rows * cols);
      CHECK(one.native_ms > 0);
    }
  }
  qat::set_threads(threads);
}

TEST(levels_of_the_largest_floats_are_finite) {
  const std::vector<float> x = {-3.4e38f, 3.4e38f, 1e38f, -2e38f, 0, 3e38f, -1e30f, 2.5f};
  for (const RangeEstimator range :
       {RangeEstimator::kAbsMax, RangeEstimator::kMse, RangeEstimator::kLsq}) {
    for (const Grid grid : {Grid::kSigned, Grid::kNarrow, Grid::kUnsigned}) {
      for (const int bits : {2, 4, 8}) {
        const auto options = options_of(bits, grid, Granularity::kTensor, range);
        const qat::WhatIf what_if = qat::what_if(x.data(), 1, 8, options);
        for (const double level : what_if.levels.values) CHECK(std::isfinite(level));
        CHECK(std::isfinite(what_if.error.mse));
        CHECK(std::isfinite(what_if.error.max_error));
      }
    }
  }
}

TEST(one_row_of_a_matrix_is_looked_at_alone) {
  const int64_t rows = 6, cols = 90;
  std::vector<float> x = normal_values(rows * cols, 4);
  for (int64_t c = 0; c < cols; ++c) x[static_cast<size_t>(2 * cols + c)] *= 10;
  auto options = options_of(4, Grid::kSigned, Granularity::kChannel, RangeEstimator::kAbsMax);
  options.row = 2;
  const qat::WhatIf w = qat::what_if(x.data(), rows, cols, options);
  const qat::Scales all = qat::estimate_scales(x.data(), rows, cols, options.config);
  CHECK_EQ(w.levels.scale, static_cast<double>(all.scales[2]));
  CHECK_EQ(w.levels.row, int64_t{2});
  CHECK_EQ(w.row_sqnr.size(), size_t{1});
  CHECK_EQ(w.row_sqnr[0].row, int64_t{2});
  CHECK_EQ(total(w.code_counts), cols);
  options.scales = all;
  CHECK_EQ(qat::what_if(x.data(), rows, cols, options).error.mse, w.error.mse);
  options.scales.reset();
  options.config.granularity = Granularity::kTensor;  // the scale still is the whole matrix's
  const qat::Scales tensor = qat::estimate_scales(x.data(), rows, cols, options.config);
  CHECK_EQ(qat::what_if(x.data(), rows, cols, options).levels.scale,
           static_cast<double>(tensor.scales[0]));
  options.row = rows;
  CHECK_THROWS(qat::what_if(x.data(), rows, cols, options), "E-NATIVE-ARGUMENT");
}

TEST(many_rows_are_shown_by_the_worst_of_each_bucket) {
  const int64_t rows = 2000, cols = 16;
  std::vector<float> x = normal_values(rows * cols, 4);
  for (int64_t c = 0; c < cols; ++c) x[static_cast<size_t>(777 * cols + c)] = c ? 1e-4f : 1.0f;
  const auto options = options_of(3, Grid::kSigned, Granularity::kTensor, RangeEstimator::kAbsMax);
  const qat::WhatIf w = qat::what_if(x.data(), rows, cols, options);
  CHECK_EQ(w.row_sqnr.size(), size_t{512});
  for (size_t i = 1; i < 512; ++i) CHECK(w.row_sqnr[i].row > w.row_sqnr[i - 1].row);
}

TEST(a_cancelled_analysis_throws) {
  qat::CancelToken token;
  token.cancel();
  const std::vector<float> x = normal_values(100 * 100, 4);
  const auto options = options_of(4, Grid::kSigned, Granularity::kChannel, RangeEstimator::kMse);
  CHECK_THROWS(qat::analyze(x.data(), 100, 100, options, &token), "E-CANCELLED");
  CHECK_THROWS(qat::what_if(x.data(), 100, 100, options, &token), "E-CANCELLED");
}
