// Quantization kernels, written once for every vector width. Include after vec_*.h. Divisions are
// true divisions and rounding is half to even, so codes are bit-equal to the reference.
#pragma once

#include <cstdint>

#include "qat/kernels.h"

// What is done with every vector must stand in its loop, sums in registers.
#ifdef _MSC_VER
#define QAT_INLINED
#else
#define QAT_INLINED __attribute__((always_inline))
#endif

namespace qat::QAT_ISA {
namespace {

// A load, and a hint for what a pass over memory comes to 4 KiB later (that need not exist).
inline void hint_ahead(const float* p) { _mm_prefetch(reinterpret_cast<const char*>(p + 1024), _MM_HINT_T0); }
inline vf load_ahead(const float* p) {
  hint_ahead(p);
  return load(p);
}
inline vf load_ahead(const float* p, vm m) {
  hint_ahead(p);
  return load(p, m);
}

// Calls fn(scale index, first element, count) for every run of elements that share a scale.
template <typename Fn>
inline void for_each_segment(const QuantParams& p, int64_t rows, int64_t cols, Fn&& fn) {
  if (p.row_stride == 0) {
    if (rows * cols > 0) fn(int64_t{0}, int64_t{0}, rows * cols);
    return;
  }
  for (int64_t r = 0; r < rows; ++r) {
    int64_t index = r * p.row_stride;
    for (int64_t c = 0; c < cols; c += p.group_cols, ++index) {
      const int64_t left = cols - c;
      fn(index, r * cols + c, left < p.group_cols ? left : p.group_cols);
    }
  }
}

// Codes are those of the division x/s. A product with 1/s differs from it by less than 3 rounding errors, so
// where the product is further than that from a tie, it rounds to the same code; other vectors are divided. What
// lies beyond the grid by more than a code is clipped either way.
template <bool kMidrise>
struct AffineQuantizer {
  static constexpr bool kTernary = false;
  vf scale, inverse, most_fraction, low, high, half;

  AffineQuantizer(const QuantParams& p, int64_t index) {
    const float s = p.scale[index];
    const int64_t zero = p.zero_point ? p.zero_point[index] : 0;
    const int64_t below = p.qmin - zero, above = p.qmax - zero;
    const double reach = 2.0 + static_cast<double>(-below > above ? -below : above);
    // 1/s must be a normal number with a relative error of half a unit in the last place.
    const bool plain = s >= 0x1.0p-120f && s <= 0x1.0p120f;
    scale = set1(s);
    inverse = set1(1.0f / s);
    most_fraction = set1(plain ? static_cast<float>(0.5 - 0x1.0p-21 * reach) : -1.0f);
    low = set1(static_cast<float>(below));
    high = set1(static_cast<float>(above));
    half = set1(0.5f);
  }

  // About x/s as the rounding sees it, and that.
  vf ratio(vf x) const {
    if constexpr (kMidrise) return sub(mul(x, inverse), half);
    return mul(x, inverse);
  }
  vf exact_ratio(vf x) const {
    if constexpr (kMidrise) return sub(div(x, scale), half);
    return div(x, scale);
  }
  // The code minus the zero point, before clipping.
  QAT_INLINED vf raw_code(vf x) const {
    const vf t = ratio(x);
    vf rounded = round_even(t);
    if (__builtin_expect(!all(le(abs(sub(t, rounded)), most_fraction)), 0)) rounded = round_even(exact_ratio(x));
    return rounded;
  }
  vf clip(vf code) const { return min(max(code, low), high); }
  vm inside(vf code) const { return both(ge(code, low), le(code, high)); }
  // Counts from 0.
  vf stored(vf clipped) const { return sub(clipped, low); }
  // x̂/s of a clipped code; the sum makes +0 of −0.
  vf level(vf clipped) const { return add(clipped, kMidrise ? half : zero()); }
  vf value(vf clipped) const { return mul(level(clipped), scale); }
};

struct TernaryQuantizer {
  static constexpr bool kTernary = true;
  vf scale, minus, threshold, below, qmin;

