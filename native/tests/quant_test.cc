// Grids, range estimators, packing and conversion.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernel_test_util.h"
#include "quant/convert.h"
#include "quant/error_measures.h"
#include "quant/fake_quant.h"
#include "quant/packing.h"
#include "quant/quantize_by_range.h"
#include "quant/range.h"
#include "runtime/thread_pool.h"

using namespace qat_test;  // NOLINT
using qat::Grid;
using qat::Granularity;
using qat::QuantizerConfig;
using qat::RangeEstimator;
using qat::Scales;

namespace {

QuantizerConfig config_of(int bits, Grid grid, Granularity granularity, RangeEstimator range,
                          int64_t group_size = 0) {
  QuantizerConfig config;
  config.bits = bits;
  config.grid = grid;
  config.granularity = granularity;
  config.group_size = group_size;
  config.range = range;
  return config;
}

std::vector<float> normal_values(int64_t n, uint64_t seed, double deviation = 1.0) {
  std::vector<float> x(static_cast<size_t>(n));
  fill_normal(x, n, seed, deviation);
  return x;
}

// n quantiles of the unit normal, (i + 0.5) / n: a sample without the noise of its tails.
std::vector<float> normal_quantiles(int64_t n) {
  std::vector<float> x;
  double z = 0;
  for (int64_t i = n / 2; i < n; ++i) {
    const double tail = (static_cast<double>(n - i) - 0.5) / static_cast<double>(n);
    for (int round = 0; round < 6; ++round) {  // Newton from the left: no overshoot
      const double density = std::exp(-0.5 * z * z) / std::sqrt(2 * 3.14159265358979323846);
      z += (0.5 * std::erfc(z / std::sqrt(2.0)) - tail) / density;
    }
    x.push_back(static_cast<float>(z));
    x.push_back(static_cast<float>(-z));
  }
  return x;
}

double mse_of(const std::vector<float>& x, int64_t rows, int64_t cols,
              const QuantizerConfig& config, const Scales& scales) {
  return qat::quantization_error(x.data(), rows, cols, config, scales).mse;
}

std::vector<QuantizerConfig> all_configs(RangeEstimator range) {
  std::vector<QuantizerConfig> configs;
  for (const Granularity granularity :
       {Granularity::kTensor, Granularity::kChannel, Granularity::kGroup}) {
    configs.push_back(config_of(1, Grid::kBinary, granularity, range, 13));
    for (int bits = 2; bits <= 8; ++bits) {
      for (const Grid grid : {Grid::kSigned, Grid::kNarrow, Grid::kUnsigned, Grid::kMidrise}) {
        configs.push_back(config_of(bits, grid, granularity, range, 13));
      }
    }
    configs.push_back(config_of(2, Grid::kTernary, granularity, range, 13));
  }
  return configs;
}

}  // namespace

TEST(code_ranges_are_those_of_the_grids) {
  CHECK_EQ(qat::code_range(Grid::kSigned, 4).qmin, -8);
  CHECK_EQ(qat::code_range(Grid::kNarrow, 4).qmin, -7);
  CHECK_EQ(qat::code_range(Grid::kNarrow, 2).qmax, 1);
  CHECK_EQ(qat::code_range(Grid::kUnsigned, 8).qmax, 255);
  CHECK_EQ(qat::code_range(Grid::kBinary, 1).count(), 2);
  CHECK_THROWS(qat::code_range(Grid::kSigned, 1), "E-QUANTIZER-INVALID");
  CHECK_THROWS(qat::code_range(Grid::kBinary, 2), "E-QUANTIZER-INVALID");
  CHECK_THROWS(qat::code_range(Grid::kUnsigned, 9), "E-QUANTIZER-INVALID");
  auto config = config_of(4, Grid::kSigned, Granularity::kGroup, RangeEstimator::kMse, 0);
  CHECK_THROWS(qat::validate(config), "E-QUANTIZER-INVALID");
  CHECK_THROWS(qat::scale_layout(config, 0, 4), "E-WEIGHT-SHAPE");
  CHECK_THROWS(qat::scale_layout(config, int64_t{1} << 40, int64_t{1} << 40), "E-WEIGHT-SHAPE");
  config.group_size = 32;
  CHECK_EQ(qat::scale_layout(config, 3, 65).count(), int64_t{9});
}

