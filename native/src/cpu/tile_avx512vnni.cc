// Tile products with AVX-512 VNNI: 6 rows of activations x 64 rows of the weight in 24 registers, unpacking
// shared by the six. Dot products and the broadcast before them are inline assembly: the compiler moves
// such broadcasts around and then keeps sums in memory.
#include <immintrin.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "cpu/isa_kernels.h"

#define QAT_INLINE inline __attribute__((always_inline))

namespace qat::avx512vnni {
namespace {

constexpr int kBlocks = 4;       // registers of 16 weight rows per tile
constexpr int kMostRows = 6;     // of activations at once
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

// sums[b] += weights[b] · the four activations at x, in every 32 bits.
QAT_INLINE void add_products(__m512i (&sums)[kBlocks], const int8_t* x, const __m512i (&weights)[kBlocks]) {
  __m512i a;
  asm volatile(
      "vpbroadcastd %[x], %[a]\n\t"
      "vpdpbusd %[a], %[w0], %[s0]\n\t"
      "vpdpbusd %[a], %[w1], %[s1]\n\t"
      "vpdpbusd %[a], %[w2], %[s2]\n\t"
      "vpdpbusd %[a], %[w3], %[s3]"
      : [s0] "+v"(sums[0]), [s1] "+v"(sums[1]), [s2] "+v"(sums[2]), [s3] "+v"(sums[3]), [a] "=&v"(a)
      : [x] "m"(*reinterpret_cast<const int32_t*>(x)), [w0] "v"(weights[0]), [w1] "v"(weights[1]),
        [w2] "v"(weights[2]), [w3] "v"(weights[3]));
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
  alignas(64) float kept[kRows][kTileRows];
  __mmask16 rows[kBlocks];
#pragma GCC unroll 4
  for (int b = 0; b < kBlocks; ++b) {
    const int64_t left = std::clamp<int64_t>(w.rows - tile * kTileRows - b * 16, 0, 16);
    rows[b] = static_cast<__mmask16>((1u << left) - 1u);
  }
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
      if (ahead.next) {
        for (int64_t i = 0; i < ahead.bytes; i += 64) _mm_prefetch(ahead.next + i, _MM_HINT_T1);
        ahead.next += ahead.bytes;
      }
      if (kBits == 8 || kRows == 1 || !ahead.next) {
        const int64_t distance = kRows == 1 || !ahead.next ? kAhead : 2048;
#pragma GCC unroll 16
        for (int64_t i = 0; i < kStepBytes; i += 64) _mm_prefetch(step + distance + i, _MM_HINT_T0);
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
        __m512 value = g == 0 ? _mm512_mul_ps(scaled, scale)
                              : _mm512_fmadd_ps(scaled, scale, _mm512_load_ps(kept[i] + 16 * b));
        if (g + 1 < w.groups) {
          _mm512_store_ps(kept[i] + 16 * b, value);
          continue;
        }
        const int64_t first = tile * kTileRows + 16 * b;
        if (bias) value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(rows[b], bias + first));
        _mm512_mask_storeu_ps(y + (row + i) * stride + first, rows[b], value);
      }
    }
  }
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
      const int64_t left = count - row;
      const int64_t rows = left == 7 || left == 8 ? 4 : std::min<int64_t>(kMostRows, left);
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

void code_row(const float* x, int64_t cols, int64_t group_cols, int step, int8_t* codes, int32_t* sums,
              float* scales) {
  for (int64_t begin = 0; begin < cols; begin += group_cols) {
    const int64_t count = std::min(group_cols, cols - begin);
    const float* from = x + begin;
    const auto mask = [count](int64_t c) {
      return static_cast<__mmask16>(count - c >= 16 ? 0xffffu : (1u << (count - c)) - 1u);
    };
    __m512 top = _mm512_setzero_ps(), second = top;
    int64_t c = 0;
    for (; c + 32 <= count; c += 32) {
      top = _mm512_max_ps(top, _mm512_abs_ps(_mm512_loadu_ps(from + c)));
      second = _mm512_max_ps(second, _mm512_abs_ps(_mm512_loadu_ps(from + c + 16)));
    }
    for (; c < count; c += 16) top = _mm512_max_ps(top, _mm512_abs_ps(_mm512_maskz_loadu_ps(mask(c), from + c)));
    const float largest = _mm512_reduce_max_ps(_mm512_max_ps(top, second));
    const __m512 inverse = _mm512_set1_ps(largest > 0 ? 127.0f / largest : 0.0f);
    const int64_t padded = (count + step - 1) / step * step;
    __m512i sum = _mm512_setzero_si512();
    for (c = 0; c < padded; c += 16) {
      const __mmask16 inside = c < count ? mask(c) : __mmask16{0};
      const __m512i code = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_maskz_loadu_ps(inside, from + c), inverse));
      sum = _mm512_add_epi32(sum, code);
      const int64_t left = padded - c;
      const auto stored = static_cast<__mmask16>(left >= 16 ? 0xffffu : (1u << left) - 1u);
      _mm_mask_storeu_epi8(codes + c, stored, _mm512_cvtsepi32_epi8(code));
    }
    codes += padded;
    *sums++ = _mm512_reduce_add_epi32(sum);
    *scales++ = largest / 127.0f;
  }
}

}  // namespace qat::avx512vnni
