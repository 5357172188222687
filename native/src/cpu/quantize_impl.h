// Quantization kernels, written once for every vector width. Include after vec_*.h. Divisions are
// true divisions and rounding is half to even, so codes are bit-equal to the reference.
#pragma once

#include <cstdint>

#include "qat/kernels.h"

namespace qat::QAT_ISA {
namespace {

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

template <bool kMidrise>
struct AffineQuantizer {
  static constexpr bool kTernary = false;
  vf scale, zero_point, qmin, qmax, half;

  AffineQuantizer(const QuantParams& p, int64_t index)
      : scale(set1(p.scale[index])),
        zero_point(set1(p.zero_point ? static_cast<float>(p.zero_point[index]) : 0.0f)),
        qmin(set1(static_cast<float>(p.qmin))),
        qmax(set1(static_cast<float>(p.qmax))),
        half(set1(0.5f)) {}

  // x/s as the rounding sees it.
  vf ratio(vf x) const {
    if constexpr (kMidrise) return sub(div(x, scale), half);
    return div(x, scale);
  }
  vf code_of_ratio(vf t) const { return add(round_even(t), zero_point); }
  vf raw_code(vf x) const { return code_of_ratio(ratio(x)); }
  vf clip(vf code) const { return min(max(code, qmin), qmax); }
  vm inside(vf code) const { return both(ge(code, qmin), le(code, qmax)); }
  vf centred(vf clipped) const { return sub(clipped, zero_point); }
  // x̂/s of a centred code.
  vf level(vf centred_code) const {
    if constexpr (kMidrise) return add(centred_code, half);
    return centred_code;
  }
  vf value(vf clipped) const { return mul(level(centred(clipped)), scale); }
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
  vm inside(vf code) const { return ge(code, qmin); }
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

inline vf sign_times(vf x, vf scale) { return select(ge(x, zero()), scale, sub(zero(), scale)); }

}  // namespace

void fake_quant(const float* x, float* y, int64_t rows, int64_t cols, const QuantParams& p) {
  with_rule(p, [&](auto quantizer_of) {
    for_each_segment(p, rows, cols, [&](int64_t index, int64_t first, int64_t n) {
      const auto q = quantizer_of(index);
      const float* in = x + first;
      float* out = y + first;
      int64_t i = 0;
      for (; i + kWidth <= n; i += kWidth) {
        store(out + i, q.value(q.clip(q.raw_code(load(in + i)))));
      }
      if (i < n) {
        const vm mask = tail_mask(n - i);
        store(out + i, mask, q.value(q.clip(q.raw_code(load(in + i, mask)))));
      }
    });
  });
}

void quantize(const float* x, uint8_t* codes, int64_t rows, int64_t cols, const QuantParams& p) {
  with_rule(p, [&](auto quantizer_of) {
    for_each_segment(p, rows, cols, [&](int64_t index, int64_t first, int64_t n) {
      const auto q = quantizer_of(index);
      for_each_vector(n, [&](int64_t i, vm mask, int64_t valid) {
        const vf clipped = q.clip(q.raw_code(load(x + first + i, mask)));
        store_codes(codes + first + i, sub(clipped, q.qmin), valid);
      });
    });
  });
}

namespace {

constexpr int64_t kFold = 64 * kWidth;  // float sums are folded into double this often

// dx of up to kFold elements; returns Σ dy · d x̂/d scale.
template <typename Quantizer>
inline double backward_of_block(const float* x, const float* dy, float* dx, int64_t n,
                                const Quantizer& q) {
  vf sum = zero();
  for_each_vector(n, [&](int64_t i, vm mask, int64_t) {
    const vf gradient = load(dy + i, mask), value = load(x + i, mask);
    if constexpr (Quantizer::kTernary) {
      sum = fma(gradient, q.raw_code(value), sum);
      store(dx + i, mask, gradient);
    } else {
      const vf ratio = q.ratio(value);
      const vf code = q.code_of_ratio(ratio);
      const vm kept = q.inside(code);
      const vf centred = q.centred(q.clip(code));
      sum = fma(gradient, select(kept, sub(centred, ratio), q.level(centred)), sum);
      store(dx + i, mask, keep(kept, gradient));
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
        total += backward_of_block(x + at, dy + at, dx + at, length, q);
      }
      if (dscale_partial) dscale_partial[index] += total;
    });
  });
}

void binarize(const float* x, float* y, int64_t rows, int64_t cols, const QuantParams& p) {
  for_each_segment(p, rows, cols, [&](int64_t index, int64_t first, int64_t n) {
    const vf scale = set1(p.scale[index]);
    for_each_vector(n, [&](int64_t i, vm mask, int64_t) {
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

// Counts codes in four tables by turns, so that equal neighbours do not wait for each other. Codes of
// few bits are counted several at a time: their bits side by side index the table.
template <int kBits>
class CodeCounter {
 public:
  void count(const uint8_t* codes, int64_t n) {
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
      uint64_t word;
      __builtin_memcpy(&word, codes + i, 8);
      if constexpr (kBits <= 4) word = (word | word >> (8 - kBits)) & 0x00ff00ff00ff00ff;
      if constexpr (kBits <= 2) word = (word | word >> (16 - 2 * kBits)) & 0x000000ff000000ff;
      for (int j = 0; j < 8; j += kTogether) {
        ++tables_[j / kTogether & 3][(word >> (8 * j)) & (kIndices - 1)];
      }
    }
    for (; i < n; ++i) ++single_[codes[i]];
  }
  void add_to(int64_t* counts, int64_t slots) const {
    uint32_t seen[kIndices];
    for (uint32_t i = 0; i < kIndices; ++i) {
      seen[i] = tables_[0][i] + tables_[1][i] + tables_[2][i] + tables_[3][i];
    }
    uint32_t codes[kCodes];
    for (uint32_t c = 0; c < kCodes; ++c) codes[c] = single_[c];
    // The lowest code of an index is its remainder; what is left is an index of one code fewer.
    for (uint32_t indices = kIndices; indices > 1; indices /= kCodes) {
      for (uint32_t i = 0; i < indices; i += kCodes) {
        uint32_t sum = 0;
        for (uint32_t c = 0; c < kCodes; ++c) {
          codes[c] += seen[i + c];
          sum += seen[i + c];
        }
        seen[i / kCodes] = sum;
      }
    }
    for (int64_t s = 0; s < slots; ++s) counts[s] += codes[s];
  }

 private:
  static constexpr int kTogether = kBits <= 2 ? 4 : kBits <= 4 ? 2 : 1;
  static constexpr uint32_t kCodes = 1u << kBits, kIndices = 1u << (kBits * kTogether);
  uint32_t tables_[4][kIndices] = {};
  uint32_t single_[kCodes] = {};
};

constexpr int64_t kCodeBlock = 2048;  // codes buffered between quantizing and counting
constexpr int64_t kMostCounted = int64_t{1} << 31;  // a counter's slot cannot overflow below this

template <bool kBinary, bool kCodes, typename Quantizer>
inline void error_of_block(const float* x, int64_t n, const Quantizer& q, ErrorLanes& total,
                           uint8_t* codes) {
  ErrorLanes lanes = total;
  for_each_vector(n, [&](int64_t i, vm mask, int64_t valid) {
    const vf value = load(x + i, mask);
    if constexpr (kBinary) {
      lanes.add(value, keep(mask, sign_times(value, q.scale)));
      if constexpr (kCodes) {
        store_codes(codes + i, keep(ge(value, zero()), set1(1.0f)), valid);
      }
    } else {
      const vf code = q.raw_code(value);
      const vf clipped = q.clip(code);
      lanes.clipped += count(and_not(mask, q.inside(code)));
      lanes.add(value, keep(mask, q.value(clipped)));
      if constexpr (kCodes) store_codes(codes + i, sub(clipped, q.qmin), valid);
    }
  });
  total = lanes;
}

template <bool kBinary, int kBits, typename QuantizerOf>
inline void error_of_matrix(const float* x, int64_t rows, int64_t cols, const QuantParams& p,
                            QuantizerOf quantizer_of, ErrorSums* sums, int64_t* code_counts) {
  ErrorLanes lanes;
  CodeCounter<kBits> counter;
  uint8_t codes[kCodeBlock];
  int64_t counted = 0;
  const int64_t slots = kBinary ? 2 : p.qmax - p.qmin + 1;
  for_each_segment(p, rows, cols, [&](int64_t index, int64_t first, int64_t n) {
    const auto q = quantizer_of(index);
    if (!code_counts) {
      error_of_block<kBinary, false>(x + first, n, q, lanes, nullptr);
      return;
    }
    for (int64_t begin = 0; begin < n; begin += kCodeBlock) {
      const int64_t length = n - begin < kCodeBlock ? n - begin : kCodeBlock;
      error_of_block<kBinary, true>(x + first + begin, length, q, lanes, codes);
      counter.count(codes, length);
      counted += length;
      if (counted >= kMostCounted) {
        counter.add_to(code_counts, slots);
        counter = CodeCounter<kBits>();
        counted = 0;
      }
    }
  });
  lanes.add_to(sums);
  if (code_counts) counter.add_to(code_counts, slots);
}

}  // namespace

void quant_error(const float* x, int64_t rows, int64_t cols, const QuantParams& p, bool binary,
                 ErrorSums* sums, int64_t* code_counts) {
  if (binary) {
    const auto scale_of = [&](int64_t index) { return AffineQuantizer<false>(p, index); };
    error_of_matrix<true, 1>(x, rows, cols, p, scale_of, sums, code_counts);
    return;
  }
  with_rule(p, [&](auto quantizer_of) {
    const int32_t slots = p.qmax - p.qmin + 1;
    if (slots <= 4) {
      error_of_matrix<false, 2>(x, rows, cols, p, quantizer_of, sums, code_counts);
    } else if (slots <= 16) {
      error_of_matrix<false, 4>(x, rows, cols, p, quantizer_of, sums, code_counts);
    } else {
      error_of_matrix<false, 8>(x, rows, cols, p, quantizer_of, sums, code_counts);
    }
  });
}

}  // namespace qat::QAT_ISA
