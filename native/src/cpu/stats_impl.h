// Statistics and range-search kernels, written once for every vector width. Include after vec_*.h
// and quantize_impl.h.
#pragma once

#include <cstdint>

#include "qat/kernels.h"

namespace qat::QAT_ISA {

void moments(const float* x, int64_t n, double shift, Moments* out) {
  Moments m;
  m.count = n;
  m.shift = shift;
  if (n <= 0) {
    *out = m;
    return;
  }
  vf least_value = set1(x[0]), most_value = least_value;
  vd absolute[2], s1[2], s2[2], s3[2], s4[2];
  for (int h = 0; h < 2; ++h) absolute[h] = s1[h] = s2[h] = s3[h] = s4[h] = dzero();
  const vd center = dset1(shift);
  const auto add_half = [&](int h, vd v) {
    const vd d = dsub(v, center), d2 = dmul(d, d);
    absolute[h] = dadd(absolute[h], dabs(v));
    s1[h] = dadd(s1[h], d);
    s2[h] = dadd(s2[h], d2);
    s3[h] = dfma(d2, d, s3[h]);
    s4[h] = dfma(d2, d2, s4[h]);
  };
  int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) {
    const vf v = load_ahead(x + i);
    least_value = min(v, least_value);
    most_value = max(v, most_value);
    m.zeros += count(eq(v, zero()));
    add_half(0, low_half(v));
    add_half(1, high_half(v));
  }
  const auto total = [](const vd (&v)[2]) { return reduce_add(dadd(v[0], v[1])); };
  m.min = reduce_min(least_value);
  m.max = reduce_max(most_value);
  m.abs_sum = total(absolute);
  m.s1 = total(s1);
  m.s2 = total(s2);
  m.s3 = total(s3);
  m.s4 = total(s4);
  for (; i < n; ++i) {
    const double value = x[i], d = value - shift, d2 = d * d;
    m.min = value < m.min ? value : m.min;
    m.max = value > m.max ? value : m.max;
    m.zeros += value == 0.0 ? 1 : 0;
    m.abs_sum += value < 0 ? -value : value;
    m.s1 += d;
    m.s2 += d2;
    m.s3 += d2 * d;
    m.s4 += d2 * d2;
  }
  *out = m;
}

bool row_ends(const float* x, int64_t cols, int64_t group_cols, float* low, float* high) {
  vf odd = zero();  // 0·x is 0 but for what is not finite
  for (int64_t begin = 0; begin < cols; begin += group_cols, ++low, ++high) {
    const float* group = x + begin;
    const int64_t n = cols - begin < group_cols ? cols - begin : group_cols;
    vf least = set1(group[0]), most = least;
    int64_t i = 0;
    for (; i + kWidth <= n; i += kWidth) {
      const vf v = load_ahead(group + i);
      least = min(v, least);
      most = max(v, most);
      odd = fma(v, zero(), odd);
    }
    if (i < n) {
      const vm kept = tail_mask(n - i);
      const vf v = select(kept, load(group + i, kept), set1(group[0]));
      least = min(v, least);
      most = max(v, most);
      odd = fma(v, zero(), odd);
    }
    *low = reduce_min(least);
    *high = reduce_max(most);
  }
  return all(eq(odd, zero()));
}

namespace {

// The slots of values: 0 below the range, then the bins, then what is above. In float where that cannot be wrong,
// else by the exact rule.
class Binner {
 public:
  Binner(double low, double high, int64_t bins)
      : exact_{low, high, (high - low) / static_cast<double>(bins),
               static_cast<double>(bins) / (high - low), static_cast<double>(bins)},
        low_(set1(static_cast<float>(low))),
        per_unit_(set1(static_cast<float>(exact_.per_unit))) {
    // Twice the most that rounding low, per_unit, the difference and the product moves a position,
    // in bins. It may exceed 1/2; then nothing is sure.
    const double magnitude = low < 0 ? -low : low;
    const double margin = 0x1.0p-23 * (3.0 * exact_.bins + magnitude * exact_.per_unit) +
                          0x1.0p-147 * exact_.per_unit + 1e-6;
    least_ = set1(static_cast<float>(margin));
    most_ = set1(static_cast<float>(1.0 - margin));
    last_ = set1(static_cast<float>(exact_.bins - margin));
  }

  void slots_of_vector(vf x, int32_t* out) const {
    const vf position = mul(sub(x, low_), per_unit_);
    const vf bin = round_down(position), part = sub(position, bin);
    const vm inside = both(ge(position, zero()), le(position, last_));
    const vm sure = both(inside, both(ge(part, least_), le(part, most_)));
    if (all(sure)) {
      store_ints(out, add(bin, set1(1.0f)));
    } else {
      exact_slots(x, out);
    }
  }
  void exact_slots(vf x, int32_t* out) const {
    bins_of(x, exact_, out);
    for (int j = 0; j < kWidth; ++j) ++out[j];
  }

