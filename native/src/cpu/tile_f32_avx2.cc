// Tile products of float activations: codes become floats in registers, 8 rows at a time.
#include "cpu/isa_kernels.h"
#include "cpu/tile_fields_avx2.h"

namespace qat::avx2 {
namespace {

// 16 rows of a tile, from `first` on.
template <int kBits, int kRows>
void rows_of_blocks(const TileWeight& w, int64_t tile, int64_t first, const float* x, const float* bias, float* y,
                    int64_t stride) {
  constexpr int kStep = tile_step(kBits);
  constexpr int64_t kStepBytes = tile_step_bytes(kBits);
  constexpr int64_t kStepsOfSum = kTileFloatCols / kStep;
  const int64_t row_floats = w.steps * kStep;
  const uint8_t* step = w.codes + tile * w.steps * kStepBytes + first * 4;
  const __m256 factor = _mm256_set1_ps(w.halves ? 2.0f : 1.0f);
  __m256 kept[kRows][kBlocks];
  clear(kept);
  for (int64_t g = 0; g < w.groups; ++g) {
    const int64_t at = (tile * w.groups + g) * kTileRows + first;
    const int64_t group_steps = std::min(w.group_steps, w.steps - g * w.group_steps);
    __m256 zeros[kBlocks];
#pragma GCC unroll 2
    for (int b = 0; b < kBlocks; ++b) {
      zeros[b] = _mm256_cvtepi32_ps(w.zeros ? _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w.zeros + at + 8 * b))
                                            : _mm256_set1_epi32(w.zero));
    }
    for (int64_t begin = 0; begin < group_steps; begin += kStepsOfSum) {
      const int64_t steps = std::min(kStepsOfSum, group_steps - begin);
      __m256 sums[kRows][kBlocks];
      clear(sums);
      for (int64_t s = 0; s < steps; ++s, step += kStepBytes, x += kStep) {
        unrolled(std::make_integer_sequence<int, kStep / 4>{}, [&](auto field) __attribute__((always_inline)) {
          constexpr int kField = decltype(field)::value;
          const __m256i codes[kBlocks] = {field_of<kBits, 0, kField>(step), field_of<kBits, 0, kField>(step + 32)};
#pragma GCC unroll 4
          for (int j = 0; j < 4; ++j) {
            __m256 weights[kBlocks];
#pragma GCC unroll 2
            for (int b = 0; b < kBlocks; ++b) {
              const __m256i code = _mm256_and_si256(_mm256_srli_epi32(codes[b], 8 * j), _mm256_set1_epi32(255));
              weights[b] = _mm256_fmsub_ps(_mm256_cvtepi32_ps(code), factor, zeros[b]);
            }
#pragma GCC unroll 4
            for (int i = 0; i < kRows; ++i) {
              const __m256 input = _mm256_broadcast_ss(x + i * row_floats + 4 * kField + j);
#pragma GCC unroll 2
              for (int b = 0; b < kBlocks; ++b) sums[i][b] = _mm256_fmadd_ps(input, weights[b], sums[i][b]);
            }
          }
        });
      }
#pragma GCC unroll 4
      for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
        for (int b = 0; b < kBlocks; ++b) {
          kept[i][b] = _mm256_fmadd_ps(sums[i][b], _mm256_loadu_ps(w.scales + at + 8 * b), kept[i][b]);
        }
      }
    }
  }
  store_rows(w, tile * kTileRows + first, kept, bias, y, stride);
}

template <int kBits>
void tiles(const TileWeight& w, int64_t first, int64_t last, const float* x, int64_t count, const float* bias,
           float* y, int64_t stride) {
  constexpr decltype(&rows_of_blocks<kBits, 1>) kRowsOfBlocks[] = {
      nullptr, rows_of_blocks<kBits, 1>, rows_of_blocks<kBits, 2>, rows_of_blocks<kBits, 3>, rows_of_blocks<kBits, 4>};
  for_each_pass(w, first, last, count, [&](int64_t tile, int64_t block, int64_t row, int64_t rows) {
    kRowsOfBlocks[rows](w, tile, block, x + row * w.steps * tile_step(kBits), bias, y + row * stride, stride);
  });
}

}  // namespace

void tile_product_f32(const TileWeight& w, int64_t first, int64_t last, const float* x, int64_t count,
                      const float* bias, float* y, int64_t stride) {
  constexpr decltype(&tiles<1>) kTiles[] = {nullptr,  tiles<1>, tiles<2>, tiles<3>, tiles<4>,
                                            tiles<5>, tiles<6>, tiles<7>, tiles<8>};
  kTiles[w.bits](w, first, last, x, count, bias, y, stride);
}

}  // namespace qat::avx2