  TernaryQuantizer(const QuantParams& p, int64_t index)
      : scale(set1(p.scale[index])),
        minus(set1(-(p.negative_scale ? p.negative_scale[index] : p.scale[index]))),
        threshold(set1(p.threshold[index])),
        below(set1(-p.threshold[index])),
        qmin(set1(-1.0f)) {}

  vf raw_code(vf x) const {
    const vf one = set1(1.0f);
    return sub(keep(gt(x, threshold), one), keep(gt(below, x), one));
  }
  vf clip(vf code) const { return code; }
  vf stored(vf code) const { return sub(code, qmin); }
  vf value(vf code) const {
    return select(gt(code, zero()), scale, keep(gt(zero(), code), minus));
  }
};

// Calls fn with a function that makes the quantizer of a scale index, by the rule of p.
template <typename Fn>
inline void with_rule(const QuantParams& p, Fn&& fn) {
  if (p.threshold) {
    fn([&](int64_t index) { return TernaryQuantizer(p, index); });
  } else if (p.offset != 0.0f) {
    fn([&](int64_t index) { return AffineQuantizer<true>(p, index); });
  } else {
    fn([&](int64_t index) { return AffineQuantizer<false>(p, index); });
  }
}

// Calls fn(offset, mask, count) for kWidth elements at a time; the mask is full but for the tail.
template <typename Fn>
inline void for_each_vector(int64_t n, Fn&& fn) {
  int64_t i = 0;
  const vm full = tail_mask(kWidth);
  for (; i + kWidth <= n; i += kWidth) fn(i, full, static_cast<int64_t>(kWidth));
  if (i < n) fn(i, tail_mask(n - i), n - i);
}

constexpr int64_t kWorthStreaming = 256;  // fewer elements would leave lines half written

// out[i] = fn(offset, mask) for n elements, past the caches if asked: a line that is written whole need not be
// read first.
template <typename Fn>
inline void store_each(float* out, int64_t n, bool streamed, Fn&& fn) {
  const vm full = tail_mask(kWidth);
  int64_t i = 0;
  if (streamed && n >= kWorthStreaming) {
    const auto misplaced = static_cast<int64_t>(reinterpret_cast<uintptr_t>(out) / sizeof(float)) & (kWidth - 1);
    i = (kWidth - misplaced) & (kWidth - 1);
    if (i) store(out, tail_mask(i), fn(int64_t{0}, tail_mask(i)));
    for (; i + kWidth <= n; i += kWidth) stream(out + i, fn(i, full));
  } else {
    for (; i + kWidth <= n; i += kWidth) store(out + i, fn(i, full));
  }
  if (i < n) store(out + i, tail_mask(n - i), fn(i, tail_mask(n - i)));
}

inline vf sign_times(vf x, vf scale) { return select(ge(x, zero()), scale, sub(zero(), scale)); }

}  // namespace

void fake_quant(const float* x, float* y, int64_t rows, int64_t cols, const QuantParams& p) {
  with_rule(p, [&](auto quantizer_of) {
    for_each_segment(p, rows, cols, [&](int64_t index, int64_t first, int64_t n) {
      const auto q = quantizer_of(index);
      store_each(y + first, n, p.streamed, [&](int64_t i, vm mask) QAT_INLINED {
        return q.value(q.clip(q.raw_code(load_ahead(x + first + i, mask))));
      });
    });
  });
  if (p.streamed) _mm_sfence();
}

void quantize(const float* x, uint8_t* codes, int64_t rows, int64_t cols, const QuantParams& p) {
  with_rule(p, [&](auto quantizer_of) {
    for_each_segment(p, rows, cols, [&](int64_t index, int64_t first, int64_t n) {
      const auto q = quantizer_of(index);
      for_each_vector(n, [&](int64_t i, vm mask, int64_t valid) QAT_INLINED {
        store_codes(codes + first + i, q.stored(q.clip(q.raw_code(load(x + first + i, mask)))), valid);
      });
    });
  });
}

namespace {

constexpr int64_t kFold = 64 * kWidth;  // float sums are folded into double this often

// dx of up to kFold elements; returns Σ dy · d x̂/d scale.
template <typename Quantizer>
inline double backward_of_block(const float* x, const float* dy, float* dx, int64_t n, bool streamed,
                                const Quantizer& q) {
  vf sum = zero();
  store_each(dx, n, streamed, [&](int64_t i, vm mask) QAT_INLINED {
    const vf gradient = load_ahead(dy + i, mask), value = load_ahead(x + i, mask);
    const vf code = q.raw_code(value);
    if constexpr (Quantizer::kTernary) {
      sum = fma(gradient, code, sum);
      return gradient;
    } else {
      const vm kept = q.inside(code);
      const vf clipped = q.clip(code);
      sum = fma(gradient, select(kept, sub(clipped, q.ratio(value)), q.level(clipped)), sum);
      return keep(kept, gradient);
    }
  });
  return reduce_add(sum);
}

}  // namespace

void fake_quant_backward(const float* x, const float* dy, float* dx, double* dscale_partial,
                         int64_t rows, int64_t cols, const QuantParams& p) {
  with_rule(p, [&](auto quantizer_of) {
    for_each_segment(p, rows, cols, [&](int64_t index, int64_t first, int64_t n) {
      const auto q = quantizer_of(index);
      double total = 0;
      for (int64_t begin = 0; begin < n; begin += kFold) {
        const int64_t length = n - begin < kFold ? n - begin : kFold;
        const int64_t at = first + begin;
        total += backward_of_block(x + at, dy + at, dx + at, length, p.streamed, q);
      }
      if (dscale_partial) dscale_partial[index] += total;
    });
  });
  if (p.streamed) _mm_sfence();
}

void binarize(const float* x, float* y, int64_t rows, int64_t cols, const QuantParams& p) {
  for_each_segment(p, rows, cols, [&](int64_t index, int64_t first, int64_t n) {
    const vf scale = set1(p.scale[index]);
    for_each_vector(n, [&](int64_t i, vm mask, int64_t) QAT_INLINED {
      store(y + first + i, mask, sign_times(load(x + first + i, mask), scale));
    });
  });
}

namespace {

// Sums of one or several segments, two vectors of doubles each.
struct ErrorLanes {
  vd x2[2], y2[2], xy[2], e2[2], largest;
  int64_t clipped = 0;