 private:
  BinScale exact_;
  vf low_, per_unit_, least_, most_, last_;
};

// Slots of n <= kWidth values; `out` has room for kWidth.
inline void slots_of_some(const float* x, int64_t n, const Binner& binner, int32_t* out) {
  if (n == kWidth) {
    binner.slots_of_vector(load(x), out);
  } else {
    binner.exact_slots(load(x, tail_mask(n)), out);
  }
}

constexpr int64_t kTableBins = 2048;   // up to this many bins have tables on the stack
constexpr int64_t kTableWorth = 16384; // shorter inputs do not pay for clearing them

inline void count_in_tables(const float* x, int64_t n, const Binner& binner, int64_t bins,
                            int64_t* counts, int64_t* below, int64_t* above) {
  uint32_t tables[4][kTableBins + 2];
  for (auto& table : tables) {
    for (int64_t s = 0; s < bins + 2; ++s) table[s] = 0;
  }
  alignas(64) int32_t slots[kWidth];
  int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) {
    binner.slots_of_vector(load_ahead(x + i), slots);
    for (int j = 0; j < kWidth; ++j) ++tables[j & 3][static_cast<uint32_t>(slots[j])];
  }
  if (i < n) slots_of_some(x + i, n - i, binner, slots);
  for (int64_t j = 0; j < n - i; ++j) ++tables[0][slots[j]];
  const auto total = [&](int64_t s) {
    return static_cast<int64_t>(tables[0][s]) + tables[1][s] + tables[2][s] + tables[3][s];
  };
  *below += total(0);
  *above += total(bins + 1);
  for (int64_t b = 0; b < bins; ++b) counts[b] += total(b + 1);
}

}  // namespace

void histogram(const float* x, int64_t n, double low, double high, int64_t bins, int64_t* counts,
               int64_t* below, int64_t* above) {
  const Binner binner(low, high, bins);
  if (bins <= kTableBins && n >= kTableWorth && n < kMostCounted) {
    count_in_tables(x, n, binner, bins, counts, below, above);
    return;
  }
  for (int64_t i = 0; i < n; i += kWidth) {
    const int64_t valid = n - i < kWidth ? n - i : kWidth;
    int32_t slots[kWidth];
    slots_of_some(x + i, valid, binner, slots);
    for (int64_t j = 0; j < valid; ++j) {
      int64_t* count = slots[j] == 0 ? below : slots[j] > bins ? above : counts + slots[j] - 1;
      ++*count;
    }
  }
}

void bin_indices(const float* x, int64_t n, double low, double high, int64_t bins,
                 int32_t* indices) {
  const Binner binner(low, high, bins);
  for (int64_t i = 0; i < n; i += kWidth) {
    const int64_t valid = n - i < kWidth ? n - i : kWidth;
    int32_t slots[kWidth];
    slots_of_some(x + i, valid, binner, slots);
    for (int64_t j = 0; j < valid; ++j) indices[i + j] = slots[j] - 1;
  }
}

int64_t collect_ranges(const float* x, int64_t n, const float* ranges, int count, float* out) {
  int64_t found = 0;
  for_each_vector(n, [&](int64_t i, vm mask, int64_t) QAT_INLINED {
    const vf v = load(x + i, mask);
    unsigned inside = 0;
    for (int r = 0; r < count; ++r) {
      inside |= mask_bits(both(ge(v, set1(ranges[2 * r])), le(v, set1(ranges[2 * r + 1]))));
    }
    inside &= mask_bits(mask);
    for (; inside; inside &= inside - 1) out[found++] = x[i + __builtin_ctz(inside)];
  });
  return found;
}

namespace {

constexpr int64_t kSearchBlock = 128 * kWidth;  // float sums are folded into double this often

// Mid-rise: t is moved by the offset ½ before and its level moved back where it is needed.
template <bool kMidrise>
struct CandidateLanes {
  vf inverse, low, high, sum;

