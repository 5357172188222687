#include <cstring>

#include "cpu/isa_kernels.h"
#include "cpu/vec_avx512.h"

// Needs the instruction set that vec_avx512.h names.
#include "cpu/popcount_impl.h"

namespace qat::avx512 {
namespace {
inline __m512i add_products(__m512i sum, __m512i a, __m512i w) {
  return _mm512_add_epi32(sum, _mm512_madd_epi16(a, w));
}
}  // namespace
}  // namespace qat::avx512

#define QAT_PACKED_NS avx512
// The shared implementation, with the products above.
#include "cpu/packed_avx512_impl.h"

namespace qat::avx512 {

void dot_packed_row_f32(const float* a, const uint8_t* packed, int64_t cols, int bits,
                        int32_t w_offset, int64_t group_cols, float* out) {
  const __m512i offset = _mm512_set1_epi16(static_cast<int16_t>(w_offset));
  for (int64_t begin = 0, g = 0; begin < cols; begin += group_cols, ++g) {
    const int64_t end = begin + group_cols < cols ? begin + group_cols : cols;
    vf sums[2] = {zero(), zero()};
    for_each_chunk(packed, begin, end, bits, [&](__m512i codes, int64_t c, int64_t n) {
      const __m512i weights = _mm512_add_epi16(codes, offset);
      const vf low = _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(_mm512_castsi512_si256(weights)));
      const vf high =
          _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(_mm512_extracti64x4_epi64(weights, 1)));
      sums[0] = fma(load(a + c, tail_mask(n)), low, sums[0]);
      if (n > 16) sums[1] = fma(load(a + c + 16, tail_mask(n - 16)), high, sums[1]);
    });
    out[g] = static_cast<float>(reduce_add(sums[0]) + reduce_add(sums[1]));
  }
}

}  // namespace qat::avx512
