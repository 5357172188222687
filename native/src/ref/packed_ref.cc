#include "ref/ref_kernels.h"

namespace qat::ref {
namespace {

// Code `index` of a packed row: bits index*bits ... LSB-first, over at most two bytes. Reads no
// byte past the one that holds the code's last bit.
uint32_t code_at(const uint8_t* packed, int64_t index, int bits) {
  const int64_t first_bit = index * bits;
  const int64_t byte = first_bit >> 3;
  const int shift = static_cast<int>(first_bit & 7);
  uint32_t word = packed[byte];
  if (shift + bits > 8) word |= static_cast<uint32_t>(packed[byte + 1]) << 8;
  return (word >> shift) & ((1u << bits) - 1u);
}

}  // namespace

void pack_row(const uint8_t* codes, uint8_t* packed, int64_t cols, int bits) {
  uint32_t pending = 0;
  int held = 0;
  for (int64_t c = 0; c < cols; ++c) {
    pending |= static_cast<uint32_t>(codes[c]) << held;
    held += bits;
    if (held >= 8) {
      *packed++ = static_cast<uint8_t>(pending);
      pending >>= 8;
      held -= 8;
    }
  }
  if (held > 0) *packed = static_cast<uint8_t>(pending);
}

void unpack_row(const uint8_t* packed, uint8_t* codes, int64_t cols, int bits) {
  for (int64_t c = 0; c < cols; ++c) {
    codes[c] = static_cast<uint8_t>(code_at(packed, c, bits));
  }
}

void dot_packed_row(const int16_t* a, const uint8_t* packed, int64_t cols, int bits,
                    int32_t w_offset, int64_t group_cols, int32_t* out) {
  for (int64_t begin = 0, g = 0; begin < cols; begin += group_cols, ++g) {
    const int64_t end = begin + group_cols < cols ? begin + group_cols : cols;
    int32_t sum = 0;
    for (int64_t c = begin; c < end; ++c) {
      sum += a[c] * (static_cast<int32_t>(code_at(packed, c, bits)) + w_offset);
    }
    out[g] = sum;
  }
}

void dot_packed_row_f32(const float* a, const uint8_t* packed, int64_t cols, int bits,
                        int32_t w_offset, int64_t group_cols, float* out) {
  for (int64_t begin = 0, g = 0; begin < cols; begin += group_cols, ++g) {
    const int64_t end = begin + group_cols < cols ? begin + group_cols : cols;
    double sum = 0;
    for (int64_t c = begin; c < end; ++c) {
      const int32_t w = static_cast<int32_t>(code_at(packed, c, bits)) + w_offset;
      sum += static_cast<double>(a[c]) * w;
    }
    out[g] = static_cast<float>(sum);
  }
}

int64_t xnor_popcount(const uint8_t* a, const uint8_t* b, int64_t cols) {
  int64_t equal = 0;
  for (int64_t c = 0; c < cols; ++c) {
    const int shift = static_cast<int>(c & 7);
    equal += 1 & ~((a[c >> 3] ^ b[c >> 3]) >> shift);
  }
  return equal;
}

}  // namespace qat::ref