TEST(abs_max_is_the_plain_formula) {
  const std::vector<float> x = {-3.0f, 1.0f, 0.5f, 2.0f, 0.0f, -0.25f};
  const auto channel = config_of(4, Grid::kSigned, Granularity::kChannel, RangeEstimator::kAbsMax);
  const Scales s = qat::estimate_scales(x.data(), 2, 3, channel);
  CHECK_EQ(s.scales[0], 3.0f / 7.0f);
  CHECK_EQ(s.scales[1], 2.0f / 7.0f);
  const auto affine = config_of(4, Grid::kUnsigned, Granularity::kTensor, RangeEstimator::kAbsMax);
  const Scales u = qat::estimate_scales(x.data(), 2, 3, affine);
  CHECK_EQ(u.scales[0], 5.0f / 15.0f);
  CHECK_EQ(u.zero_points[0], 9);
  const std::vector<float> positive = {1.0f, 2.0f, 3.0f};
  CHECK_EQ(qat::estimate_scales(positive.data(), 1, 3, affine).zero_points[0], 0);
}

TEST(lsq_and_binary_start_at_their_formulas) {
  const std::vector<float> x = {-3.0f, 1.0f, 0.5f, 1.5f};
  const auto lsq = config_of(4, Grid::kSigned, Granularity::kTensor, RangeEstimator::kLsq);
  CHECK_NEAR(qat::estimate_scales(x.data(), 1, 4, lsq).scales[0], 2 * 1.5 / std::sqrt(7.0), 1e-6);
  const auto binary = config_of(1, Grid::kBinary, Granularity::kTensor, RangeEstimator::kMse);
  CHECK_EQ(qat::estimate_scales(x.data(), 1, 4, binary).scales[0], 1.5f);
}

TEST(mse_search_reaches_the_gaussian_optimum) {
  // Optimal uniform quantizers of the unit normal (Max 1960 and quadrature), SQNR in dB.
  struct Optimum {
    int bits;
    Grid grid;
    double sqnr_db;
  };
  const int64_t n = 1 << 20;
  const std::vector<float> x = normal_quantiles(n);
  for (const Optimum& o :
       {Optimum{2, Grid::kSigned, 8.26}, Optimum{2, Grid::kNarrow, 7.21},
        Optimum{3, Grid::kSigned, 13.91}, Optimum{3, Grid::kNarrow, 13.29},
        Optimum{4, Grid::kSigned, 19.26}, Optimum{4, Grid::kNarrow, 18.90},
        Optimum{5, Grid::kSigned, 24.53}, Optimum{5, Grid::kNarrow, 24.33},
        Optimum{6, Grid::kSigned, 29.82}, Optimum{6, Grid::kNarrow, 29.71},
        Optimum{8, Grid::kSigned, 40.57}, Optimum{8, Grid::kNarrow, 40.54}}) {
    const auto config = config_of(o.bits, o.grid, Granularity::kTensor, RangeEstimator::kMse);
    const Scales s = qat::estimate_scales(x.data(), 1024, n / 1024, config);
    const double db = qat::quantization_error(x.data(), 1024, n / 1024, config, s).sqnr_db;
    CHECK_IN(std::fabs(db - o.sqnr_db) <= 0.02,
             o.bits << " bits, " << db << " dB for " << o.sqnr_db);
  }
}

TEST(mse_search_is_close_to_brute_force) {
  for (const int64_t n : {int64_t{5}, int64_t{32}, int64_t{128}, int64_t{700}}) {
    for (int bits = 2; bits <= 8; bits += 2) {
      for (const bool outlier : {false, true}) {
        std::vector<float> x = normal_values(n, static_cast<uint64_t>(n + bits), 0.1);
        if (outlier) x[0] = 4.0f;
        const auto config =
            config_of(bits, Grid::kSigned, Granularity::kTensor, RangeEstimator::kMse);
        const Scales found = qat::estimate_scales(x.data(), 1, n, config);
        double best = 1e300, largest = 0;
        for (const float v : x) largest = std::max(largest, std::fabs(static_cast<double>(v)));
        for (int i = 1; i <= 8000; ++i) {  // to twice the scale at which nothing clips
          Scales s;
          s.scales = {static_cast<float>(largest / ((1 << (bits - 1)) - 1) * i / 4000.0)};
          best = std::min(best, mse_of(x, 1, n, config, s));
        }
        const double got = mse_of(x, 1, n, config, found);
        // Few values at many levels: the objective is a comb, and the search a bounded one.
        const double slack = n < 32 ? 1.5 : n < 64 ? 1.2 : 1.02;
        CHECK_IN(got <= best * slack,
                 n << " values, " << bits << " bits: " << got << " for " << best);
        const auto abs_max =
            config_of(bits, Grid::kSigned, Granularity::kTensor, RangeEstimator::kAbsMax);
        const Scales wide = qat::estimate_scales(x.data(), 1, n, abs_max);
        CHECK_IN(got <= mse_of(x, 1, n, config, wide) * (1 + 1e-6), n << " values, " << bits);
      }
    }
  }
}

