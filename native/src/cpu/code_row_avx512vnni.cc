// Activations as the tile products take them.
#include <immintrin.h>

#include <algorithm>

#include "cpu/isa_kernels.h"

namespace qat::avx512vnni {

void code_row(const float* x, int64_t cols, int64_t group_cols, int step, int8_t* codes, int32_t* sums,
              float* scales) {
  for (int64_t begin = 0; begin < cols; begin += group_cols) {
    const int64_t count = std::min(group_cols, cols - begin);
    const float* from = x + begin;
    const auto mask = [count](int64_t c) {
      return static_cast<__mmask16>(count - c >= 16 ? 0xffffu : (1u << (count - c)) - 1u);
    };
    __m512 top = _mm512_setzero_ps(), second = top;
    int64_t c = 0;
    for (; c + 32 <= count; c += 32) {
      top = _mm512_max_ps(top, _mm512_abs_ps(_mm512_loadu_ps(from + c)));
      second = _mm512_max_ps(second, _mm512_abs_ps(_mm512_loadu_ps(from + c + 16)));
    }
    for (; c < count; c += 16) top = _mm512_max_ps(top, _mm512_abs_ps(_mm512_maskz_loadu_ps(mask(c), from + c)));
    const float largest = _mm512_reduce_max_ps(_mm512_max_ps(top, second));
    const __m512 inverse = _mm512_set1_ps(largest > 0 ? 127.0f / largest : 0.0f);
    const int64_t padded = (count + step - 1) / step * step;
    __m512i sum = _mm512_setzero_si512();
    for (c = 0; c < padded; c += 16) {
      const __mmask16 inside = c < count ? mask(c) : __mmask16{0};
      const __m512i code = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_maskz_loadu_ps(inside, from + c), inverse));
      sum = _mm512_add_epi32(sum, code);
      const int64_t left = padded - c;
      const auto stored = static_cast<__mmask16>(left >= 16 ? 0xffffu : (1u << left) - 1u);
      _mm_mask_storeu_epi8(codes + c, stored, _mm512_cvtsepi32_epi8(code));
    }
    codes += padded;
    *sums++ = _mm512_reduce_add_epi32(sum);
    *scales++ = largest / 127.0f;
  }
}

}  // namespace qat::avx512vnni
