// How codes are taken out of a tile, 8 rows and 4 columns at a time.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "qat/tile_product.h"

#define QAT_INLINE inline __attribute__((always_inline))

namespace qat::avx2 {
namespace {

constexpr int kBlocks = 2;    // registers of 8 weight rows that are worked on at once
constexpr int kMostRows = 4;  // of activations at once
constexpr int64_t kBlockRows = 8 * kBlocks;

template <int... kFields, typename Fn>
QAT_INLINE void unrolled(std::integer_sequence<int, kFields...>, Fn&& fn) {
  (fn(std::integral_constant<int, kFields>{}), ...);
}

// Bits [kLow, bits) of the codes of 8 rows in field kField of a step, as bytes.
template <int kBits, int kLow, int kField>
QAT_INLINE __m256i field_of(const uint8_t* step) {
  constexpr int kPlane = tile_plane(kBits, kLow);
  constexpr int kFieldsOfBlock = 8 / kPlane;
  constexpr int kShift = kField % kFieldsOfBlock * kPlane - kLow;
  __m256i part = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(step + kField / kFieldsOfBlock * 256));
  if constexpr (kShift > 0) part = _mm256_srli_epi16(part, kShift);
  if constexpr (kShift < 0) part = _mm256_slli_epi16(part, -kShift);
  if constexpr (kPlane < 8) {
    part = _mm256_and_si256(part, _mm256_set1_epi8(static_cast<char>(((1 << kPlane) - 1) << kLow)));
  }
  if constexpr (kLow + kPlane < kBits) {
    const uint8_t* next = step + kTileRows * tile_step(kBits) * kPlane / 8;
    part = _mm256_or_si256(part, field_of<kBits, kLow + kPlane, kField>(next));
  }
  return part;
}

QAT_INLINE __m256i tail_mask(int64_t count) {
  const __m256i at = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(std::clamp<int64_t>(count, 0, 8))), at);
}

template <int kRows, int kCount>
QAT_INLINE void clear(__m256 (&sums)[kRows][kCount]) {
#pragma GCC unroll 6
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
    for (int b = 0; b < kCount; ++b) sums[i][b] = _mm256_setzero_ps();
  }
}

// y of 8·kCount rows of a tile from row `first` on, from what its groups gave.
template <int kRows, int kCount>
QAT_INLINE void store_rows(const TileWeight& w, int64_t first, const __m256 (&sums)[kRows][kCount], const float* bias,
                           float* y, int64_t stride) {
#pragma GCC unroll 8
  for (int b = 0; b < kCount; ++b) {
    const int64_t to = first + 8 * b;
    const __m256i rows = tail_mask(w.rows - to);
    const __m256 more = bias ? _mm256_maskload_ps(bias + to, rows) : _mm256_setzero_ps();
#pragma GCC unroll 6
    for (int i = 0; i < kRows; ++i) {
      _mm256_maskstore_ps(y + i * stride + to, rows, _mm256_add_ps(sums[i][b], more));
    }
  }
}

// Calls fn(tile, block, row, rows) for every block of 16 rows of the tiles and every kMostRows rows of activations.
template <typename Fn>
inline void for_each_pass(const TileWeight& w, int64_t first, int64_t last, int64_t count, Fn&& fn) {
  for (int64_t tile = first; tile < last; ++tile) {
    const int64_t end = std::min(kTileRows, w.rows - tile * kTileRows);
    for (int64_t block = 0; block < end; block += kBlockRows) {
      for (int64_t row = 0; row < count; row += kMostRows) fn(tile, block, row, std::min<int64_t>(kMostRows, count - row));
    }
  }
}

}  // namespace
}  // namespace qat::avx2
