#include "nn/quantized_matmul.h"

#include <algorithm>
#include <vector>

#include "qat/error.h"
#include "qat/kernels.h"
#include "quant/packing.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

// Columns whose integer dot product cannot leave int32: 255 · 255 · 16384 < 2^31.
constexpr int64_t kExactCols = 16384;

const float* fake_quantized(ActivationQuantizer& quantizer, const float* x, int64_t samples,
                            int64_t size, AlignedVector<float>* buffer) {
  if (quantizer.is_float()) return x;
  grow(*buffer, samples * size);
  quantizer.fake_quantize(x, buffer->data(), samples, size);
  return buffer->data();
}

// Centred codes of one operand's matrix as rows [rows, k], and their sums.
struct CodeRows {
  std::vector<int16_t> codes;
  std::vector<int64_t> sums;

  // x [rows, k], or [k, rows] where it stands the other way round.
  void fill(const ActivationQuantizer& quantizer, const float* x, int64_t rows, int64_t k,
            bool turned) {
    codes.resize(static_cast<size_t>(rows * k));
    sums.assign(static_cast<size_t>(rows), 0);
    if (turned) {
      scratch_.resize(codes.size());
      quantizer.centred_codes(x, scratch_.data(), rows * k);
      for (int64_t c = 0; c < k; ++c) {
        for (int64_t r = 0; r < rows; ++r) {
          codes[static_cast<size_t>(r * k + c)] = scratch_[static_cast<size_t>(c * rows + r)];
        }
      }
    } else {
      quantizer.centred_codes(x, codes.data(), rows * k);
    }
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < k; ++c) sums[static_cast<size_t>(r)] += row(r, k)[c];
    }
  }
  const int16_t* row(int64_t r, int64_t k) const { return codes.data() + r * k; }

 private:
  std::vector<int16_t> scratch_;
};

// The rows of the right operand in the packed form that the dot-product kernels read.
struct PackedRows {
  int bits = 0;
  int32_t lowest = 0;  // code of stored 0
  int64_t row_bytes = 0;
  std::vector<uint8_t> bytes;

  explicit PackedRows(const ActivationQuantizer& quantizer) {
    const ActivationOptions& o = quantizer.options();
    // Signs are −1 and 1 = 0 and 2 − 1: two bits.
    bits = quantizer.is_sign() ? 2 : o.bits;
    lowest = quantizer.is_sign() ? -1 : quantizer.range().qmin;
  }
  void fill(const CodeRows& rows, int64_t count, int64_t k) {
    row_bytes = packed_row_bytes(k, bits);
    bytes.resize(static_cast<size_t>(count * row_bytes));
    stored_.resize(static_cast<size_t>(k));
    for (int64_t r = 0; r < count; ++r) {
      for (int64_t c = 0; c < k; ++c) {
        stored_[static_cast<size_t>(c)] = static_cast<uint8_t>(rows.row(r, k)[c] - lowest);
      }
      kernels().pack_row(stored_.data(), bytes.data() + r * row_bytes, k, bits);
    }
  }
  const uint8_t* row(int64_t r) const { return bytes.data() + r * row_bytes; }

 private:
  std::vector<uint8_t> stored_;
};

// [rows, k] or, turned, [k, rows] → a bit per sign, rows from byte to byte.
void pack_signs(const float* x, int64_t rows, int64_t k, bool turned, std::vector<uint8_t>* bits) {
  const int64_t row_bytes = packed_row_bytes(k, 1);
  bits->resize(static_cast<size_t>(rows * row_bytes));
  std::vector<uint8_t> signs(static_cast<size_t>(k));
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < k; ++c) {
      signs[static_cast<size_t>(c)] = (turned ? x[c * rows + r] : x[r * k + c]) >= 0;
    }
    kernels().pack_row(signs.data(), bits->data() + r * row_bytes, k, 1);
  }
}

}  // namespace

QuantizedMatmul::QuantizedMatmul(Right right, const ActivationOptions& a,
                                 const ActivationOptions& b)
    : right_(right), a_(a), b_(b) {}

void QuantizedMatmul::require_ready(const MatmulShape& s) const {
  if (s.samples < 1 || s.matrices < 1 || s.m < 1 || s.n < 1 || s.k < 1) {
    throw Error("E-NATIVE-ARGUMENT", "A matrix product needs at least one row, column and sample.",
                "Check the operands' shapes.");
  }
  if (ready()) return;
  throw Error("E-LAYER-STATE", "A quantized product was used before its operands had scales.",
              "Prepare the network with calibration data first.");
}

void QuantizedMatmul::set_quantizing(bool quantizing) {
  if (quantizing == quantizing_) return;
  quantizing_ = quantizing;
  a_input_ = nullptr;
}

void QuantizedMatmul::forward(const MatmulShape& s, const float* a, const float* b, float* y) {
  multiply(s, a, b, y, quantizing_);
}

void QuantizedMatmul::multiply(const MatmulShape& s, const float* a, const float* b, float* y,
                               bool quantize) {
  require_ready(s);
  shape_ = s;
  a_input_ = a;
  b_input_ = b;
  a_hat_ = quantize ? fake_quantized(a_, a, s.samples, s.a_size(), &a_buffer_) : a;
  b_hat_ = quantize ? fake_quantized(b_, b, s.samples, s.b_size(), &b_buffer_) : b;
  const bool turned = right_ == Right::kTransposed;
  parallel_for(s.batch(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      kernels().gemm(false, turned, s.m, s.n, s.k, a_hat_ + i * s.m * s.k, s.k,
                     b_hat_ + i * s.n * s.k, turned ? s.k : s.n, y + i * s.m * s.n, s.n, false);
    }
  });
}