// Two clusters fit a lattice whose outermost level lies beyond the largest value.
TEST(mse_search_tries_scales_above_the_abs_max_scale) {
  qat::Rng rng(5);
  for (const int64_t n : {int64_t{64}, int64_t{600}, int64_t{5000}}) {
    std::vector<float> x(static_cast<size_t>(n));
    for (float& v : x) {
      const double at = rng.below(2) ? 1.0 : -0.5;
      v = static_cast<float>(at + 0.01 * rng.normal());
    }
    const auto config = config_of(3, Grid::kNarrow, Granularity::kTensor, RangeEstimator::kMse);
    const Scales found = qat::estimate_scales(x.data(), 1, n, config);
    double best = 1e300;
    for (int i = 1; i <= 4000; ++i) {
      Scales s;
      s.scales = {static_cast<float>(1.1 / 3 * i / 2000.0)};
      best = std::min(best, mse_of(x, 1, n, config, s));
    }
    const double got = mse_of(x, 1, n, config, found);
    CHECK_IN(found.scales[0] > 0.45f, n << " values: scale " << found.scales[0]);
    CHECK_IN(got <= best * 1.02, n << " values: " << got << " for " << best);
  }
}

TEST(mse_search_finds_the_lattice_of_quantized_values) {
  qat::Rng rng(3);
  std::vector<float> x(256);
  for (float& v : x) v = 0.37f * static_cast<float>(static_cast<int>(rng.below(16)) - 8);
  x[0] = -8 * 0.37f;
  const auto config = config_of(4, Grid::kSigned, Granularity::kTensor, RangeEstimator::kMse);
  const Scales s = qat::estimate_scales(x.data(), 1, 256, config);
  CHECK_NEAR(s.scales[0], 0.37, 1e-6);
}

TEST(mse_search_of_many_values_is_close_to_brute_force) {
  // Large sets are searched on a sample first: plain, with outliers, heavy-tailed, and a lattice.
  const int64_t n = 6000;
  for (const int kind : {0, 1, 2, 3}) {
    std::vector<float> x = normal_values(n, 21, 0.1);
    if (kind == 1) for (const size_t at : {11, 501, 4001}) x[at] = at == 501 ? -7.0f : 3.0f;
    if (kind == 2) for (float& v : x) v = v * v * v * 50.0f;
    for (int bits = 2; bits <= 8; ++bits) {
      if (kind == 3) {
        const double most = (1 << (bits - 1)) - 1;
        for (float& v : x) v = static_cast<float>(0.01 * std::round(most * std::tanh(v * 99)));
        x[3000] = static_cast<float>(-0.01 * (most + 1));
      }
      const auto config =
          config_of(bits, Grid::kSigned, Granularity::kTensor, RangeEstimator::kMse);
      const double got =
          mse_of(x, 1, n, config, qat::estimate_scales(x.data(), 1, n, config));
      double best = 1e300, largest = 0;
      for (const float v : x) largest = std::max(largest, std::fabs(static_cast<double>(v)));
      for (int i = 1; i <= 4000; ++i) {
        Scales s;
        s.scales = {static_cast<float>(largest / ((1 << (bits - 1)) - 1) * i / 2000.0)};
        best = std::min(best, mse_of(x, 1, n, config, s));
      }
      CHECK_IN(got <= best * 1.05, "kind " << kind << ", " << bits << " bits: " << got << " for "
                                           << best);
    }
  }
}

TEST(scales_are_positive_whatever_the_values) {
  // A level may lie above the largest value, so the very largest floats have no finite neighbour.
  const float big = std::numeric_limits<float>::max() / 4;
  const float tiny = std::numeric_limits<float>::denorm_min();
  for (const RangeEstimator range :
       {RangeEstimator::kAbsMax, RangeEstimator::kMse, RangeEstimator::kLsq}) {
    for (const std::vector<float>& x :
         {std::vector<float>(26, 0.0f), std::vector<float>(26, tiny), std::vector<float>(26, -tiny),
          std::vector<float>(26, big), std::vector<float>(26, -big),
          std::vector<float>{big, -big, tiny, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0,
                             -1, -2, -3, -4, 0, 0, 0, 0, 0, 0, 0, 1}}) {
      for (const QuantizerConfig& config : all_configs(range)) {
        const Scales s = qat::estimate_scales(x.data(), 2, 13, config);
        qat::validate_scales(config, qat::scale_layout(config, 2, 13), s);  // throws otherwise
        const qat::QuantizationError e = qat::quantization_error(x.data(), 2, 13, config, s);
        CHECK(std::isfinite(e.mse) && std::isfinite(e.sqnr_db) && std::isfinite(e.cosine));
        const float first = x[0];
        const bool zeros = std::all_of(x.begin(), x.end(), [&](float v) { return v == first; });
        if (first == 0.0f && zeros) CHECK_IN(e.exact, "all zero is exact");
      }
    }
  }
}

