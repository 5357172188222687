// What the tests of ptq/ share: random weights, inputs and Hessians.
#pragma once

#include <cstdint>
#include <vector>

#include "ptq/hessian.h"
#include "ptq/linear_algebra.h"
#include "quant/packing.h"
#include "quant/range.h"
#include "runtime/rng.h"
#include "test_harness.h"

namespace qat_test {

inline std::vector<float> random_values(int64_t n, uint64_t seed, double spread = 1.0) {
  qat::Rng rng(seed);
  std::vector<float> values(static_cast<size_t>(n));
  for (float& v : values) v = static_cast<float>(spread * rng.normal());
  return values;
}

// Symmetric, eigenvalues at least about `floor`: x·xᵀ/(2n) of 2n normal samples plus the floor.
inline qat::SquareMatrix random_spd(int64_t n, uint64_t seed, double floor = 0.1) {
  const std::vector<float> x = random_values(2 * n * n, seed);
  qat::SquareMatrix a(static_cast<size_t>(n * n), 0.0);
  for (int64_t s = 0; s < 2 * n; ++s) {
    const float* row = x.data() + s * n;
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        a[static_cast<size_t>(i * n + j)] +=
            static_cast<double>(row[i]) * row[j] / static_cast<double>(2 * n);
      }
    }
  }
  for (int64_t i = 0; i < n; ++i) a[static_cast<size_t>(i * n + i)] += floor;
  return a;
}

// The Hessian of `samples` inputs that hang together: each is a random mix of a few causes.
inline qat::SquareMatrix random_hessian(int64_t in, int64_t samples, uint64_t seed) {
  const int64_t causes = in / 2 + 1;
  const std::vector<float> mix = random_values(causes * in, seed);
  const std::vector<float> strength = random_values(samples * causes, seed + 1);
  std::vector<float> x = random_values(samples * in, seed + 2, 0.3);
  for (int64_t s = 0; s < samples; ++s) {
    for (int64_t k = 0; k < causes; ++k) {
      for (int64_t c = 0; c < in; ++c) {
        x[static_cast<size_t>(s * in + c)] += strength[static_cast<size_t>(s * causes + k)] *
                                              mix[static_cast<size_t>(k * in + c)];
      }
    }
  }
  qat::Hessian hessian(in);
  hessian.add(x.data(), samples);
  return hessian.value();
}

inline qat::QuantizerConfig config_of(int bits, qat::Grid grid, qat::Granularity granularity,
                                      int64_t group_size = 0,
                                      qat::RangeEstimator range = qat::RangeEstimator::kMse) {
  qat::QuantizerConfig config;
  config.bits = bits;
  config.grid = grid;
  config.granularity = granularity;
  config.group_size = group_size;
  config.range = range;
  return config;
}

// Rounding every weight by itself.
inline qat::QuantizedWeight round_to_nearest(const std::vector<float>& weight, int64_t rows,
                                             int64_t cols, const qat::QuantizerConfig& config) {
  const qat::Scales scales = qat::estimate_scales(weight.data(), rows, cols, config);
  return qat::quantize_weight(weight.data(), rows, cols, config, scales);
}

inline std::vector<float> dequantized(const qat::QuantizedWeight& weight) {
  std::vector<float> values(static_cast<size_t>(weight.rows * weight.cols));
  qat::dequantize_weight(weight, values.data());
  return values;
}

// d·H·dᵀ / 2 of one row, by the definition.
inline double row_error(const std::vector<double>& d, const qat::SquareMatrix& h) {
  const size_t n = d.size();
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) sum += d[i] * h[i * n + j] * d[j];
  }
  return sum / 2;
}

// The least row_error over all combinations of `levels` in the columns of one row.
inline double best_row_error(const std::vector<float>& row, const std::vector<float>& levels,
                             const qat::SquareMatrix& h) {
  size_t combinations = 1;
  for (size_t c = 0; c < row.size(); ++c) combinations *= levels.size();
  double best = -1;
  std::vector<double> d(row.size());
  for (size_t k = 0; k < combinations; ++k) {
    size_t rest = k;
    for (size_t c = 0; c < row.size(); ++c, rest /= levels.size()) {
      d[c] = static_cast<double>(levels[rest % levels.size()]) - row[c];
    }
    const double error = row_error(d, h);
    if (best < 0 || error < best) best = error;
  }
  return best;
}

// The levels of a row whose columns share one scale.
inline std::vector<float> levels_of(const qat::QuantizedWeight& weight, int64_t row) {
  qat::QuantizedWeight line = weight;
  line.config.granularity = qat::Granularity::kTensor;
  line.rows = 1;
  line.cols = qat::code_range(weight.config.grid, weight.config.bits).count();
  const auto at = static_cast<size_t>(weight.scales.scales.size() > 1 ? row : 0);
  line.scales.scales = {weight.scales.scales[at]};
  if (!weight.scales.zero_points.empty()) line.scales.zero_points = {weight.scales.zero_points[at]};
  std::vector<uint8_t> codes;
  for (int64_t i = 0; i < line.cols; ++i) codes.push_back(static_cast<uint8_t>(i));
  line.packed = qat::pack_codes(codes.data(), 1, line.cols, line.config.bits);
  return dequantized(line);
}

}  // namespace qat_test
