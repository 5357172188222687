// Tile products of signs: xor, a count of bits, an addition for 32 columns of 16 rows.
#include <algorithm>

#include "cpu/isa_kernels.h"
#include "cpu/tile_fields_avx512vnni.h"

namespace qat::avx512vnni {
namespace {

// counts[b] += bits of weights[b] that differ from the word at x.
QAT_INLINE void add_differences(__m512i (&counts)[kBlocks], const uint32_t* x, const __m512i (&weights)[kBlocks]) {
  asm volatile(
      "vpxord %[x]%{1to16%}, %[w0], %%zmm28\n\t"
      "vpxord %[x]%{1to16%}, %[w1], %%zmm29\n\t"
      "vpxord %[x]%{1to16%}, %[w2], %%zmm30\n\t"
      "vpxord %[x]%{1to16%}, %[w3], %%zmm31\n\t"
      "vpopcntd %%zmm28, %%zmm28\n\t"
      "vpopcntd %%zmm29, %%zmm29\n\t"
      "vpopcntd %%zmm30, %%zmm30\n\t"
      "vpopcntd %%zmm31, %%zmm31\n\t"
      "vpaddd %%zmm28, %[c0], %[c0]\n\t"
      "vpaddd %%zmm29, %[c1], %[c1]\n\t"
      "vpaddd %%zmm30, %[c2], %[c2]\n\t"
      "vpaddd %%zmm31, %[c3], %[c3]"
      : [c0] "+v"(counts[0]), [c1] "+v"(counts[1]), [c2] "+v"(counts[2]), [c3] "+v"(counts[3])
      : [x] "m"(*x), [w0] "v"(weights[0]), [w1] "v"(weights[1]), [w2] "v"(weights[2]), [w3] "v"(weights[3])
      : "xmm28", "xmm29", "xmm30", "xmm31");
}

template <int kRows>
void rows_of_tile(const TileWeight& w, int64_t tile, const TileSigns& x, int64_t row, const float* bias, float* y,
                  int64_t stride) {
  constexpr int64_t kStepBytes = tile_step_bytes(1);
  const uint8_t* step = w.codes + tile * w.steps * kStepBytes;
  const uint32_t* signs = x.signs + row * w.steps;
  const __m512 scale = _mm512_set1_ps(x.scale);
  __m512 kept[kRows][kBlocks];
  clear(kept);
  for (int64_t g = 0; g < w.groups; ++g) {
    __m512i counts[kRows][kBlocks];
#pragma GCC unroll 6
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
      for (int b = 0; b < kBlocks; ++b) counts[i][b] = _mm512_setzero_si512();
    }
    const int64_t steps = std::min(w.group_steps, w.steps - g * w.group_steps);
    for (int64_t s = 0; s < steps; ++s, step += kStepBytes, ++signs) {
      __m512i weights[kBlocks];
#pragma GCC unroll 4
      for (int b = 0; b < kBlocks; ++b) {
        weights[b] = load(step + 64 * b);
        _mm_prefetch(step + (kRows == 1 ? kAhead : 2048) + 64 * b, _MM_HINT_T0);
      }
#pragma GCC unroll 6
      for (int i = 0; i < kRows; ++i) add_differences(counts[i], signs + i * w.steps, weights);
    }
    const int64_t at = (tile * w.groups + g) * kTileRows;
    const auto columns = static_cast<int32_t>(std::min(w.group_cols, w.cols - g * w.group_cols));
#pragma GCC unroll 6
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
      for (int b = 0; b < kBlocks; ++b) {
        const __m512i twice = _mm512_add_epi32(counts[i][b], counts[i][b]);
        const __m512i sum = _mm512_sub_epi32(_mm512_set1_epi32(columns), twice);
        const __m512 scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_loadu_ps(w.scales + at + 16 * b));
        kept[i][b] = _mm512_fmadd_ps(scaled, scale, kept[i][b]);
      }
    }
  }
  store_rows<kRows>(w, tile, kept, bias, y + row * stride, stride);
}

}  // namespace

void tile_product_signs(const TileWeight& w, int64_t first, int64_t last, const TileSigns& x, int64_t count,
                        const float* bias, float* y, int64_t stride) {
  constexpr decltype(&rows_of_tile<1>) kRowsOfTile[] = {
      nullptr, rows_of_tile<1>, rows_of_tile<2>, rows_of_tile<3>, rows_of_tile<4>, rows_of_tile<5>, rows_of_tile<6>,
  };
  for (int64_t tile = first; tile < last; ++tile) {
    for (int64_t row = 0; row < count;) {
      const int64_t rows = rows_of_pass(count - row);
      kRowsOfTile[rows](w, tile, x, row, bias, y, stride);
      row += rows;
    }
  }
}

void sign_row(const float* x, int64_t cols, int64_t group_cols, uint32_t* signs) {
  const auto mask = [](int64_t n) { return static_cast<__mmask16>(n >= 16 ? 0xffffu : n <= 0 ? 0u : (1u << n) - 1u); };
  const auto positive = [](__mmask16 there, const float* p) {
    return static_cast<uint32_t>(
        _mm512_mask_cmp_ps_mask(there, _mm512_maskz_loadu_ps(there, p), _mm512_setzero_ps(), _CMP_GE_OQ));
  };
  for (int64_t begin = 0; begin < cols; begin += group_cols) {
    const int64_t end = std::min(cols, begin + group_cols);
    for (int64_t c = begin; c < end; c += 32) {
      const uint32_t word = positive(mask(end - c), x + c) | positive(mask(end - c - 16), x + c + 16) << 16;
      uint32_t ordered = 0;  // column 4·i + j to bit 8·j + i
      for (int j = 0; j < 4; ++j) ordered |= _pext_u32(word, 0x11111111u << j) << (8 * j);
      *signs++ = ordered;
    }
  }
}

}  // namespace qat::avx512vnni
