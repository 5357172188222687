// Exact statistics and histograms of a float array.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/cancel.h"

namespace qat {

struct Percentile {
  double p = 0;      // 0 ... 100
  double value = 0;  // linear interpolation between order statistics, as numpy.percentile
};

struct Statistics {
  int64_t count = 0;
  double min = 0, max = 0, mean = 0, std = 0;  // population standard deviation
  double abs_max = 0, abs_mean = 0;
  double skewness = 0, kurtosis_excess = 0;  // 0 where the deviation is 0
  double zero_share = 0;
  std::vector<Percentile> percentiles;
};

// The percentiles shown when none are asked for: 0.1, 1, 5, 25, 50, 75, 95, 99, 99.9.
const std::vector<double>& default_percentiles();

// x [n] finite, n > 0. Threaded; independent of the thread count.
Statistics compute_statistics(const float* x, int64_t n, const std::vector<double>& percentiles,
                              const CancelToken* cancel = nullptr);

struct ValueRange {
  double low = 0, high = 0;
};
// [min, max], widened by 0.5 each way when they are equal (numpy's rule).
ValueRange histogram_range(double min, double max);

struct Histogram {
  double low = 0, high = 0;
  std::vector<int64_t> counts;  // exact bins of equal width, numpy.histogram's edge rule
  int64_t below = 0, above = 0;
};

// x [n]; high > low, bins > 0. Threaded.
Histogram compute_histogram(const float* x, int64_t n, ValueRange range, int64_t bins,
                            const CancelToken* cancel = nullptr);
// Sums of exact_bins / drawn_bins neighbours; drawn_bins must divide the number of bins.
std::vector<int64_t> drawn_counts(const std::vector<int64_t>& exact, int64_t drawn_bins);

// Index of the first NaN or infinity of x [n], or -1. Threaded.
int64_t find_not_finite(const float* x, int64_t n);

}  // namespace qat
