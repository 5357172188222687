// Tile products with AVX-512 VNNI: 6 rows of activations x 64 rows of the weight in 24 registers, unpacking
// shared by the six. The dot products are inline assembly: left to itself the compiler moves their broadcast
// about and keeps sums in memory.
#include <algorithm>

#include "cpu/isa_kernels.h"
#include "cpu/tile_fields_avx512vnni.h"

namespace qat::avx512vnni {
namespace {

// sums[b] += weights[b] · the four activations at x, in every 32 bits.
QAT_INLINE void add_products(__m512i (&sums)[kBlocks], const int8_t* x, const __m512i (&weights)[kBlocks]) {
  // A register by name: the compiler's choice of a free one costs moves of sums around it.
  asm volatile(
      "vpbroadcastd %[x], %%zmm31\n\t"
      "vpdpbusd %%zmm31, %[w0], %[s0]\n\t"
      "vpdpbusd %%zmm31, %[w1], %[s1]\n\t"
      "vpdpbusd %%zmm31, %[w2], %[s2]\n\t"
      "vpdpbusd %%zmm31, %[w3], %[s3]"
      : [s0] "+v"(sums[0]), [s1] "+v"(sums[1]), [s2] "+v"(sums[2]), [s3] "+v"(sums[3])
      : [x] "m"(*reinterpret_cast<const int32_t*>(x)), [w0] "v"(weights[0]), [w1] "v"(weights[1]),
        [w2] "v"(weights[2]), [w3] "v"(weights[3])
      : "xmm31");
}

// What is fetched while a tile is used: its own bytes to come, or those of the next tile into L2.
struct Ahead {
  const uint8_t* next = nullptr;  // null: its own
  int64_t bytes = 0;              // of the next tile per step, a multiple of 64
};

template <int kBits, int kRows, bool kPlain>
void rows_of_tile(const TileWeight& w, int64_t tile, const TileInputs& x, int64_t row, const float* bias, float* y,
                  int64_t stride, Ahead ahead) {
  constexpr int kStep = tile_step(kBits);
  constexpr int64_t kStepBytes = tile_step_bytes(kBits);
  // One row leaves half of the multipliers idle unless every block has two sums.
  constexpr int kChains = kRows == 1 ? 2 : 1;
  const int64_t row_bytes = w.steps * kStep;
  const uint8_t* step = w.codes + tile * w.steps * kStepBytes;
  const int8_t* a = x.codes + row * row_bytes;
  __m512 kept[kRows][kBlocks];
  clear(kept);
  for (int64_t g = 0; g < w.groups; ++g) {
    __m512i sums[kRows * kChains][kBlocks];
#pragma GCC unroll 6
    for (int i = 0; i < kRows * kChains; ++i) {
      const int32_t start = kPlain && i < kRows ? -w.zero * x.sums[(row + i) * w.groups + g] : 0;
#pragma GCC unroll 4
      for (int b = 0; b < kBlocks; ++b) sums[i][b] = _mm512_set1_epi32(start);
    }
    const int64_t steps = std::min(w.group_steps, w.steps - g * w.group_steps);
    for (int64_t s = 0; s < steps; ++s, step += kStepBytes, a += kStep) {
      if (kRows > 1 && ahead.next) {
        for (int64_t i = 0; i < ahead.bytes; i += 64) _mm_prefetch(ahead.next + i, _MM_HINT_T1);
        ahead.next += ahead.bytes;
      }
      if (kBits == 8 || kRows == 1) {
        constexpr int64_t kDistance = kRows == 1 ? kAhead : 2048;
#pragma GCC unroll 16
        for (int64_t i = 0; i < kStepBytes; i += 64) _mm_prefetch(step + kDistance + i, _MM_HINT_T0);
      }
      unrolled(std::make_integer_sequence<int, kStep / 4>{}, [&](auto field) __attribute__((always_inline)) {
        constexpr int kField = decltype(field)::value;
        __m512i weights[kBlocks];
#pragma GCC unroll 4
        for (int b = 0; b < kBlocks; ++b) weights[b] = field_of<kBits, 0, kField>(step, b);
#pragma GCC unroll 6
        for (int i = 0; i < kRows; ++i) {
          add_products(sums[i + (kChains == 2 ? kField % 2 : 0)], a + i * row_bytes + 4 * kField, weights);
        }
      });
    }
    const int64_t at = (tile * w.groups + g) * kTileRows;
#pragma GCC unroll 6
    for (int i = 0; i < kRows; ++i) {
      const __m512 scale = _mm512_set1_ps(x.scales[(row + i) * x.row_stride + g * x.group_stride]);
#pragma GCC unroll 4
      for (int b = 0; b < kBlocks; ++b) {
        __m512i sum = sums[i][b];
        if constexpr (kChains == 2) sum = _mm512_add_epi32(sum, sums[1][b]);
        if constexpr (!kPlain) {
          if (w.halves) sum = _mm512_add_epi32(sum, sum);
          const __m512i zero = w.zeros ? _mm512_loadu_si512(w.zeros + at + 16 * b) : _mm512_set1_epi32(w.zero);
          const __m512i inputs = _mm512_set1_epi32(x.sums[(row + i) * w.groups + g]);
          sum = _mm512_sub_epi32(sum, _mm512_mullo_epi32(zero, inputs));
          if (x.offset != 0) {
            const __m512i total = _mm512_loadu_si512(w.totals + at + 16 * b);
            sum = _mm512_add_epi32(sum, _mm512_mullo_epi32(total, _mm512_set1_epi32(x.offset)));
          }
        }
        const __m512 scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_loadu_ps(w.scales + at + 16 * b));
        kept[i][b] = _mm512_fmadd_ps(scaled, scale, kept[i][b]);
      }
    }
  }
  store_rows<kRows>(w, tile, kept, bias, y + row * stride, stride);
}

template <int kBits, bool kPlain>
void tiles(const TileWeight& w, int64_t first, int64_t last, const TileInputs& x, int64_t count, const float* bias,
           float* y, int64_t stride) {
  using Rows = void (*)(const TileWeight&, int64_t, const TileInputs&, int64_t, const float*, float*, int64_t, Ahead);
  constexpr Rows kRowsOfTile[] = {
      nullptr,
      rows_of_tile<kBits, 1, kPlain>,
      rows_of_tile<kBits, 2, kPlain>,
      rows_of_tile<kBits, 3, kPlain>,
      rows_of_tile<kBits, 4, kPlain>,
      rows_of_tile<kBits, 5, kPlain>,
      rows_of_tile<kBits, 6, kPlain>,
  };
  const int64_t tile_bytes = w.steps * tile_step_bytes(kBits);
  const int64_t passes = (count + kMostRows - 1) / kMostRows;
  // Of the next tile, each pass over this one fetches its share; many passes hide it without help.
  const int64_t share = passes < 2 || passes > 16 ? 0 : (tile_step_bytes(kBits) / passes + 63) / 64 * 64;
  for (int64_t tile = first; tile < last; ++tile) {
    const uint8_t* next = w.codes + (tile + 1) * tile_bytes;
    for (int64_t row = 0; row < count;) {
      const int64_t rows = rows_of_pass(count - row);
      const Ahead ahead = share > 0 && tile + 1 < last ? Ahead{next, share} : Ahead{};
      kRowsOfTile[rows](w, tile, x, row, bias, y, stride, ahead);
      if (share > 0) next += w.steps * share;
      row += rows;
    }
  }
}

template <int kBits>
void with_bits(const TileWeight& w, int64_t first, int64_t last, const TileInputs& x, int64_t count,
               const float* bias, float* y, int64_t stride) {
  const bool plain = !w.halves && !w.zeros && x.offset == 0;
  (plain ? tiles<kBits, true> : tiles<kBits, false>)(w, first, last, x, count, bias, y, stride);
}

}  // namespace

void tile_product(const TileWeight& w, int64_t first, int64_t last, const TileInputs& x, int64_t count,
                  const float* bias, float* y, int64_t stride) {
  constexpr decltype(&with_bits<1>) kWithBits[] = {
      nullptr,      with_bits<1>, with_bits<2>, with_bits<3>, with_bits<4>,
      with_bits<5>, with_bits<6>, with_bits<7>, with_bits<8>,
  };
  kWithBits[w.bits](w, first, last, x, count, bias, y, stride);
}

}  // namespace qat::avx512vnni