void QuantizedMatmul::backward(const float* dy, float* da, float* db) {
  if (!a_input_) {
    throw Error("E-LAYER-STATE", "A matrix product's backward was called before a forward.",
                "Call forward first.");
  }
  const MatmulShape& s = shape_;
  const bool turned = right_ == Right::kTransposed;
  parallel_for(s.batch(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float *a = a_hat_ + i * s.m * s.k, *b = b_hat_ + i * s.n * s.k, *d = dy + i * s.m * s.n;
      float *to_a = da + i * s.m * s.k, *to_b = db + i * s.n * s.k;
      kernels().gemm(false, !turned, s.m, s.k, s.n, d, s.n, b, turned ? s.k : s.n, to_a, s.k,
                     false);
      if (turned) {
        kernels().gemm(true, false, s.n, s.k, s.m, d, s.n, a, s.k, to_b, s.k, false);
      } else {
        kernels().gemm(true, false, s.k, s.n, s.m, a, s.k, d, s.n, to_b, s.n, false);
      }
    }
  });
  if (!quantizing_) return;
  if (!a_.is_float()) a_.backward(a_input_, da, da, s.samples, s.a_size());
  if (!b_.is_float()) b_.backward(b_input_, db, db, s.samples, s.b_size());
}

void QuantizedMatmul::forward_packed(const MatmulShape& s, const float* a, const float* b,
                                     float* y) {
  if (a_.is_float() || b_.is_float()) {
    multiply(s, a, b, y, true);
  } else {
    require_ready(s);
    const bool signs = a_.is_sign() && b_.is_sign();
    signs ? multiply_signs(s, a, b, y) : multiply_codes(s, a, b, y);
  }
  a_input_ = nullptr;  // nothing a backward could follow
}

// Σ (s_a·c_a + t_a)(s_b·c_b + t_b) = s_a·s_b·Σ c_a·c_b + s_a·t_b·Σ c_a + t_a·s_b·Σ c_b + k·t_a·t_b
void QuantizedMatmul::multiply_codes(const MatmulShape& s, const float* a, const float* b,
                                     float* y) const {
  const double sa = a_.scale(), ta = a_.state().shift, sb = b_.scale(), tb = b_.state().shift;
  const int64_t piece = std::min(s.k, kExactCols), pieces = chunk_count(s.k, piece);
  parallel_for(s.batch(), 1, [&](int64_t begin, int64_t end) {
    CodeRows left, right;
    PackedRows packed(b_);
    std::vector<int32_t> dots(static_cast<size_t>(pieces));
    for (int64_t i = begin; i < end; ++i) {
      left.fill(a_, a + i * s.m * s.k, s.m, s.k, false);
      right.fill(b_, b + i * s.n * s.k, s.n, s.k, right_ == Right::kPlain);
      packed.fill(right, s.n, s.k);
      for (int64_t r = 0; r < s.m; ++r) {
        for (int64_t c = 0; c < s.n; ++c) {
          kernels().dot_packed_row(left.row(r, s.k), packed.row(c), s.k, packed.bits,
                                   packed.lowest, piece, dots.data());
          int64_t dot = 0;
          for (const int32_t part : dots) dot += part;
          const auto sum_a = static_cast<double>(left.sums[static_cast<size_t>(r)]);
          const auto sum_b = static_cast<double>(right.sums[static_cast<size_t>(c)]);
          y[(i * s.m + r) * s.n + c] =
              static_cast<float>(sa * sb * static_cast<double>(dot) + sa * tb * sum_a +
                                 ta * sb * sum_b + static_cast<double>(s.k) * ta * tb);
        }
      }
    }
  });
}

// Of k signs, `equal` pairs give +1 and the others −1. Bits beyond k are not looked at.
void QuantizedMatmul::multiply_signs(const MatmulShape& s, const float* a, const float* b,
                                     float* y) const {
  const double scale = static_cast<double>(a_.scale()) * b_.scale();
  const int64_t row_bytes = packed_row_bytes(s.k, 1);
  parallel_for(s.batch(), 1, [&](int64_t begin, int64_t end) {
    std::vector<uint8_t> left, right;
    for (int64_t i = begin; i < end; ++i) {
      pack_signs(a + i * s.m * s.k, s.m, s.k, false, &left);
      pack_signs(b + i * s.n * s.k, s.n, s.k, right_ == Right::kPlain, &right);
      for (int64_t r = 0; r < s.m; ++r) {
        for (int64_t c = 0; c < s.n; ++c) {
          const int64_t equal = kernels().xnor_popcount(left.data() + r * row_bytes,
                                                        right.data() + c * row_bytes, s.k);
          const auto dot = static_cast<double>(2 * equal - s.k);
          y[(i * s.m + r) * s.n + c] = static_cast<float>(scale * dot);
        }
      }
    }
  });
}

int64_t QuantizedMatmul::native_bytes() const {
  return static_cast<int64_t>((a_buffer_.size() + b_buffer_.size()) * sizeof(float)) +
         a_.native_bytes() + b_.native_bytes();
}

}  // namespace qat
