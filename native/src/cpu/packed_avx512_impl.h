// Dot products against packed weight rows: codes are unpacked 32 at a time, in registers only.
// Include after vec_avx512.h; QAT_PACKED_NS and add_products differ with the instruction set.
#pragma once

namespace qat::QAT_PACKED_NS {
namespace {

using namespace avx512;  // NOLINT: the vocabulary

constexpr int64_t kChunk = 32;

// Unpacks 32 codes of `bits` bits that begin `first_bit` (0-7) bits into a byte: two word
// permutations bring the 32 bits around every code, two variable shifts and one mask cut it out.
class Unpacker {
 public:
  Unpacker(int bits, int first_bit)
      : bits_(bits), first_bit_(first_bit),
        mask_(_mm512_set1_epi16(static_cast<int16_t>((1 << bits) - 1))) {
    alignas(64) int16_t at[kChunk];
    for (int j = 0; j < kChunk; ++j) at[j] = static_cast<int16_t>(first_bit + j * bits);
    const __m512i position = _mm512_load_si512(at);
    word_ = _mm512_srli_epi16(position, 4);
    next_ = _mm512_add_epi16(word_, _mm512_set1_epi16(1));
    right_ = _mm512_and_si512(position, _mm512_set1_epi16(15));
    left_ = _mm512_sub_epi16(_mm512_set1_epi16(16), right_);
  }

  // Reads exactly the bytes that hold `count` codes.
  __m512i operator()(const uint8_t* p, int64_t count) const {
    const int64_t bytes = (first_bit_ + count * bits_ + 7) >> 3;  // at most 33
    const __m512i raw = _mm512_maskz_loadu_epi8((uint64_t{1} << bytes) - 1, p);
    const __m512i low = _mm512_srlv_epi16(_mm512_permutexvar_epi16(word_, raw), right_);
    const __m512i high = _mm512_sllv_epi16(_mm512_permutexvar_epi16(next_, raw), left_);
    return _mm512_ternarylogic_epi32(low, high, mask_, 0xa8);  // (low | high) & mask
  }

 private:
  int bits_, first_bit_;
  __m512i mask_, word_, next_, right_, left_;
};

// Calls fn(codes, column, count) for every 32 columns of [begin, end).
template <typename Fn>
inline void for_each_chunk(const uint8_t* packed, int64_t begin, int64_t end, int bits, Fn&& fn) {
  const Unpacker unpack(bits, static_cast<int>(begin * bits & 7));
  for (int64_t c = begin; c < end; c += kChunk) {
    const int64_t valid = end - c < kChunk ? end - c : kChunk;
    fn(unpack(packed + (c * bits >> 3), valid), c, valid);
  }
}

inline __mmask32 chunk_mask(int64_t count) {
  return static_cast<__mmask32>(count >= kChunk ? 0xffffffffu : (1u << count) - 1u);
}

}  // namespace

void dot_packed_row(const int16_t* a, const uint8_t* packed, int64_t cols, int bits,
                    int32_t w_offset, int64_t group_cols, int32_t* out) {
  const __m512i offset = _mm512_set1_epi16(static_cast<int16_t>(w_offset));
  for (int64_t begin = 0, g = 0; begin < cols; begin += group_cols, ++g) {
    const int64_t end = begin + group_cols < cols ? begin + group_cols : cols;
    __m512i sum = _mm512_setzero_si512();
    for_each_chunk(packed, begin, end, bits, [&](__m512i codes, int64_t c, int64_t n) {
      const __m512i left = _mm512_maskz_loadu_epi16(chunk_mask(n), a + c);
      sum = add_products(sum, left, _mm512_add_epi16(codes, offset));
    });
    out[g] = _mm512_reduce_add_epi32(sum);
  }
}

}  // namespace qat::QAT_PACKED_NS