  explicit CandidateLanes(const ScaleCandidate& c)
      : CandidateLanes(set1(c.inverse), set1(c.low), set1(c.high)) {}
  CandidateLanes(vf i, vf l, vf h) : inverse(i), low(l), high(h), sum(zero()) {}
  vf moved(vf x) const {
    const vf t = mul(x, inverse);
    if constexpr (kMidrise) return sub(t, set1(0.5f));
    return t;
  }
  vf code(vf t) const { return min(max(round_even(t), low), high); }
  vf error(vf x) const {
    if constexpr (kMidrise) {
      const vf t = moved(x);
      return sub(t, code(t));
    }
    // Adding it leaves no bits for a fraction; what is too large for that is clipped.
    const vf whole = set1(0x1.8p23f);
    const vf q = min(max(sub(fma(x, inverse, whole), whole), low), high);
    return fms(x, inverse, q);
  }
  void add(vf x) {
    const vf d = error(x);
    sum = fma(d, d, sum);
  }
  // A lane outside the mask holds 0, which only the mid-rise grid quantizes with an error.
  void add(vf x, vm mask) {
    vf d = error(x);
    if constexpr (kMidrise) d = keep(mask, d);
    sum = fma(d, d, sum);
  }
};

template <int COUNT, bool kMidrise>
inline void errors_of_block(const float* x, int64_t n, const ScaleCandidate* c, double* d2) {
  if constexpr (COUNT == 1) {
    CandidateLanes<kMidrise> only(c[0]);
    for_each_vector(n, [&](int64_t i, vm mask, int64_t) QAT_INLINED { only.add(load(x + i, mask), mask); });
    d2[0] += reduce_add(only.sum);
  } else {
    CandidateLanes<kMidrise> c0(c[0]), c1(c[1]), c2(c[2]), c3(c[3]);
    for_each_vector(n, [&](int64_t i, vm mask, int64_t) QAT_INLINED {
      const vf v = load_ahead(x + i, mask);
      c0.add(v, mask);
      c1.add(v, mask);
      c2.add(v, mask);
      c3.add(v, mask);
    });
    d2[0] += reduce_add(c0.sum);
    d2[1] += reduce_add(c1.sum);
    d2[2] += reduce_add(c2.sum);
    d2[3] += reduce_add(c3.sum);
  }
}

constexpr int64_t kLaneElements = 1024;  // up to this many the candidates lie across the lanes

// At most kWidth candidates, one a lane: no sums across lanes, which dominate for few elements.
template <bool kMidrise>
inline void errors_by_lanes(const float* x, int64_t n, const ScaleCandidate* c, int count,
                            double* d2) {
  float inverse[kWidth], low[kWidth], high[kWidth], sums[kWidth];
  for (int j = 0; j < kWidth; ++j) {
    const ScaleCandidate& from = c[j < count ? j : count - 1];
    inverse[j] = from.inverse;
    low[j] = from.low;
    high[j] = from.high;
  }
  CandidateLanes<kMidrise> even(load(inverse), load(low), load(high)), odd = even;
  int64_t i = 0;
  for (; i + 2 <= n; i += 2) {
    even.add(set1(x[i]));
    odd.add(set1(x[i + 1]));
  }
  if (i < n) even.add(set1(x[i]));
  store(sums, add(even.sum, odd.sum));
  for (int j = 0; j < count; ++j) d2[j] += static_cast<double>(sums[j]);
}

template <bool kMidrise>
inline void errors_of_candidates(const float* x, int64_t n, const ScaleCandidate* candidates,
                                 int count, double* d2) {
  if (n <= kLaneElements) {
    for (; count >= kWidth / 2; candidates += kWidth, d2 += kWidth, count -= kWidth) {
      errors_by_lanes<kMidrise>(x, n, candidates, count < kWidth ? count : kWidth, d2);
    }
  }
  for (int64_t begin = 0; begin < n; begin += kSearchBlock) {
    const int64_t length = n - begin < kSearchBlock ? n - begin : kSearchBlock;
    int c = 0;
    for (; c + 4 <= count; c += 4) {
      errors_of_block<4, kMidrise>(x + begin, length, candidates + c, d2 + c);
    }
    for (; c < count; ++c) {
      errors_of_block<1, kMidrise>(x + begin, length, candidates + c, d2 + c);
    }
  }
}

template <bool kMidrise>
inline ScaleFit fit_of_candidate(const float* x, int64_t n, const ScaleCandidate& candidate) {
  ScaleFit fit;
  const vf half = set1(0.5f);
  for (int64_t begin = 0; begin < n; begin += kSearchBlock) {
    const int64_t length = n - begin < kSearchBlock ? n - begin : kSearchBlock;
    CandidateLanes<kMidrise> lanes(candidate);
    vf tq = zero(), qq = zero();
    for_each_vector(length, [&](int64_t i, vm mask, int64_t) QAT_INLINED {
      vf t = lanes.moved(load(x + begin + i, mask)), q = lanes.code(t);
      vf d = sub(t, q);
      if constexpr (kMidrise) {
        t = keep(mask, add(t, half));
        q = keep(mask, add(q, half));
        d = keep(mask, d);
      }
      lanes.sum = fma(d, d, lanes.sum);
      tq = fma(t, q, tq);
      qq = fma(q, q, qq);
    });
    fit.tq += reduce_add(tq);
    fit.qq += reduce_add(qq);
    fit.d2 += reduce_add(lanes.sum);
  }
  return fit;
}

}  // namespace

void scale_errors(const float* x, int64_t n, const ScaleCandidate* candidates, int count,
                  double* d2) {
  const bool midrise = count > 0 && candidates[0].offset != 0.0f;
  (midrise ? errors_of_candidates<true> : errors_of_candidates<false>)(x, n, candidates, count, d2);
}

void scale_fit(const float* x, int64_t n, const ScaleCandidate& candidate, ScaleFit* out) {
  const bool midrise = candidate.offset != 0.0f;
  *out = (midrise ? fit_of_candidate<true> : fit_of_candidate<false>)(x, n, candidate);
}

int64_t first_not_finite(const float* x, int64_t n) {
  for (int64_t i = 0; i < n; i += kWidth) {
    const vf v = n - i < kWidth ? load(x + i, tail_mask(n - i)) : load_ahead(x + i);
    const unsigned found = mask_bits(not_finite(v));
    if (found) return i + __builtin_ctz(found);
  }
  return -1;
}

}  // namespace qat::QAT_ISA
