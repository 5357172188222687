// Dot products against packed weight rows: codes are unpacked 16 at a time, in registers only.
#include <cstring>

#include "cpu/isa_kernels.h"
#include "cpu/vec_avx2.h"

// Needs the instruction set that vec_avx2.h names.
#include "cpu/popcount_impl.h"

namespace qat::avx2 {
namespace {

// Unpacks 16 codes of `bits` bits that begin `first_bit` (0-7) bits into a byte. Each 128-bit half
// holds the 8 bytes of its 8 codes; a byte shuffle brings the two bytes of every code into a 16-bit
// lane, and a multiplication by 2^(8 - shift) moves the code to the lane's upper byte.
class Unpacker {
 public:
  Unpacker(int bits, int first_bit) : bits_(bits), mask_(_mm256_set1_epi16(low_bits(bits))) {
    alignas(16) uint8_t bytes[16];
    alignas(16) int16_t factors[8];
    for (int j = 0; j < 8; ++j) {
      const int at = first_bit + j * bits;
      bytes[2 * j] = static_cast<uint8_t>(at >> 3);
      bytes[2 * j + 1] = static_cast<uint8_t>((at >> 3) + 1);
      factors[j] = static_cast<int16_t>(1 << (8 - (at & 7)));
    }
    shuffle_ = _mm256_broadcastsi128_si256(
        _mm_load_si128(reinterpret_cast<const __m128i*>(bytes)));
    factor_ = _mm256_broadcastsi128_si256(
        _mm_load_si128(reinterpret_cast<const __m128i*>(factors)));
  }

  // Reads p[0 ... bits + 8).
  __m256i operator()(const uint8_t* p) const {
    const __m128i low = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
    const __m128i high = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p + bits_));
    const __m256i pairs = _mm256_shuffle_epi8(_mm256_set_m128i(high, low), shuffle_);
    return _mm256_and_si256(_mm256_srli_epi16(_mm256_mullo_epi16(pairs, factor_), 8), mask_);
  }

 private:
  static int16_t low_bits(int bits) { return static_cast<int16_t>((1 << bits) - 1); }

  int bits_;
  __m256i mask_, shuffle_, factor_;
};

constexpr int64_t kChunk = 16;

// Calls fn(codes, column, count) for every 16 columns of [begin, end). The row's last bytes are
// read through a padded copy, never past the row.
template <typename Fn>
inline void for_each_chunk(const uint8_t* packed, int64_t row_bytes, int64_t begin, int64_t end,
                           int bits, Fn&& fn) {
  const Unpacker unpack(bits, static_cast<int>(begin * bits & 7));
  for (int64_t c = begin; c < end; c += kChunk) {
    const int64_t at = c * bits >> 3;
    const int64_t valid = end - c < kChunk ? end - c : kChunk;
    if (at + bits + 8 <= row_bytes) {
      fn(unpack(packed + at), c, valid);
    } else {
      uint8_t copy[32] = {};
      const int64_t left = row_bytes - at;
      std::memcpy(copy, packed + at, static_cast<size_t>(left < 24 ? left : 24));
      fn(unpack(copy), c, valid);
    }
  }
}

inline int32_t sum_lanes(__m256i v) {
  __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

inline __m256i load_activations(const int16_t* a, int64_t count) {
  if (count == kChunk) return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(a));
  int16_t copy[kChunk] = {};
  std::memcpy(copy, a, static_cast<size_t>(count) * sizeof(int16_t));
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(copy));
}

}  // namespace

void dot_packed_row(const int16_t* a, const uint8_t* packed, int64_t cols, int bits,
                    int32_t w_offset, int64_t group_cols, int32_t* out) {
  const int64_t row_bytes = (cols * bits + 7) / 8;
  const __m256i offset = _mm256_set1_epi16(static_cast<int16_t>(w_offset));
  for (int64_t begin = 0, g = 0; begin < cols; begin += group_cols, ++g) {
    const int64_t end = begin + group_cols < cols ? begin + group_cols : cols;
    __m256i sum = _mm256_setzero_si256();
    for_each_chunk(packed, row_bytes, begin, end, bits, [&](__m256i codes, int64_t c, int64_t n) {
      const __m256i weights = _mm256_add_epi16(codes, offset);
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(load_activations(a + c, n), weights));
    });
    out[g] = sum_lanes(sum);
  }
}

void dot_packed_row_f32(const float* a, const uint8_t* packed, int64_t cols, int bits,
                        int32_t w_offset, int64_t group_cols, float* out) {
  const int64_t row_bytes = (cols * bits + 7) / 8;
  const __m256i offset = _mm256_set1_epi16(static_cast<int16_t>(w_offset));
  for (int64_t begin = 0, g = 0; begin < cols; begin += group_cols, ++g) {
    const int64_t end = begin + group_cols < cols ? begin + group_cols : cols;
    vf sums[2] = {zero(), zero()};
    for_each_chunk(packed, row_bytes, begin, end, bits, [&](__m256i codes, int64_t c, int64_t n) {
      const __m256i weights = _mm256_add_epi16(codes, offset);
      const vf low = _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm256_castsi256_si128(weights)));
      const vf high =
          _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm256_extracti128_si256(weights, 1)));
      sums[0] = fma(load(a + c, tail_mask(n)), low, sums[0]);
      if (n > 8) sums[1] = fma(load(a + c + 8, tail_mask(n - 8)), high, sums[1]);
    });
    out[g] = static_cast<float>(reduce_add(sums[0]) + reduce_add(sums[1]));
  }
}

}  // namespace qat::avx2
