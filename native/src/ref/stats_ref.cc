#include <cmath>

#include "ref/ref_kernels.h"

namespace qat::ref {

void moments(const float* x, int64_t n, double shift, Moments* out) {
  Moments m;
  m.count = n;
  m.shift = shift;
  m.min = n ? x[0] : 0.0f;
  m.max = m.min;
  for (int64_t i = 0; i < n; ++i) {
    const double value = x[i];
    m.zeros += value == 0.0 ? 1 : 0;
    if (value < m.min) m.min = value;
    if (value > m.max) m.max = value;
    m.abs_sum += std::fabs(value);
    const double d = value - shift, d2 = d * d;
    m.s1 += d;
    m.s2 += d2;
    m.s3 += d2 * d;
    m.s4 += d2 * d2;
  }
  *out = m;
}

bool row_ends(const float* x, int64_t cols, int64_t group_cols, float* low, float* high) {
  bool finite = true;
  for (int64_t begin = 0; begin < cols; begin += group_cols, ++low, ++high) {
    *low = *high = x[begin];
    for (int64_t c = begin; c < cols && c < begin + group_cols; ++c) {
      finite = finite && std::isfinite(x[c]);
      if (x[c] < *low) *low = x[c];
      if (x[c] > *high) *high = x[c];
    }
  }
  return finite;
}

namespace {

// numpy.histogram's rule: edges are low + i * step, the last one is high; a value belongs to the
// bin whose edges hold it, the last bin closed above. The first guess is corrected against the
// edges.
struct Binning {
  double low, high, step, per_unit;
  int64_t bins;

  Binning(double l, double h, int64_t n)
      : low(l), high(h), step((h - l) / static_cast<double>(n)),
        per_unit(static_cast<double>(n) / (h - l)), bins(n) {}

  double edge(int64_t i) const {
    return i == bins ? high : static_cast<double>(i) * step + low;
  }
  int64_t index(double value) const {  // low <= value <= high
    int64_t i = static_cast<int64_t>((value - low) * per_unit);
    if (i >= bins) i = bins - 1;
    if (value < edge(i)) --i;
    if (value >= edge(i + 1) && i != bins - 1) ++i;
    return i;
  }
};

}  // namespace

void histogram(const float* x, int64_t n, double low, double high, int64_t bins, int64_t* counts,
               int64_t* below, int64_t* above) {
  const Binning binning(low, high, bins);
  for (int64_t i = 0; i < n; ++i) {
    const double value = x[i];
    if (!(value >= low)) {  // a NaN counts here too
      ++*below;
    } else if (value > high) {
      ++*above;
    } else {
      ++counts[binning.index(value)];
    }
  }
}

void bin_indices(const float* x, int64_t n, double low, double high, int64_t bins,
                 int32_t* indices) {
  const Binning binning(low, high, bins);
  for (int64_t i = 0; i < n; ++i) {
    const double value = x[i];
    indices[i] = !(value >= low) ? -1
                 : value > high  ? static_cast<int32_t>(bins)
                                 : static_cast<int32_t>(binning.index(value));
  }
}

int64_t collect_ranges(const float* x, int64_t n, const float* ranges, int count, float* out) {
  int64_t found = 0;
  for (int64_t i = 0; i < n; ++i) {
    bool inside = false;
    for (int r = 0; r < count; ++r) inside |= x[i] >= ranges[2 * r] && x[i] <= ranges[2 * r + 1];
    if (inside) out[found++] = x[i];
  }
  return found;
}

namespace {

float candidate_code(float t, const ScaleCandidate& c) {
  const float q = std::nearbyintf(t - c.offset);
  const float above = q > c.low ? q : c.low;
  return (above < c.high ? above : c.high) + c.offset;
}

}  // namespace

void scale_errors(const float* x, int64_t n, const ScaleCandidate* candidates, int count,
                  double* d2) {
  for (int j = 0; j < count; ++j) {
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) {
      const float t = x[i] * candidates[j].inverse;
      const double code = candidate_code(t, candidates[j]);
      const double d = static_cast<double>(t) - code;
      sum += d * d;
    }
    d2[j] += sum;
  }
}

void scale_fit(const float* x, int64_t n, const ScaleCandidate& candidate, ScaleFit* out) {
  ScaleFit fit;
  for (int64_t i = 0; i < n; ++i) {
    const float t = x[i] * candidate.inverse;
    const double td = t, q = candidate_code(t, candidate);
    fit.tq += td * q;
    fit.qq += q * q;
    fit.d2 += (td - q) * (td - q);
  }
  *out = fit;
}

int64_t first_not_finite(const float* x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    if (!std::isfinite(x[i])) return i;
  }
  return -1;
}

}  // namespace qat::ref
