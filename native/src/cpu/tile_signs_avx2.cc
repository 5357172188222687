// Tile products of signs: xor, and bits counted by a table of half bytes.
#include "cpu/isa_kernels.h"
#include "cpu/tile_fields_avx2.h"

namespace qat::avx2 {
namespace {

// Set bits of every 32.
QAT_INLINE __m256i bits_set(__m256i words) {
  const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                         0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
  const __m256i half = _mm256_set1_epi8(15);
  const __m256i low = _mm256_shuffle_epi8(table, _mm256_and_si256(words, half));
  const __m256i high = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(words, 4), half));
  const __m256i pairs = _mm256_maddubs_epi16(_mm256_add_epi8(low, high), _mm256_set1_epi8(1));
  return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

// 16 rows of a tile, from `first` on.
template <int kRows>
void rows_of_blocks(const TileWeight& w, int64_t tile, int64_t first, const TileSigns& x, int64_t row,
                    const float* bias, float* y, int64_t stride) {
  constexpr int64_t kStepBytes = tile_step_bytes(1);
  const uint8_t* step = w.codes + tile * w.steps * kStepBytes + first * 4;
  const uint32_t* signs = x.signs + row * w.steps;
  const __m256 scale = _mm256_set1_ps(x.scale);
  __m256 kept[kRows][kBlocks];
  clear(kept);
  for (int64_t g = 0; g < w.groups; ++g) {
    __m256i counts[kRows][kBlocks];
#pragma GCC unroll 4
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
      for (int b = 0; b < kBlocks; ++b) counts[i][b] = _mm256_setzero_si256();
    }
    const int64_t steps = std::min(w.group_steps, w.steps - g * w.group_steps);
    for (int64_t s = 0; s < steps; ++s, step += kStepBytes, ++signs) {
#pragma GCC unroll 2
      for (int b = 0; b < kBlocks; ++b) {
        const __m256i weights = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(step + 32 * b));
#pragma GCC unroll 4
        for (int i = 0; i < kRows; ++i) {
          const __m256i input = _mm256_set1_epi32(static_cast<int32_t>(signs[i * w.steps]));
          counts[i][b] = _mm256_add_epi32(counts[i][b], bits_set(_mm256_xor_si256(weights, input)));
        }
      }
    }
    const int64_t at = (tile * w.groups + g) * kTileRows + first;
    const auto columns = static_cast<int32_t>(std::min(w.group_cols, w.cols - g * w.group_cols));
#pragma GCC unroll 4
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
      for (int b = 0; b < kBlocks; ++b) {
        const __m256i twice = _mm256_add_epi32(counts[i][b], counts[i][b]);
        const __m256 sum = _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_set1_epi32(columns), twice));
        const __m256 scaled = _mm256_mul_ps(sum, _mm256_loadu_ps(w.scales + at + 8 * b));
        kept[i][b] = _mm256_fmadd_ps(scaled, scale, kept[i][b]);
      }
    }
  }
  store_rows(w, tile * kTileRows + first, kept, bias, y + row * stride, stride);
}

}  // namespace

void tile_product_signs(const TileWeight& w, int64_t first, int64_t last, const TileSigns& x, int64_t count,
                        const float* bias, float* y, int64_t stride) {
  constexpr decltype(&rows_of_blocks<1>) kRowsOfBlocks[] = {nullptr, rows_of_blocks<1>, rows_of_blocks<2>,
                                                            rows_of_blocks<3>, rows_of_blocks<4>};
  for_each_pass(w, first, last, count, [&](int64_t tile, int64_t block, int64_t row, int64_t rows) {
    kRowsOfBlocks[rows](w, tile, block, x, row, bias, y, stride);
  });
}

}  // namespace qat::avx2
