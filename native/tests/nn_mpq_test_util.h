// What the tests of weight-only layers share: an oracle in double that reads bits by itself.
#pragma once

#include <cmath>
#include <vector>

#include "nn/mixed_row_linear.h"
#include "nn/mpq_linear.h"
#include "nn_test_util.h"

namespace mpq_test {

using namespace qat;

inline MpqOptions options(int64_t in, int64_t out, int bits, int64_t group, bool symmetric) {
  MpqOptions o;
  o.linear.in_channels = in;
  o.linear.out_channels = out;
  o.linear.bias = true;
  o.linear.range = RangeEstimator::kAbsMax;
  o.format.bits = bits;
  o.format.group_size = group;
  o.format.symmetric = symmetric;
  return o;
}

// Bits first … first + bits − 1 of the stream whose words are words[offset], words[offset + stride]
// …
inline int stream_value(const std::vector<int32_t>& words, int64_t offset, int64_t stride,
                        int64_t first, int bits) {
  int value = 0;
  for (int b = 0; b < bits; ++b) {
    const int64_t bit = first + b;
    const auto word = static_cast<uint32_t>(words[static_cast<size_t>(offset + bit / 32 * stride)]);
    value |= static_cast<int>(word >> (bit % 32) & 1) << b;
  }
  return value;
}

inline double double_value(const DoubleQuantized& d, int64_t g, int64_t n) {
  const int64_t blocks = (d.outputs + d.block - 1) / d.block;
  const auto helper = static_cast<size_t>(g * blocks + n / d.block);
  return (d.codes[static_cast<size_t>(g * blocks * d.block + n)] - double{d.zeros[helper]}) *
         d.scales[helper];
}

// [out, in] in double, straight from the tensors.
inline std::vector<double> dequantize(const MpqWeight& w) {
  const int bits = w.format.bits;
  const int64_t zero_words = (w.out * bits + 31) / 32;
  std::vector<double> weight(static_cast<size_t>(w.in * w.out));
  for (int64_t n = 0; n < w.out; ++n) {
    for (int64_t k = 0; k < w.in; ++k) {
      const int64_t g = w.g_idx[static_cast<size_t>(k)];
      const auto at = static_cast<size_t>(g * w.out + n);
      const bool twice = w.format.double_group_size > 0;
      const double scale = twice ? double_value(w.double_scales, g, n) : w.scales[at];
      const double q = stream_value(w.qweight, n, w.out, k * bits, bits);
      double value = 0;
      if (w.format.symmetric) {
        value = q * scale - (twice ? double_value(w.double_zeros, g, n) : double{w.zeros[at]});
      } else {
        const int stored = stream_value(w.qzeros, g * zero_words, 1, n * bits, bits);
        value = scale * (q - stored - (w.format.zero_format == ZeroFormat::kGptq ? 1 : 0));
      }
      weight[static_cast<size_t>(n * w.in + k)] = value;
    }
  }
  return weight;
}

// [out, in] in double, walking the stored rows from the packed words alone.
inline std::vector<double> dequantize_mixed(const MixedRowWeight& w) {
  std::vector<double> weight(static_cast<size_t>(w.in * w.out));
  const int64_t groups = static_cast<int64_t>(w.q_groups.size()) / 2;
  const int64_t rows = static_cast<int64_t>(w.qweight.size()) / w.out;
  size_t stored = 0;
  for (int64_t g = 0; g < groups; ++g) {
    const int bits = w.q_groups[static_cast<size_t>(2 * g)];
    const int64_t first = w.q_groups[static_cast<size_t>(2 * g + 1)];
    const int64_t end = g + 1 < groups ? w.q_groups[static_cast<size_t>(2 * g + 3)] : rows;
    for (int64_t i = 0; i < (end - first) * 32 / bits; ++i, ++stored) {
      for (int64_t n = 0; n < w.out; ++n) {
        const int q = stream_value(w.qweight, first * w.out + n, w.out, i * bits, bits);
        const auto at = static_cast<size_t>(g * w.out + n);
        weight[static_cast<size_t>(n * w.in + w.q_perm[stored])] =
            q * double{w.scales[at]} - w.zeros[at];
      }
    }
  }
  return weight;
}

// y = x·wᵀ + b in double.
inline std::vector<double> multiply(const std::vector<float>& x, const std::vector<double>& w,
                                    int64_t batch, int64_t in, int64_t out, const float* bias) {
  std::vector<double> y(static_cast<size_t>(batch * out));
  for (int64_t m = 0; m < batch; ++m) {
    for (int64_t n = 0; n < out; ++n) {
      double sum = bias ? bias[n] : 0.0f;
      for (int64_t k = 0; k < in; ++k) {
        sum += double{x[static_cast<size_t>(m * in + k)]} * w[static_cast<size_t>(n * in + k)];
      }
      y[static_cast<size_t>(m * out + n)] = sum;
    }
  }
  return y;
}

template <typename A, typename B>
double largest_difference(const A& a, const B& b) {
  double most = a.size() == b.size() ? 0 : INFINITY;
  for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
    most = std::fmax(most, std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  }
  return most;
}

}  // namespace mpq_test
