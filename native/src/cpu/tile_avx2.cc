// Tile products with AVX2. Bytes are multiplied pair by pair into 16 bits and summed there for as long as no sum
// can leave them, which saves the widening of every product; then into 32 bits. Codes of 8 bits are taken as two
// halves of 4 bits; those of 5 to 7 bits leave so little room that they are summed in 32 bits at once.
#include "cpu/isa_kernels.h"
#include "cpu/tile_fields_avx2.h"

namespace qat::avx2 {
namespace {

// Sums of 16 bits: how a code of kBits bits is cut for them, and for how many fields there is room.
template <int kBits>
struct Narrow {
  static constexpr int kParts = kBits == 8 ? 2 : 1;  // the lower half of the code and the upper
  static constexpr int kMostCode = (1 << kBits / kParts) - 1;
  static constexpr int kFields = 32767 / (2 * 128 * kMostCode);
  static constexpr bool kUsed = kFields >= 8;
  static constexpr int kSteps = kUsed ? kFields / (tile_step(kBits) / 4) : 1;  // summed in 16 bits
};

// Registers of 8 weight rows that kRows rows of activations meet at once: as many as sums, codes, an input and a
// product have room for in 16 registers. With one row the codes are used as they come.
template <int kBits, int kRows>
constexpr int blocks_for() {
  constexpr int kParts = Narrow<kBits>::kParts;
  constexpr int kRegisters = kRows == 1 ? kParts : kParts * (kRows + 1);
  return kRegisters == 1 ? 8 : kRegisters <= 3 ? 4 : kRegisters <= 7 ? 2 : 1;
}

template <int kBits>
constexpr int most_rows() { return Narrow<kBits>::kUsed ? 6 : 4; }

template <int kParts>
QAT_INLINE __m256i part_of(__m256i codes, int part) {
  if constexpr (kParts == 1) return codes;
  return _mm256_and_si256(part ? _mm256_srli_epi16(codes, 4) : codes, _mm256_set1_epi8(15));
}

QAT_INLINE __m256i input_of(const int8_t* a) {
  return _mm256_castps_si256(_mm256_broadcast_ss(reinterpret_cast<const float*>(a)));
}

// Adds Σ a·c of `steps` steps to sums.
template <int kBits, int kRows, int kCount>
QAT_INLINE void add_steps(const uint8_t* step, const int8_t* a, int64_t row_bytes, int64_t steps,
                          __m256i (&sums)[kRows][kCount]) {
  using Sums = Narrow<kBits>;
  constexpr int kParts = Sums::kParts;
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i narrow[kParts][kRows][kCount];
#pragma GCC unroll 2
  for (int p = 0; p < kParts; ++p) {
#pragma GCC unroll 6
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
      for (int b = 0; b < kCount; ++b) narrow[p][i][b] = _mm256_setzero_si256();
    }
  }
  for (int64_t s = 0; s < steps; ++s, step += tile_step_bytes(kBits), a += tile_step(kBits)) {
    if constexpr (kRows == 1) _mm_prefetch(reinterpret_cast<const char*>(step) + 4096, _MM_HINT_T0);
    unrolled(std::make_integer_sequence<int, tile_step(kBits) / 4>{}, [&](auto field) __attribute__((always_inline)) {
      constexpr int kField = decltype(field)::value;
      __m256i codes[kParts][kCount];
#pragma GCC unroll 8
      for (int b = 0; b < kCount; ++b) {
        const __m256i whole = field_of<kBits, 0, kField>(step + 32 * b);
#pragma GCC unroll 2
        for (int p = 0; p < kParts; ++p) codes[p][b] = part_of<kParts>(whole, p);
      }
#pragma GCC unroll 6
      for (int i = 0; i < kRows; ++i) {
        const __m256i input = input_of(a + i * row_bytes + 4 * kField);
#pragma GCC unroll 8
        for (int b = 0; b < kCount; ++b) {
#pragma GCC unroll 2
          for (int p = 0; p < kParts; ++p) {
            const __m256i products = _mm256_maddubs_epi16(codes[p][b], input);
            if constexpr (Sums::kUsed) {
              narrow[p][i][b] = _mm256_add_epi16(narrow[p][i][b], products);
            } else {
              sums[i][b] = _mm256_add_epi32(sums[i][b], _mm256_madd_epi16(products, ones));
            }
          }
        }
      }
    });
  }
  if constexpr (Sums::kUsed) {
#pragma GCC unroll 2
    for (int p = 0; p < kParts; ++p) {
      const __m256i worth = _mm256_set1_epi16(static_cast<int16_t>(p ? 16 : 1));
#pragma GCC unroll 6
      for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
        for (int b = 0; b < kCount; ++b) {
          sums[i][b] = _mm256_add_epi32(sums[i][b], _mm256_madd_epi16(narrow[p][i][b], worth));
        }
      }
    }
  }
}

