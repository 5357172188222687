// How codes are taken out of a tile, 16 rows and 4 columns at a time. Include in one namespace's unnamed part.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <utility>

#include "qat/tile_product.h"

#define QAT_INLINE inline __attribute__((always_inline))

namespace qat::avx512vnni {
namespace {

constexpr int kBlocks = 4;    // registers of 16 weight rows per tile
constexpr int kMostRows = 6;  // of activations at once
constexpr int64_t kAhead = 6144;  // bytes that a stream from memory is asked for in advance

QAT_INLINE __m512i load(const uint8_t* p) { return _mm512_loadu_si512(p); }

template <int... kFields, typename Fn>
QAT_INLINE void unrolled(std::integer_sequence<int, kFields...>, Fn&& fn) {
  (fn(std::integral_constant<int, kFields>{}), ...);
}

// Bits [kLow, bits) of the codes in field kField of a step, as bytes; planes of 4, 2 and 1 bits in turn.
template <int kBits, int kLow, int kField>
QAT_INLINE __m512i field_of(const uint8_t* step, int block) {
  constexpr int kPlane = tile_plane(kBits, kLow);
  constexpr int kFieldsOfBlock = 8 / kPlane;
  constexpr int kInside = kField % kFieldsOfBlock;
  const __m512i bytes = load(step + kField / kFieldsOfBlock * 256 + block * 64);
  __m512i part = bytes;
  if constexpr (kPlane == 1) {
    // One bit of every byte, put where it belongs.
    const auto matrix = static_cast<int64_t>(uint64_t{1} << (8 * (7 - kLow) + kInside));
    part = _mm512_gf2p8affine_epi64_epi8(bytes, _mm512_set1_epi64(matrix), 0);
  } else if constexpr (kPlane < 8) {
    constexpr int kShift = kInside * kPlane - kLow;
    if constexpr (kShift > 0) part = _mm512_srli_epi16(bytes, kShift);
    if constexpr (kShift < 0) part = _mm512_slli_epi16(bytes, -kShift);
    part = _mm512_and_si512(part, _mm512_set1_epi8(static_cast<char>(((1 << kPlane) - 1) << kLow)));
  }
  if constexpr (kLow + kPlane < kBits) {
    const uint8_t* next = step + kTileRows * tile_step(kBits) * kPlane / 8;
    part = _mm512_or_si512(part, field_of<kBits, kLow + kPlane, kField>(next, block));
  }
  return part;
}

template <int kRows>
QAT_INLINE void clear(__m512 (&sums)[kRows][kBlocks]) {
#pragma GCC unroll 6
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int b = 0; b < kBlocks; ++b) sums[i][b] = _mm512_setzero_ps();
  }
}

// Which of the 16 rows of a block from row `first` on there are.
QAT_INLINE __mmask16 rows_there(const TileWeight& w, int64_t first) {
  const int64_t left = w.rows - first;
  return static_cast<__mmask16>(left >= 16 ? 0xffffu : left <= 0 ? 0u : (1u << left) - 1u);
}

// y of the rows of a tile, from what its groups gave.
template <int kRows>
QAT_INLINE void store_rows(const TileWeight& w, int64_t tile, const __m512 (&sums)[kRows][kBlocks], const float* bias,
                           float* y, int64_t stride) {
#pragma GCC unroll 4
  for (int b = 0; b < kBlocks; ++b) {
    const int64_t first = tile * kTileRows + 16 * b;
    const __mmask16 rows = rows_there(w, first);
    const __m512 more = bias ? _mm512_maskz_loadu_ps(rows, bias + first) : _mm512_setzero_ps();
#pragma GCC unroll 6
    for (int i = 0; i < kRows; ++i) {
      _mm512_mask_storeu_ps(y + i * stride + first, rows, _mm512_add_ps(sums[i][b], more));
    }
  }
}

// Rows of activations for the next pass: six, and no lonely one or two at the end.
inline int64_t rows_of_pass(int64_t left) {
  return left == 7 || left == 8 ? 4 : left < kMostRows ? left : kMostRows;
}

}  // namespace
}  // namespace qat::avx512vnni
