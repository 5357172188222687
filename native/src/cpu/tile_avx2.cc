// Tile products with AVX2: products of unsigned and signed bytes pair by pair in 16 bits, which hold them for
// codes below 128; codes of 8 bits are taken as two halves.
#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "cpu/isa_kernels.h"

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

template <int kBits>
QAT_INLINE __m256i products(__m256i weights, __m256i a) {
  const __m256i ones = _mm256_set1_epi16(1);
  if constexpr (kBits < 8) return _mm256_madd_epi16(_mm256_maddubs_epi16(weights, a), ones);
  const __m256i half = _mm256_set1_epi8(15);
  const __m256i low = _mm256_maddubs_epi16(_mm256_and_si256(weights, half), a);
  const __m256i high = _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(weights, 4), half), a);
  return _mm256_add_epi32(_mm256_madd_epi16(low, ones), _mm256_madd_epi16(high, _mm256_set1_epi16(16)));
}

QAT_INLINE __m256i tail_mask(int64_t count) {
  const __m256i at = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(std::clamp<int64_t>(count, 0, 8))), at);
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
        kept[i][b] = g == 0 ? _mm256_mul_ps(scaled, scale) : _mm256_fmadd_ps(scaled, scale, kept[i][b]);
      }
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
    for (int b = 0; b < kBlocks; ++b) {
      const int64_t to = tile * kTileRows + first + 8 * b;
      const __m256i rows = tail_mask(w.rows - to);
      __m256 value = kept[i][b];
      if (bias) value = _mm256_add_ps(value, _mm256_maskload_ps(bias + to, rows));
      _mm256_maskstore_ps(y + (row + i) * stride + to, rows, value);
    }
  }
}

template <int kBits>
void tiles(const TileWeight& w, int64_t first, int64_t last, const TileInputs& x, int64_t count, const float* bias,
           float* y, int64_t stride) {
  using Rows = void (*)(const TileWeight&, int64_t, int64_t, const TileInputs&, int64_t, const float*, float*, int64_t);
  constexpr Rows kRowsOfBlocks[] = {nullptr, rows_of_blocks<kBits, 1>, rows_of_blocks<kBits, 2>,
                                    rows_of_blocks<kBits, 3>, rows_of_blocks<kBits, 4>};
  for (int64_t tile = first; tile < last; ++tile) {
    const int64_t end = std::min(kTileRows, w.rows - tile * kTileRows);
    for (int64_t block = 0; block < end; block += kBlockRows) {
      for (int64_t row = 0; row < count; row += kMostRows) {
        kRowsOfBlocks[std::min<int64_t>(kMostRows, count - row)](w, tile, block, x, row, bias, y, stride);
      }
    }
  }
}

}  // namespace

void tile_product(const TileWeight& w, int64_t first, int64_t last, const TileInputs& x, int64_t count,
                  const float* bias, float* y, int64_t stride) {
  constexpr decltype(&tiles<1>) kTiles[] = {nullptr,  tiles<1>, tiles<2>, tiles<3>, tiles<4>,
                                            tiles<5>, tiles<6>, tiles<7>, tiles<8>};
  kTiles[w.bits](w, first, last, x, count, bias, y, stride);
}

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

}  // namespace qat::avx2
