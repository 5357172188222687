// Products with a packed weight that lies in tiles of 64 rows, the one layout that the kernels of every
// instruction set read. quant/tiled_weight.h makes it from the canonical packing.
//
// A tile holds its 64 rows step by step; a step is tile_step(bits) columns. The codes of a step are cut
// into bit planes of 4, 2 and 1 bits (8 bits: one plane), the lowest bits first. A plane of b bits is
// made of blocks of 256 bytes with 32/b columns each: byte [row·4 + j] of a block has, in its field i of
// b bits, column 4·i + j of the block. So one shift and one mask turn 64 bytes into four columns of 16
// rows, the operand of a dot product of bytes, and nothing is summed across a register.
#pragma once

#include <cstdint>

namespace qat {

constexpr int64_t kTileRows = 64;

// Columns per step: as many as fill the blocks of every plane.
constexpr int tile_step(int bits) {
  return bits == 8 ? 4 : bits == 4 ? 8 : bits == 2 || bits == 6 ? 16 : 32;
}
constexpr int64_t tile_step_bytes(int bits) { return kTileRows * tile_step(bits) * bits / 8; }
// Width of the plane that holds a code's bit `low`, the lowest of its plane.
constexpr int tile_plane(int bits, int low) {
  return bits == 8 ? 8 : bits - low >= 4 ? 4 : bits - low >= 2 ? 2 : 1;
}

// Columns of a group at most: 255·255·32768 < 2^31, so that integer sums are exact.
constexpr int64_t kTileGroupCols = 32768;

// Columns whose float products are summed before they join the rest: long sums lose digits.
constexpr int64_t kTileFloatCols = 1024;

// A weight of codes c (minus qmin, as packed): ŵ = scale·(c − zero), or, with `halves`, scale·(2·c − zero).
struct TileWeight {
  int bits = 0;
  bool halves = false;
  int32_t zero = 0;  // of every group, where zeros is null
  int64_t rows = 0, cols = 0;
  int64_t group_cols = 0;   // columns of a group; the last may have fewer
  int64_t steps = 0;        // of a row
  int64_t groups = 0;       // of a row
  int64_t group_steps = 0;  // of a group; the last has what is left
  const uint8_t* codes = nullptr;    // [tiles, steps, tile_step_bytes]
  const float* scales = nullptr;     // [tiles, groups, 64]
  const int32_t* zeros = nullptr;    // the same; may be null
  const int32_t* totals = nullptr;   // the same: Σ (c − zero) or Σ (2·c − zero) of a group's columns
};

// Rows of activations as signed bytes a: x̂ = scale·(a + offset). Columns are padded with 0 as the weight's are.
struct TileInputs {
  const int8_t* codes = nullptr;    // [count, steps·tile_step]
  const int32_t* sums = nullptr;    // [count, groups]: Σ a
  const float* scales = nullptr;    // [count, groups], or one per row, or one: by the strides
  int64_t row_stride = 0, group_stride = 0;  // of scales
  int32_t offset = 0;  // where it is not 0 the weight needs totals
};

// Rows of signs a = ±1, x̂ = scale·a, for weights of 1 bit: the columns of a step are the bits of a word, column
// 4·i + j of them bit 8·j + i, 1 for +1. Padding is 0 as the weight's is.
struct TileSigns {
  const uint32_t* signs = nullptr;  // [count, steps]
  float scale = 1;
};

}  // namespace qat