// 8·kCount rows of a tile, from `first` on, with kRows rows of activations.
template <int kBits, int kRows>
void rows_of_blocks(const TileWeight& w, int64_t tile, int64_t first, const TileInputs& x, int64_t row,
                    const float* bias, float* y, int64_t stride) {
  constexpr int kCount = blocks_for<kBits, kRows>();
  constexpr int64_t kStepBytes = tile_step_bytes(kBits);
  const int64_t row_bytes = w.steps * tile_step(kBits);
  const uint8_t* step = w.codes + tile * w.steps * kStepBytes + first * 4;
  const int8_t* a = x.codes + row * row_bytes;
  __m256 kept[kRows][kCount];
  clear(kept);
  for (int64_t g = 0; g < w.groups; ++g) {
    __m256i sums[kRows][kCount];
    for (int i = 0; i < kRows; ++i) {
      for (int b = 0; b < kCount; ++b) sums[i][b] = _mm256_setzero_si256();
    }
    int64_t steps = std::min(w.group_steps, w.steps - g * w.group_steps);
    constexpr int64_t kAtOnce = Narrow<kBits>::kUsed ? Narrow<kBits>::kSteps : INT64_MAX;
    while (steps > 0) {
      const int64_t part = std::min(steps, kAtOnce);
      add_steps<kBits>(step, a, row_bytes, part, sums);
      step += part * kStepBytes;
      a += part * tile_step(kBits);
      steps -= part;
    }
    const int64_t at = (tile * w.groups + g) * kTileRows + first;
#pragma GCC unroll 6
    for (int i = 0; i < kRows; ++i) {
      const __m256i inputs = _mm256_set1_epi32(x.sums[(row + i) * w.groups + g]);
      const __m256 scale = _mm256_set1_ps(x.scales[(row + i) * x.row_stride + g * x.group_stride]);
#pragma GCC unroll 8
      for (int b = 0; b < kCount; ++b) {
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
  store_rows(w, tile * kTileRows + first, kept, bias, y + row * stride, stride);
}

// All rows of a tile with kRows rows of activations.
template <int kBits, int kRows>
void rows_of_tile(const TileWeight& w, int64_t tile, const TileInputs& x, int64_t row, const float* bias, float* y,
                  int64_t stride) {
  const int64_t end = std::min(kTileRows, w.rows - tile * kTileRows);
  for (int64_t first = 0; first < end; first += 8 * blocks_for<kBits, kRows>()) {
    rows_of_blocks<kBits, kRows>(w, tile, first, x, row, bias, y, stride);
  }
}

template <int kBits>
void tiles(const TileWeight& w, int64_t first, int64_t last, const TileInputs& x, int64_t count, const float* bias,
           float* y, int64_t stride) {
  using Rows = void (*)(const TileWeight&, int64_t, const TileInputs&, int64_t, const float*, float*, int64_t);
  constexpr Rows kRowsOfTile[] = {nullptr,
                                  rows_of_tile<kBits, 1>,
                                  rows_of_tile<kBits, 2>,
                                  rows_of_tile<kBits, 3>,
                                  rows_of_tile<kBits, 4>,
                                  rows_of_tile<kBits, most_rows<kBits>() < 5 ? 4 : 5>,
                                  rows_of_tile<kBits, most_rows<kBits>() < 6 ? 4 : 6>};
  // Passes of nearly equal size: 8 rows are 4 and 4.
  const int64_t passes = (count + most_rows<kBits>() - 1) / most_rows<kBits>();
  for (int64_t tile = first; tile < last; ++tile) {
    for (int64_t pass = 0; pass < passes; ++pass) {
      const int64_t row = count * pass / passes, rows = count * (pass + 1) / passes - row;
      kRowsOfTile[rows](w, tile, x, row, bias, y, stride);
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

}  // namespace qat::avx2