  ErrorLanes() : largest(dzero()) {
    for (int h = 0; h < 2; ++h) x2[h] = y2[h] = xy[h] = e2[h] = dzero();
  }

  void add_half(int h, vd x, vd y) {
    const vd error = dsub(x, y);
    x2[h] = dfma(x, x, x2[h]);
    y2[h] = dfma(y, y, y2[h]);
    xy[h] = dfma(x, y, xy[h]);
    e2[h] = dfma(error, error, e2[h]);
    largest = dmax(largest, dabs(error));
  }
  void add(vf x, vf y) {
    add_half(0, low_half(x), low_half(y));
    add_half(1, high_half(x), high_half(y));
  }
  void add_to(ErrorSums* s) const {
    s->x2 += reduce_add(dadd(x2[0], x2[1]));
    s->y2 += reduce_add(dadd(y2[0], y2[1]));
    s->xy += reduce_add(dadd(xy[0], xy[1]));
    s->e2 += reduce_add(dadd(e2[0], e2[1]));
    const double most = reduce_max(largest);
    if (most > s->max_error) s->max_error = most;
    s->clipped += clipped;
  }
};

// The same in float for up to kFold elements, all multiplied by one power of two: squares of any numbers that
// lie near each other stay in range.
struct FloatErrorLanes {
  vf unit, x2, y2, xy, e2, largest;
  int64_t clipped = 0;

  explicit FloatErrorLanes(float power)
      : unit(set1(power)), x2(zero()), y2(zero()), xy(zero()), e2(zero()), largest(zero()) {}

