#include "quant/statistics.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <string>

#include "qat/error.h"
#include "qat/kernels.h"
#include "quant/percentiles.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kChunk = int64_t{1} << 17;  // elements

// Sums about one shift, chunks added in order.
Moments total_moments(const float* x, int64_t n, double shift, const CancelToken* cancel) {
  std::vector<Moments> parts(static_cast<size_t>(chunk_count(n, kChunk)));
  parallel_chunks(n, kChunk, [&](int64_t chunk, int64_t begin, int64_t end) {
    throw_if_cancelled(cancel);
    kernels().moments(x + begin, end - begin, shift, &parts[static_cast<size_t>(chunk)]);
  });
  Moments total = parts[0];
  for (size_t i = 1; i < parts.size(); ++i) {
    const Moments& m = parts[i];
    total.count += m.count;
    total.zeros += m.zeros;
    total.min = std::min(total.min, m.min);
    total.max = std::max(total.max, m.max);
    total.abs_sum += m.abs_sum;
    total.s1 += m.s1;
    total.s2 += m.s2;
    total.s3 += m.s3;
    total.s4 += m.s4;
  }
  return total;
}

double variance_of(const Moments& m) {
  const double n = static_cast<double>(m.count), d = m.s1 / n;
  return std::max(0.0, m.s2 / n - d * d);
}

// Central moments lose digits when the shift is far from the mean, so it is moved there if need be.
Moments well_shifted_moments(const float* x, int64_t n, const CancelToken* cancel) {
  Moments sample;
  kernels().moments(x, std::min<int64_t>(n, 4096), 0.0, &sample);
  const Moments first =
      total_moments(x, n, sample.s1 / static_cast<double>(sample.count), cancel);
  const double offset = first.s1 / static_cast<double>(n);
  if (offset * offset <= variance_of(first) * 0.25) return first;
  return total_moments(x, n, first.shift + offset, cancel);
}

void add_shape(const Moments& m, Statistics* s) {
  const double n = static_cast<double>(m.count), d = m.s1 / n;
  const double m2 = variance_of(m);
  const double m3 = m.s3 / n - 3 * d * m.s2 / n + 2 * d * d * d;
  const double m4 = m.s4 / n - 4 * d * m.s3 / n + 6 * d * d * m.s2 / n - 3 * d * d * d * d;
  s->mean = m.shift + d;
  s->std = std::sqrt(m2);
  if (s->min == s->max || !(m2 > 0) || !(m2 * m2 > 0)) return;
  s->skewness = m3 / (m2 * s->std);
  s->kurtosis_excess = m4 / (m2 * m2) - 3.0;
}

void check_range(ValueRange range, int64_t bins) {
  if (!(range.high > range.low) || !std::isfinite(range.high - range.low) || bins <= 0) {
    throw Error("E-NATIVE-ARGUMENT",
                "A histogram from " + std::to_string(range.low) + " to " +
                    std::to_string(range.high) + " in " + std::to_string(bins) +
                    " bins cannot be made.",
                "Give a finite range whose end is above its start, and at least one bin.");
  }
}

}  // namespace

const std::vector<double>& default_percentiles() {
  static const std::vector<double> percentages = {0.1, 1, 5, 25, 50, 75, 95, 99, 99.9};
  return percentages;
}

Statistics compute_statistics(const float* x, int64_t n, const std::vector<double>& percentiles,
                              const CancelToken* cancel) {
  if (n <= 0) {
    throw Error("E-NATIVE-ARGUMENT", "An empty tensor has no statistics.",
                "Use a tensor of at least one element.");
  }
  const Moments m = well_shifted_moments(x, n, cancel);
  Statistics s;
  s.count = n;
  s.min = m.min;
  s.max = m.max;
  s.abs_max = std::max(std::fabs(m.min), std::fabs(m.max));
  s.abs_mean = m.abs_sum / static_cast<double>(n);
  s.zero_share = static_cast<double>(m.zeros) / static_cast<double>(n);
  add_shape(m, &s);
  if (!percentiles.empty()) s.percentiles = compute_percentiles(x, n, percentiles, cancel);
  return s;
}

ValueRange histogram_range(double min, double max) {
  if (min == max) return {min - 0.5, max + 0.5};
  return {min, max};
}

Histogram compute_histogram(const float* x, int64_t n, ValueRange range, int64_t bins,
                            const CancelToken* cancel) {
  check_range(range, bins);
  Histogram result;
  result.low = range.low;
  result.high = range.high;
  result.counts.assign(static_cast<size_t>(bins), 0);
  std::mutex merge;
  parallel_for(n, std::max<int64_t>(kChunk, n / 16), [&](int64_t begin, int64_t end) {
    std::vector<int64_t> counts(static_cast<size_t>(bins), 0);
    int64_t below = 0, above = 0;
    for (int64_t from = begin; from < end; from += kChunk) {
      throw_if_cancelled(cancel);
      const int64_t to = std::min(end, from + kChunk);
      kernels().histogram(x + from, to - from, range.low, range.high, bins, counts.data(), &below,
                          &above);
    }
    std::lock_guard<std::mutex> lock(merge);  // whole numbers: the order does not matter
    for (size_t b = 0; b < counts.size(); ++b) result.counts[b] += counts[b];
    result.below += below;
    result.above += above;
  });
  return result;
}

std::vector<int64_t> drawn_counts(const std::vector<int64_t>& exact, int64_t drawn_bins) {
  const int64_t bins = static_cast<int64_t>(exact.size());
  if (drawn_bins <= 0 || bins % drawn_bins != 0) {
    throw Error("E-NATIVE-ARGUMENT",
                std::to_string(drawn_bins) + " drawn bins do not divide " + std::to_string(bins) +
                    " exact ones.",
                "Use a number of drawn bins that divides the number of exact bins.");
  }
  std::vector<int64_t> drawn(static_cast<size_t>(drawn_bins), 0);
  const int64_t ratio = bins / drawn_bins;
  for (int64_t b = 0; b < bins; ++b) {
    drawn[static_cast<size_t>(b / ratio)] += exact[static_cast<size_t>(b)];
  }
  return drawn;
}

int64_t find_not_finite(const float* x, int64_t n) {
  std::vector<int64_t> found(static_cast<size_t>(chunk_count(n, kChunk)), -1);
  parallel_chunks(n, kChunk, [&](int64_t chunk, int64_t begin, int64_t end) {
    const int64_t at = kernels().first_not_finite(x + begin, end - begin);
    if (at >= 0) found[static_cast<size_t>(chunk)] = begin + at;
  });
  for (const int64_t index : found) {
    if (index >= 0) return index;
  }
  return -1;
}

}  // namespace qat
