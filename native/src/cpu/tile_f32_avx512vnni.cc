// Tile products of float activations: codes become floats in registers, 16 rows at a time.
#include <algorithm>

#include "cpu/isa_kernels.h"
#include "cpu/tile_fields_avx512vnni.h"

namespace qat::avx512vnni {
namespace {

// Up to 4 bits a code is looked up; the table repeats, so that bits above the code do not matter.
constexpr bool looked_up(int bits) { return bits <= 4; }

// c, or 2·c of halves, minus `zero`.
QAT_INLINE __m512 table_of(int bits, bool halves, int32_t zero) {
  alignas(64) float values[16];
  for (int i = 0; i < 16; ++i) {
    const int code = i & ((1 << bits) - 1);
    values[i] = static_cast<float>((halves ? 2 * code : code) - zero);
  }
  return _mm512_load_ps(values);
}

// What turns codes into values.
struct Levels {
  __m512 table;            // of codes that are looked up: the values, but for zero points of their own
  __m512 factor;           // of other codes: 1, or 2 for halves
  __m512 zeros[kBlocks];
};

// The values of 16 rows in column 4·kField + kColumn of a step.
template <int kBits, bool kZeros, int kField, int kColumn>
QAT_INLINE __m512 values_of(const uint8_t* step, int block, const Levels& levels) {
  __m512i codes;
  constexpr int kPlane = tile_plane(kBits, 0);
  if constexpr (kBits == kPlane && kBits < 8) {
    // One plane: the field can stay where it is.
    codes = load(step + kField / (8 / kPlane) * 256 + block * 64);
    constexpr int kShift = 8 * kColumn + kField % (8 / kPlane) * kPlane;
    if constexpr (kShift > 0) codes = _mm512_srli_epi32(codes, kShift);
  } else {
    codes = field_of<kBits, 0, kField>(step, block);
    if constexpr (kColumn > 0) codes = _mm512_srli_epi32(codes, 8 * kColumn);
  }
  if constexpr (looked_up(kBits)) {
    const __m512 values = _mm512_permutexvar_ps(codes, levels.table);
    if constexpr (!kZeros) return values;
    return _mm512_sub_ps(values, levels.zeros[block]);
  }
  if constexpr (kColumn < 3) codes = _mm512_and_si512(codes, _mm512_set1_epi32(255));
  return _mm512_fmsub_ps(_mm512_cvtepi32_ps(codes), levels.factor, levels.zeros[block]);
}

QAT_INLINE void add_products(__m512 (&sums)[kBlocks], const float* x, const __m512 (&weights)[kBlocks]) {
  asm volatile(
      "vbroadcastss %[x], %%zmm31\n\t"
      "vfmadd231ps %%zmm31, %[w0], %[s0]\n\t"
      "vfmadd231ps %%zmm31, %[w1], %[s1]\n\t"
      "vfmadd231ps %%zmm31, %[w2], %[s2]\n\t"
      "vfmadd231ps %%zmm31, %[w3], %[s3]"
      : [s0] "+v"(sums[0]), [s1] "+v"(sums[1]), [s2] "+v"(sums[2]), [s3] "+v"(sums[3])
      : [x] "m"(*x), [w0] "v"(weights[0]), [w1] "v"(weights[1]), [w2] "v"(weights[2]), [w3] "v"(weights[3])
      : "xmm31");
}

template <int kBits, bool kZeros, int kRows>
void rows_of_tile(const TileWeight& w, int64_t tile, const float* x, const float* bias, float* y, int64_t stride) {
  constexpr int kStep = tile_step(kBits);
  constexpr int64_t kStepBytes = tile_step_bytes(kBits);
  constexpr int64_t kStepsOfSum = kTileFloatCols / kStep;
  const int64_t row_floats = w.steps * kStep;
  const uint8_t* step = w.codes + tile * w.steps * kStepBytes;
  Levels levels;
  levels.table = table_of(kBits, w.halves, kZeros ? 0 : w.zero);
  levels.factor = _mm512_set1_ps(w.halves ? 2.0f : 1.0f);
  __m512 kept[kRows][kBlocks];
  clear(kept);
  for (int64_t g = 0; g < w.groups; ++g) {
    const int64_t at = (tile * w.groups + g) * kTileRows;
    const int64_t group_steps = std::min(w.group_steps, w.steps - g * w.group_steps);
#pragma GCC unroll 4
    for (int b = 0; b < kBlocks; ++b) {
      levels.zeros[b] =
          _mm512_cvtepi32_ps(w.zeros ? _mm512_loadu_si512(w.zeros + at + 16 * b) : _mm512_set1_epi32(w.zero));
    }
    for (int64_t first = 0; first < group_steps; first += kStepsOfSum) {
      const int64_t steps = std::min(kStepsOfSum, group_steps - first);
      __m512 sums[kRows][kBlocks];
      clear(sums);
      for (int64_t s = 0; s < steps; ++s, step += kStepBytes, x += kStep) {
        if constexpr (kRows == 1) {
#pragma GCC unroll 16
          for (int64_t i = 0; i < kStepBytes; i += 64) _mm_prefetch(step + kAhead + i, _MM_HINT_T0);
        }
        unrolled(std::make_integer_sequence<int, kStep>{}, [&](auto column) __attribute__((always_inline)) {
          constexpr int kColumn = decltype(column)::value;
          __m512 weights[kBlocks];
#pragma GCC unroll 4
          for (int b = 0; b < kBlocks; ++b) {
            weights[b] = values_of<kBits, kZeros, kColumn / 4, kColumn % 4>(step, b, levels);
          }
#pragma GCC unroll 6
          for (int i = 0; i < kRows; ++i) add_products(sums[i], x + i * row_floats + kColumn, weights);
        });
      }
#pragma GCC unroll 6
      for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
        for (int b = 0; b < kBlocks; ++b) {
          kept[i][b] = _mm512_fmadd_ps(sums[i][b], _mm512_loadu_ps(w.scales + at + 16 * b), kept[i][b]);
        }
      }
    }
  }
  store_rows<kRows>(w, tile, kept, bias, y, stride);
}

template <int kBits, bool kZeros>
void tiles(const TileWeight& w, int64_t first, int64_t last, const float* x, int64_t count, const float* bias,
           float* y, int64_t stride) {
  constexpr decltype(&rows_of_tile<kBits, kZeros, 1>) kRowsOfTile[] = {
      nullptr,
      rows_of_tile<kBits, kZeros, 1>,
      rows_of_tile<kBits, kZeros, 2>,
      rows_of_tile<kBits, kZeros, 3>,
      rows_of_tile<kBits, kZeros, 4>,
      rows_of_tile<kBits, kZeros, 5>,
      rows_of_tile<kBits, kZeros, 6>,
  };
  for (int64_t tile = first; tile < last; ++tile) {
    for (int64_t row = 0; row < count;) {
      const int64_t rows = rows_of_pass(count - row);
      kRowsOfTile[rows](w, tile, x + row * w.steps * tile_step(kBits), bias, y + row * stride, stride);
      row += rows;
    }
  }
}

template <int kBits>
void with_bits(const TileWeight& w, int64_t first, int64_t last, const float* x, int64_t count, const float* bias,
               float* y, int64_t stride) {
  (w.zeros ? tiles<kBits, true> : tiles<kBits, false>)(w, first, last, x, count, bias, y, stride);
}

}  // namespace

void tile_product_f32(const TileWeight& w, int64_t first, int64_t last, const float* x, int64_t count,
                      const float* bias, float* y, int64_t stride) {
  constexpr decltype(&with_bits<1>) kWithBits[] = {
      nullptr,      with_bits<1>, with_bits<2>, with_bits<3>, with_bits<4>,
      with_bits<5>, with_bits<6>, with_bits<7>, with_bits<8>,
  };
  kWithBits[w.bits](w, first, last, x, count, bias, y, stride);
}

}  // namespace qat::avx512vnni