  void add(vf x, vf y) {
    x = mul(x, unit);
    y = mul(y, unit);
    const vf error = sub(x, y);
    x2 = fma(x, x, x2);
    y2 = fma(y, y, y2);
    xy = fma(x, y, xy);
    e2 = fma(error, error, e2);
    largest = max(abs(error), largest);
  }
  void add_to(ErrorLanes* total, double inverse_unit) const {
    const vd back = dset1(inverse_unit), square = dset1(inverse_unit * inverse_unit);
    const auto fold = [&](vd (&sums)[2], vf v) {
      sums[0] = dfma(low_half(v), square, sums[0]);
      sums[1] = dfma(high_half(v), square, sums[1]);
    };
    fold(total->x2, x2);
    fold(total->y2, y2);
    fold(total->xy, xy);
    fold(total->e2, e2);
    total->largest = dmax(total->largest, dmul(dmax(low_half(largest), high_half(largest)), back));
    total->clipped += clipped;
  }
};

// Counts codes in four tables by turns, so that equal neighbours do not wait for each other.
class CodeCounter {
 public:
  void count(const uint8_t* codes, int64_t n) {
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
      uint64_t word;
      __builtin_memcpy(&word, codes + i, 8);
      for (int j = 0; j < 8; ++j) ++tables_[j & 3][(word >> (8 * j)) & 255];
    }
    for (; i < n; ++i) ++tables_[0][codes[i]];
  }
  void add_to(int64_t* counts, int64_t slots) const {
    for (int64_t s = 0; s < slots; ++s) {
      counts[s] += static_cast<int64_t>(tables_[0][s]) + tables_[1][s] + tables_[2][s] + tables_[3][s];
    }
  }

 private:
  uint32_t tables_[4][256] = {};
};

// Few codes are counted one after the other, each in many bytes at once. That is quicker for this many, in blocks
// of at least so many bytes.
constexpr int64_t kFewCodes = 32, kWorthComparing = 128;

inline void count_few_codes(const uint8_t* codes, int64_t n, int64_t slots, int64_t* counts) {
  int64_t left = n;
  for (int64_t s = 0; s + 1 < slots; ++s) {
    const int64_t equal = count_equal(codes, n, static_cast<uint8_t>(s));
    counts[s] += equal;
    left -= equal;
  }
  counts[slots - 1] += left;
}

constexpr int64_t kMostCounted = int64_t{1} << 31;  // a counter's slot cannot overflow below this

template <bool kBinary, bool kCodes, typename Quantizer, typename Lanes>
inline void add_errors(const float* x, int64_t n, const Quantizer& q, Lanes* total, uint8_t* codes) {
  Lanes lanes = *total;
  for_each_vector(n, [&](int64_t i, vm mask, int64_t valid) QAT_INLINED {
    const vf value = load(x + i, mask);
    if constexpr (kBinary) {
      lanes.add(value, keep(mask, sign_times(value, q.scale)));
      if constexpr (kCodes) store_codes(codes + i, keep(ge(value, zero()), set1(1.0f)), valid);
    } else {
      const vf code = q.raw_code(value);
      const vf clipped = q.clip(code);
      if constexpr (!Quantizer::kTernary) lanes.clipped += count(and_not(mask, eq(code, clipped)));
      lanes.add(value, keep(mask, q.value(clipped)));
      if constexpr (kCodes) store_codes(codes + i, q.stored(clipped), valid);
    }
  });
  *total = lanes;
}

// Calls fn(scale index, offset, count) for the runs of a block of one row that share a scale.
template <typename Fn>
inline void for_each_run(const QuantParams& p, int64_t row, int64_t col, int64_t n, Fn&& fn) {
  if (p.row_stride <= 1) {
    fn(row * p.row_stride, int64_t{0}, n);
    return;
  }
  for (int64_t at = 0; at < n;) {
    const int64_t group = (col + at) / p.group_cols;
    const int64_t end = (group + 1) * p.group_cols - col;
    const int64_t run = (end < n ? end : n) - at;
    fn(row * p.row_stride + group, at, run);
    at += run;
  }
}

// The power of two by which a block's numbers are multiplied for sums in float; 0 where they and the scales lie
// too far from each other, or are 0.
inline float unit_of_block(const float* x, int64_t n, float least_scale, float most_scale) {
  vf most = zero();
  for_each_vector(n, [&](int64_t i, vm mask, int64_t) QAT_INLINED { most = max(abs(load(x + i, mask)), most); });
  const float largest = reduce_max(most);
  constexpr float kFar = 0x1.0p30f;
  if (!(largest <= kFar * least_scale && most_scale <= kFar * largest)) return 0;
  if (!(largest >= 0x1.0p-90f && largest <= 0x1.0p90f)) return 0;
  return __builtin_ldexpf(1.0f, -__builtin_ilogbf(largest));
}

template <bool kBinary, bool kCodes, typename QuantizerOf>
inline void error_of_block(const float* x, int64_t row, int64_t col, int64_t n, const QuantParams& p,
                           QuantizerOf quantizer_of, ErrorLanes* total, uint8_t* codes) {
  float least = p.scale[0], most = 0;
  for_each_run(p, row, col, n, [&](int64_t index, int64_t, int64_t) {
    const float minus = p.negative_scale ? p.negative_scale[index] : p.scale[index];
    if (most == 0 || p.scale[index] < least) least = p.scale[index];
    if (p.scale[index] > most) most = p.scale[index];
    if (minus < least) least = minus;
    if (minus > most) most = minus;
  });
  const float unit = unit_of_block(x, n, least, most);
  const auto add_to = [&](auto* lanes) {
    for_each_run(p, row, col, n, [&](int64_t index, int64_t at, int64_t run) {
      add_errors<kBinary, kCodes>(x + at, run, quantizer_of(index), lanes, codes + at);
    });
  };
  if (unit == 0) {
    add_to(total);
    return;
  }
  FloatErrorLanes lanes(unit);
  add_to(&lanes);
  lanes.add_to(total, 1.0 / static_cast<double>(unit));
}

// Errors of a matrix, block by block; use_codes(codes, n) takes the codes of each where they are asked for.
template <bool kBinary, bool kCodes, typename QuantizerOf, typename UseCodes>
inline void error_of_matrix(const float* x, int64_t rows, int64_t cols, const QuantParams& p,
                            QuantizerOf quantizer_of, ErrorSums* sums, UseCodes&& use_codes) {
  ErrorLanes lanes;
  uint8_t codes[kFold];
  if (p.row_stride == 0) {  // one scale: one long row
    cols *= rows;
    rows = 1;
  }
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t col = 0; col < cols; col += kFold) {
      const int64_t n = cols - col < kFold ? cols - col : kFold;
      error_of_block<kBinary, kCodes>(x + row * cols + col, row, col, n, p, quantizer_of, &lanes, codes);
      if constexpr (kCodes) use_codes(codes, n);
    }
  }
  lanes.add_to(sums);
}

