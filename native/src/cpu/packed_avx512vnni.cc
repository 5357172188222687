// Variants for processors that also have VNNI and VPOPCNTDQ.
#include "cpu/isa_kernels.h"
#include "cpu/vec_avx512.h"

namespace qat::avx512vnni {
namespace {
inline __m512i add_products(__m512i sum, __m512i a, __m512i w) {
  return _mm512_dpwssd_epi32(sum, a, w);
}
}  // namespace
}  // namespace qat::avx512vnni

#define QAT_PACKED_NS avx512vnni
// The shared implementation, with the products above.
#include "cpu/packed_avx512_impl.h"

namespace qat::avx512vnni {

int64_t xnor_popcount(const uint8_t* a, const uint8_t* b, int64_t cols) {
  const int64_t bytes = (cols + 7) / 8;
  __m512i different = _mm512_setzero_si512();
  for (int64_t at = 0; at < bytes; at += 64) {
    const int64_t left = bytes - at;
    const __mmask64 mask = left >= 64 ? ~uint64_t{0} : (uint64_t{1} << left) - 1;
    __m512i x = _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, a + at),
                                 _mm512_maskz_loadu_epi8(mask, b + at));
    if (left <= 64 && (cols & 7)) {  // drop the padding bits of the last byte
      const __m512i used = _mm512_set1_epi8(static_cast<char>((1u << (cols & 7)) - 1u));
      x = _mm512_mask_mov_epi8(x, uint64_t{1} << (left - 1), _mm512_and_si512(x, used));
    }
    different = _mm512_add_epi64(different, _mm512_popcnt_epi64(x));
  }
  return cols - _mm512_reduce_add_epi64(different);
}

}  // namespace qat::avx512vnni