TEST(estimates_do_not_depend_on_the_thread_count) {
  const int threads = qat::thread_count();
  const std::vector<float> x = normal_values(260 * 513, 8);
  for (const QuantizerConfig& config : all_configs(RangeEstimator::kMse)) {
    if (config.bits % 3) continue;
    qat::set_threads(1);
    const Scales one = qat::estimate_scales(x.data(), 260, 513, config);
    qat::set_threads(3);
    const Scales three = qat::estimate_scales(x.data(), 260, 513, config);
    CHECK(one.scales == three.scales && one.zero_points == three.zero_points);
  }
  qat::set_threads(threads);
}

TEST(packed_weights_dequantize_to_the_fake_quantized_ones) {
  const int64_t rows = 5, cols = 37;
  const std::vector<float> x = normal_values(rows * cols, 6);
  for (const QuantizerConfig& config : all_configs(RangeEstimator::kAbsMax)) {
    const Scales s = qat::estimate_scales(x.data(), rows, cols, config);
    const qat::QuantizedWeight w = qat::quantize_weight(x.data(), rows, cols, config, s);
    qat::validate_quantized_weight(w);
    CHECK_EQ(w.packed.size(), static_cast<size_t>(rows * ((cols * config.bits + 7) / 8)));
    std::vector<float> unpacked(x.size()), faked(x.size());
    qat::dequantize_weight(w, unpacked.data());
    const qat::ScaleLayout layout = qat::scale_layout(config, rows, cols);
    qat::fake_quantize(x.data(), faked.data(), rows, cols, qat::quant_params(config, layout, s),
                       config.grid == Grid::kBinary);
    CHECK_IN(std::memcmp(unpacked.data(), faked.data(), x.size() * sizeof(float)) == 0,
             config.bits << " bits");
  }
}

TEST(quantizing_by_a_range_is_estimating_and_quantizing) {
  const int64_t rows = 70, cols = 37;
  std::vector<float> x = normal_values(rows * cols, 6);
  std::fill(x.begin(), x.begin() + cols, 0.0f);  // a row without a scale of its own
  for (const RangeEstimator range : {RangeEstimator::kAbsMax, RangeEstimator::kLsq}) {
    for (const QuantizerConfig& config : all_configs(range)) {
      const Scales s = qat::estimate_scales(x.data(), rows, cols, config);
      const qat::QuantizedWeight expected = qat::quantize_weight(x.data(), rows, cols, config, s);
      qat::FiniteCheck check;
      std::vector<uint8_t> packed(expected.packed.size());
      const Scales made = qat::quantize_by_range(x.data(), rows, cols, config, packed.data(), &check);
      CHECK_EQ(check.found(), -1);
      CHECK_IN(packed == expected.packed, config.bits << " bits");
      CHECK(made.scales == s.scales && made.zero_points == s.zero_points);
      CHECK(made.thresholds == s.thresholds && made.negative_scales == s.negative_scales);
    }
  }
  x[static_cast<size_t>(9 * cols + 4)] = HUGE_VALF;
  for (const QuantizerConfig& config : all_configs(RangeEstimator::kAbsMax)) {
    qat::FiniteCheck check;
    std::vector<uint8_t> packed(static_cast<size_t>(rows * qat::packed_row_bytes(cols, config.bits)));
    qat::quantize_by_range(x.data(), rows, cols, config, packed.data(), &check);
    CHECK_EQ(check.found(), 9 * cols + 4);
  }
}