template <bool kBinary, typename QuantizerOf>
inline void error_and_codes(const float* x, int64_t rows, int64_t cols, const QuantParams& p,
                            QuantizerOf quantizer_of, ErrorSums* sums, int64_t* counts) {
  const int64_t slots = kBinary ? 2 : p.qmax - p.qmin + 1;
  if (!counts) {
    error_of_matrix<kBinary, false>(x, rows, cols, p, quantizer_of, sums, [](const uint8_t*, int64_t) {});
  } else if (slots <= kFewCodes) {
    error_of_matrix<kBinary, true>(x, rows, cols, p, quantizer_of, sums, [&](const uint8_t* codes, int64_t n) {
      if (n >= kWorthComparing) return count_few_codes(codes, n, slots, counts);
      for (int64_t i = 0; i < n; ++i) ++counts[codes[i]];
    });
  } else {
    CodeCounter counter;
    int64_t counted = 0;
    error_of_matrix<kBinary, true>(x, rows, cols, p, quantizer_of, sums, [&](const uint8_t* codes, int64_t n) {
      counter.count(codes, n);
      counted += n;
      if (counted < kMostCounted) return;
      counter.add_to(counts, slots);
      counter = CodeCounter();
      counted = 0;
    });
    counter.add_to(counts, slots);
  }
}

}  // namespace

void quant_error(const float* x, int64_t rows, int64_t cols, const QuantParams& p, bool binary,
                 ErrorSums* sums, int64_t* code_counts) {
  if (binary) {
    const auto scale_of = [&](int64_t index) { return AffineQuantizer<false>(p, index); };
    error_and_codes<true>(x, rows, cols, p, scale_of, sums, code_counts);
    return;
  }
  with_rule(p, [&](auto quantizer_of) {
    error_and_codes<false>(x, rows, cols, p, quantizer_of, sums, code_counts);
  });
}

}  // namespace qat::QAT_ISA
