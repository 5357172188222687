// Shared by the tests of range estimators: one scale for all values.
#pragma once

#include <vector>

#include "kernel_test_util.h"
#include "quant/error_measures.h"
#include "quant/range.h"

namespace qat_test {

inline constexpr double kPi = 3.14159265358979323846;

inline qat::QuantizerConfig tensor_config(int bits, qat::Grid grid, qat::RangeEstimator range) {
  qat::QuantizerConfig config;
  config.bits = bits;
  config.grid = grid;
  config.granularity = qat::Granularity::kTensor;
  config.range = range;
  return config;
}

inline std::vector<float> normal_values(int64_t n, uint64_t seed, double mean = 0) {
  std::vector<float> x(static_cast<size_t>(n));
  fill_normal(x, n, seed);
  for (float& v : x) v += static_cast<float>(mean);
  return x;
}

inline qat::Scales estimate(const std::vector<float>& x, const qat::QuantizerConfig& config) {
  return qat::estimate_scales(x.data(), 1, static_cast<int64_t>(x.size()), config);
}

inline double mse_of(const std::vector<float>& x, const qat::QuantizerConfig& config,
                     const qat::Scales& scales) {
  return qat::quantization_error(x.data(), 1, static_cast<int64_t>(x.size()), config, scales).mse;
}

}  // namespace qat_test
