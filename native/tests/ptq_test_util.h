// What the tests of ptq/ share: random weights, inputs and Hessians.
#pragma once

#include <cstdint>
#include <vector>

#include "ptq/linear_algebra.h"
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
inline qat::Matrix random_spd(int64_t n, uint64_t seed, double floor = 0.1) {
  const std::vector<float> x = random_values(2 * n * n, seed);
  qat::Matrix a(static_cast<size_t>(n * n), 0.0);
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

}  // namespace qat_test
