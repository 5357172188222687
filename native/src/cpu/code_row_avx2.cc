// Activations as the tile products take them.
#include "cpu/isa_kernels.h"
#include "cpu/tile_fields_avx2.h"

namespace qat::avx2 {

void code_row(const float* x, int64_t cols, int64_t group_cols, int step, int8_t* codes, int32_t* sums,
              float* scales) {
  const __m256 no_sign = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
  for (int64_t begin = 0; begin < cols; begin += group_cols) {
    const int64_t count = std::min(group_cols, cols - begin);
    const float* from = x + begin;
    __m256 tops = _mm256_setzero_ps();
    for (int64_t c = 0; c < count; c += 8) {
      tops = _mm256_max_ps(tops, _mm256_and_ps(no_sign, _mm256_maskload_ps(from + c, tail_mask(count - c))));
    }
    alignas(32) float lanes[8];
    _mm256_store_ps(lanes, tops);
    const float largest = *std::max_element(lanes, lanes + 8);
    const float inverse = largest > 0 ? 127.0f / largest : 0.0f;
    const int64_t padded = (count + step - 1) / step * step;
    int32_t sum = 0;
    for (int64_t c = 0; c < padded; c += 8) {
      const __m256 values = _mm256_maskload_ps(from + c, tail_mask(count - c));
      const __m256i code = _mm256_cvtps_epi32(_mm256_mul_ps(values, _mm256_set1_ps(inverse)));
      alignas(32) int32_t whole[8];
      _mm256_store_si256(reinterpret_cast<__m256i*>(whole), code);
      for (int64_t i = 0; i < std::min<int64_t>(8, padded - c); ++i) {
        codes[c + i] = static_cast<int8_t>(whole[i]);
        sum += whole[i];
      }
    }
    codes += padded;
    *sums++ = sum;
    *scales++ = largest / 127.0f;
  }
}

void sign_row(const float* x, int64_t cols, int64_t group_cols, uint32_t* signs) {
  // Half of the order of bits: word of columns → one bit of the column's number moved from the right end to the left.
  const auto unshuffled = [](uint32_t w) {
    const auto swap = [&w](uint32_t mask, int shift) {
      const uint32_t t = (w ^ (w >> shift)) & mask;
      w ^= t ^ (t << shift);
    };
    swap(0x22222222u, 1);
    swap(0x0c0c0c0cu, 2);
    swap(0x00f000f0u, 4);
    swap(0x0000ff00u, 8);
    return w;
  };
  for (int64_t begin = 0; begin < cols; begin += group_cols) {
    const int64_t end = std::min(cols, begin + group_cols);
    for (int64_t c = begin; c < end; c += 32) {
      uint32_t word = 0;
      for (int64_t i = 0; i < 32 && c + i < end; i += 8) {
        const __m256i there = tail_mask(end - c - i);
        const __m256 positive =
            _mm256_cmp_ps(_mm256_maskload_ps(x + c + i, there), _mm256_setzero_ps(), _CMP_GE_OQ);
        const int bits = _mm256_movemask_ps(_mm256_and_ps(positive, _mm256_castsi256_ps(there)));
        word |= static_cast<uint32_t>(bits) << i;
      }
      *signs++ = unshuffled(unshuffled(word));
    }
  }
}

}  // namespace qat::avx2