TEST(bad_packed_weights_are_refused) {
  const std::vector<float> x = normal_values(3 * 5, 6);
  const auto narrow = config_of(3, Grid::kNarrow, Granularity::kChannel, RangeEstimator::kAbsMax);
  const Scales s = qat::estimate_scales(x.data(), 3, 5, narrow);
  const qat::QuantizedWeight good = qat::quantize_weight(x.data(), 3, 5, narrow, s);
  qat::QuantizedWeight bad = good;
  bad.packed[1] |= 0x80;  // 15 of 16 bits are used
  CHECK_THROWS(qat::validate_quantized_weight(bad), "E-NATIVE-ARGUMENT");
  bad = good;
  bad.packed[0] |= 0x07;  // code 7: the narrow grid has 7 codes, 0 ... 6
  CHECK_THROWS(qat::validate_quantized_weight(bad), "E-NATIVE-ARGUMENT");
  bad = good;
  bad.packed.pop_back();
  CHECK_THROWS(qat::validate_quantized_weight(bad), "E-NATIVE-ARGUMENT");
  bad = good;
  bad.scales.scales[1] = 0;
  CHECK_THROWS(qat::validate_quantized_weight(bad), "E-NATIVE-ARGUMENT");
  bad = good;
  bad.scales.zero_points = {0, 0, 0};
  CHECK_THROWS(qat::validate_quantized_weight(bad), "E-NATIVE-ARGUMENT");
  const uint8_t code = 8;
  CHECK_THROWS(qat::pack_codes(&code, 1, 1, 3), "E-NATIVE-ARGUMENT");
}

TEST(scale_gradients_do_not_depend_on_the_thread_count) {
  const int threads = qat::thread_count();
  const int64_t rows = 700, cols = 129;
  const std::vector<float> x = normal_values(rows * cols, 1), dy = normal_values(rows * cols, 2);
  const float scale = 0.3f;
  qat::QuantParams p;
  p.qmin = -8;
  p.qmax = 7;
  p.scale = &scale;
  p.group_cols = cols;
  double one = 0, three = 0, plain = 0;
  std::vector<float> dx(x.size()), expected(x.size());
  qat::set_threads(1);
  qat::fake_quantize_backward(x.data(), dy.data(), dx.data(), &one, 1, rows, cols, p);
  qat::set_threads(3);
  qat::fake_quantize_backward(x.data(), dy.data(), dx.data(), &three, 1, rows, cols, p);
  qat::set_threads(threads);
  reference().fake_quant_backward(x.data(), dy.data(), expected.data(), &plain, rows, cols, p);
  CHECK_EQ(one, three);
  CHECK_NEAR(one, plain, 1e-3);
  CHECK(dx == expected);
}

TEST(cancelled_work_stops) {
  qat::CancelToken token;
  token.cancel();
  const std::vector<float> x = normal_values(64 * 64, 1);
  for (const QuantizerConfig& config : all_configs(RangeEstimator::kMse)) {
    CHECK_THROWS(qat::estimate_scales(x.data(), 64, 64, config, &token), "E-CANCELLED");
  }
}

TEST(half_precision_converts_exactly) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const uint16_t half = static_cast<uint16_t>(bits);
    const float value = qat::half_to_float(half);
    const int exponent = (half >> 10) & 31, mantissa = half & 1023;
    if (exponent == 31) {
      CHECK(mantissa ? std::isnan(value) : std::isinf(value));
      continue;
    }
    const double magnitude = exponent ? std::ldexp(1024 + mantissa, exponent - 25)
                                      : std::ldexp(mantissa, -24);
    CHECK_IN(static_cast<double>(value) == (half & 0x8000 ? -magnitude : magnitude), bits);
    CHECK_IN(qat::float_to_half(value) == half, bits);
  }
  CHECK_EQ(qat::float_to_half(65520.0f), uint16_t{0x7c00});
  CHECK_EQ(qat::float_to_half(65519.0f), uint16_t{0x7bff});
  CHECK_EQ(qat::float_to_half(1.00048828125f), uint16_t{0x3c00});  // a tie goes to the even one
}

TEST(file_formats_convert_and_find_what_is_not_finite) {
  const uint8_t bf16[] = {0x80, 0x3f, 0x80, 0xff, 0x00, 0x40};  // 1, -inf, 2
  float out[3];
  CHECK_EQ(qat::convert_to_f32(qat::FloatType::kBf16, bf16, 3, out), int64_t{1});
  CHECK(out[0] == 1.0f && out[2] == 2.0f);
  const double doubles[] = {0.1, 1e39, -2.5};
  uint8_t bytes[1 + sizeof doubles];  // unaligned on purpose
  std::memcpy(bytes + 1, doubles, sizeof doubles);
  CHECK_EQ(qat::convert_to_f32(qat::FloatType::kF64, bytes + 1, 3, out), int64_t{1});
  CHECK(out[0] == 0.1f && out[2] == -2.5f);
  const float floats[] = {1.5f, -0.0f, 3.0f};
  std::memcpy(bytes + 1, floats, sizeof floats);
  CHECK_EQ(qat::convert_to_f32(qat::FloatType::kF32, bytes + 1, 3, out), int64_t{-1});
  CHECK(std::memcmp(out, floats, sizeof floats) == 0);
}
