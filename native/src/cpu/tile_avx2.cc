// Tile products with AVX2: products of unsigned and signed bytes pair by pair in 16 bits, which hold them for
// codes below 128; codes of 8 bits are taken as two halves.
#include "cpu/isa_kernels.h"
#include "cpu/tile_fields_avx2.h"

namespace qat::avx2 {
namespace {

template <int kBits>
QAT_INLINE __m256i products(__m256i weights, __m256i a) {
  const __m256i ones = _mm256_set1_epi16(1);
  if constexpr (kBits < 8) return _mm256_madd_epi16(_mm256_maddubs_epi16(weights, a), ones);
  const __m256i half = _mm256_set1_epi8(15);
  const __m256i low = _mm256_maddubs_epi16(_mm256_and_si256(weights, half), a);
  const __m256i high = _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(weights, 4), half), a);
  return _mm256_add_epi32(_mm256_madd_epi16(low, ones), _mm256_madd_epi16(high, _mm256_set1_epi16(16)));
}

// 16 rows of a tile, from `first` on.
template <int kBits, int kRows>
void rows_of_blocks(const TileWeight& w, int64_t tile, int64_t first, const TileInputs& x, int64_t row,
                    const float* bias, float* y, int64_t stride) {
  constexpr int kStep = tile_step(kBits);
  constexpr int64_t kStepBytes = tile_step_bytes(kBits);
  const int64_t row_bytes = w.steps * kStep;
  const uint8_t* step = w.codes + tile * w.steps * kStepBytes + first * 4;
  const int8_t* a = x.codes + row * row_bytes;
  __m256 kept[kRows][kBlocks];
  clear(kept);
  for (int64_t g = 0; g < w.groups; ++g) {
    __m256i sums[kRows][kBlocks];
#pragma GCC unroll 4
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
      for (int b = 0; b < kBlocks; ++b) sums[i][b] = _mm256_setzero_si256();
    }
    const int64_t steps = std::min(w.group_steps, w.steps - g * w.group_steps);
    for (int64_t s = 0; s < steps; ++s, step += kStepBytes, a += kStep) {
      unrolled(std::make_integer_sequence<int, kStep / 4>{}, [&](auto field) __attribute__((always_inline)) {
        constexpr int kField = decltype(field)::value;
        const __m256i weights[kBlocks] = {field_of<kBits, 0, kField>(step), field_of<kBits, 0, kField>(step + 32)};
#pragma GCC unroll 4
        for (int i = 0; i < kRows; ++i) {
          const __m256i inputs = _mm256_castps_si256(
              _mm256_broadcast_ss(reinterpret_cast<const float*>(a + i * row_bytes + 4 * kField)));
#pragma GCC unroll 2
          for (int b = 0; b < kBlocks; ++b) {
            sums[i][b] = _mm256_add_epi32(sums[i][b], products<kBits>(weights[b], inputs));
          }
        }
      });
    }
    const int64_t at = (tile * w.groups + g) * kTileRows + first;
#pragma GCC unroll 4
    for (int i = 0; i < kRows; ++i) {
      const __m256i inputs = _mm256_set1_epi32(x.sums[(row + i) * w.groups + g]);
      const __m256 scale = _mm256_set1_ps(x.scales[(row + i) * x.row_stride + g * x.group_stride]);
#pragma GCC unroll 2
      for (int b = 0; b < kBlocks; ++b) {
        __m256i sum = sums[i][b];
        if (w.halves) sum = _mm256_add_epi32(sum, sum);
        const __m256i zero =
            w.zeros ? _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w.zeros + at + 8 * b))
                    : _mm256_set1_epi32(w.zero);
        sum = _mm256_sub_epi32(sum, _mm256_mullo_epi32(zero, inputs));
        if (x.offset != 0) {
          const __m256i total = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w.totals + at + 8 * b));
          sum = _mm256_add_epi32(sum, _mm256_mullo_epi32(total, _mm256_set1_epi32(x.offset)));
        }
        const __m256 scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_loadu_ps(w.scales + at + 8 * b));
        kept[i][b] = _mm256_fmadd_ps(scaled, scale, kept[i][b]);
      }
    }
  }
  store_rows<kRows>(w, tile * kTileRows + first, kept, bias, y + row * stride, stride);
}

template <int kBits>
void tiles(const TileWeight& w, int64_t first, int64_t last, const TileInputs& x, int64_t count, const float* bias,
           float* y, int64_t stride) {
  using Rows = void (*)(const TileWeight&, int64_t, int64_t, const TileInputs&, int64_t, const float*, float*, int64_t);
  constexpr Rows kRowsOfBlocks[] = {nullptr, rows_of_blocks<kBits, 1>, rows_of_blocks<kBits, 2>,
                                    rows_of_blocks<kBits, 3>, rows_of_blocks<kBits, 4>};
  for_each_pass(w, first, last, count, [&](int64_t tile, int64_t block, int64_t row, int64_t rows) {
    kRowsOfBlocks[rows](w, tile, block, x, row, bias, y, stride);
  });
}

}  // namespace

void tile_product(const TileWeight& w, int64_t first, int64_t last, const TileInputs& x, int64_t count,
                  const float* bias, float* y, int64_t stride) {
  constexpr decltype(&tiles<1>) kTiles[] = {nullptr,  tiles<1>, tiles<2>, tiles<3>, tiles<4>,
                                            tiles<5>, tiles<6>, tiles<7>, tiles<8>};
  kTiles[w.bits](w, first, last, x, count, bias, y, stride);
}

}  // namespace qat::avx2
