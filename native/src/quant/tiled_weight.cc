#include "quant/tiled_weight.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "qat/error.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

// Codes that stand for halves of a step: binary ±1 and the mid-rise levels.
bool in_halves(Grid grid) { return grid == Grid::kBinary || grid == Grid::kMidrise; }

// Columns per tile group: the scale's, cut where integer sums would not fit.
int64_t tile_group_cols(const ScaleLayout& layout) {
  if (layout.group_cols <= kTileGroupCols) return layout.group_cols;
  // Every scale's columns must be whole groups, or the one that is not must be the row's last.
  if (layout.groups_per_row() == 1) return kTileGroupCols;
  int64_t cols = kTileGroupCols;
  while (layout.group_cols % cols) --cols;
  return cols;
}

// Where scales, zeros and totals of a row's group lie.
int64_t place_of(const TileWeight& w, int64_t row, int64_t group) {
  return (row / kTileRows * w.groups + group) * kTileRows + row % kTileRows;
}

// Rows that one task lays out: enough to be worth it, and whole cache lines of a tile.
int64_t rows_per_task(int64_t cols) { return std::max<int64_t>(1, (1 << 11) / cols) * 16; }

}  // namespace

TiledWeight::TiledWeight(const QuantizerConfig& config, int64_t rows, int64_t cols, int field_bits)
    : config_(config) {
  if (config.grid == Grid::kUser) {
    throw Error("E-QUANTIZER-INVALID", "The levels of a quantizer library are no multiples of a step.",
                "Use the float product for this weight.");
  }
  if (has_negative_scales(config)) {
    throw Error("E-QUANTIZER-INVALID", "The two levels of this ternary weight are no multiples of one step.",
                "Multiply with its layer.");
  }
  const int32_t qmin = code_range(config.grid, config.bits).qmin;
  view_.group_cols = tile_group_cols(scale_layout(config, rows, cols));
  view_.bits = field_bits;
  view_.halves = in_halves(config.grid);
  view_.rows = rows;
  view_.cols = cols;
  view_.groups = (cols + view_.group_cols - 1) / view_.group_cols;
  const int64_t step = tile_step(field_bits);
  view_.group_steps = (view_.group_cols + step - 1) / step;
  const int64_t in_last = cols - (view_.groups - 1) * view_.group_cols;
  view_.steps = (view_.groups - 1) * view_.group_steps + (in_last + step - 1) / step;
  // Binary codes 0 and 1 are −1 and +1; the mid-rise level of code q is (2·q + 1)/2.
  view_.zero = config.grid == Grid::kBinary ? 1 : view_.halves ? -2 * qmin - 1 : -qmin;

  const auto per_row = static_cast<size_t>(tiles() * view_.groups * kTileRows);
  codes_.assign(static_cast<size_t>(tiles() * view_.steps * tile_step_bytes(field_bits)), uint8_t{0});
  scales_.assign(per_row, 0.0f);
  totals_.assign(per_row, 0);
  view_.codes = codes_.data();
  view_.scales = scales_.data();
  view_.totals = totals_.data();
}

TiledWeight::TiledWeight(const QuantizedWeight& weight)
    : TiledWeight(weight.config, weight.rows, weight.cols, weight.config.bits) {
  const int bits = view_.bits;
  const int64_t row_bytes = packed_row_bytes(view_.cols, bits);
  set_groups(weight.scales);
  parallel_for(view_.rows, rows_per_task(view_.cols), [&](int64_t begin, int64_t end) {
    thread_local std::vector<uint8_t> codes;
    codes.resize(static_cast<size_t>(view_.cols));
    for (int64_t row = begin; row < end; ++row) {
      kernels().unpack_row(weight.packed.data() + row * row_bytes, codes.data(), view_.cols, bits);
      lay_out_row(codes.data(), row);
    }
  });
}

void TiledWeight::set(const uint8_t* codes, const Scales& scales) {
  set_groups(scales);
  parallel_for(view_.rows, rows_per_task(view_.cols), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) lay_out_row(codes + row * view_.cols, row);
  });
}

void TiledWeight::set_groups(const Scales& scales) {
  const ScaleLayout layout = scale_layout(config_, view_.rows, view_.cols);
  const int32_t qmin = code_range(config_.grid, config_.bits).qmin;
  if (!scales.zero_points.empty()) zeros_.resize(scales_.size());
  view_.zeros = zeros_.empty() ? nullptr : zeros_.data();
  // Of halves: a mid-rise level is (2·q + 1)·scale/2, a binary one ±scale.
  const float unit = config_.grid == Grid::kMidrise ? 0.5f : 1.0f;
  for (int64_t row = 0; row < view_.rows; ++row) {
    for (int64_t g = 0; g < view_.groups; ++g) {
      const auto from = static_cast<size_t>(row * layout.row_stride + g * view_.group_cols / layout.group_cols);
      const auto to = static_cast<size_t>(place_of(view_, row, g));
      scales_[to] = scales.scales[from] * unit;
      if (!zeros_.empty()) zeros_[to] = scales.zero_points[from] - qmin;
    }
  }
}

namespace {

// The fields of kPlane bits of one row's codes, `low` bits up, step by step: four columns a byte each, the next
// four above them.
template <int kPlane>
void lay_out_plane(const uint8_t* codes, int64_t step, int64_t steps, int low, uint8_t* to, int64_t step_bytes) {
  constexpr int kFields = 8 / kPlane;
  constexpr uint32_t kMask = 0x01010101u * ((1u << kPlane) - 1);
  for (int64_t s = 0; s < steps; ++s, codes += step, to += step_bytes) {
    uint8_t* block = to;
    for (int64_t column = 0; column < step; column += 4 * kFields, block += 4 * kTileRows) {
      uint32_t word = 0;
      for (int i = 0; i < kFields; ++i) {
        uint32_t four;
        std::memcpy(&four, codes + column + 4 * i, sizeof(four));
        word |= (four >> low & kMask) << (i * kPlane);
      }
      std::memcpy(block, &word, sizeof(word));
    }
  }
}

}  // namespace

void TiledWeight::lay_out_row(const uint8_t* codes, int64_t row) {
  thread_local AlignedVector<uint8_t> padded;
  grow(padded, padded_cols());
  pad_row(*this, codes, padded.data());
  const int bits = view_.bits;
  const int64_t step = tile_step(bits), bytes = tile_step_bytes(bits);
  uint8_t* to = codes_.data() + row / kTileRows * view_.steps * bytes + row % kTileRows * 4;
  for (int low = 0; low < bits;) {
    const int plane = tile_plane(bits, low);
    const auto lay_out = plane == 8 ? lay_out_plane<8> : plane == 4 ? lay_out_plane<4> : plane == 2 ? lay_out_plane<2>
                                                                                                     : lay_out_plane<1>;
    lay_out(padded.data(), step, view_.steps, low, to, bytes);
    to += kTileRows * step * plane / 8;
    low += plane;
  }
  for (int64_t g = 0; g < view_.groups; ++g) {
    const auto at = static_cast<size_t>(place_of(view_, row, g));
    const int32_t zero = zeros_.empty() ? view_.zero : zeros_[at];
    const int64_t first = g * view_.group_cols, count = std::min(view_.group_cols, view_.cols - first);
    const int32_t sum = std::accumulate(codes + first, codes + first + count, int32_t{0});
    totals_[at] = (view_.halves ? 2 * sum : sum) - static_cast<int32_t>(count) * zero;
  }
}

int64_t TiledWeight::native_bytes() const {
  return static_cast<int64_t>(codes_.size() + 4 * (scales_.size() + zeros_.size() + totals_.size()));
}

namespace {

// Rows of activations that one task takes: few enough to share out, many enough to reuse what is unpacked.
constexpr int64_t kRowsPerTask = 96;

// Calls fn(first tile, last tile, first row, rows) for parts of the product.
template <typename Fn>
void for_parts(const TiledWeight& weight, int64_t count, Fn&& fn) {
  const int64_t tiles = weight.tiles();
  const int64_t wanted = 4 * thread_count();
  // Tiles first: each is then read once. Rows too where there are few tiles.
  const int64_t shares =
      tiles >= wanted ? 1 : std::clamp<int64_t>(count / kRowsPerTask, 1, (wanted + tiles - 1) / tiles);
  const int64_t rows = (count + shares - 1) / shares;
  parallel_for(tiles * shares, 1, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      // Consecutive tiles of one share.
      const int64_t first = begin % tiles, last = std::min(tiles, first + end - begin);
      const int64_t from = begin / tiles * rows;
      if (from < count) fn(first, last, from, std::min(rows, count - from));
      begin += last - first;
    }
  });
}

// Rows that one task prepares.
constexpr int64_t kRowsToPrepare = 8;

// Rows that are prepared before they are used: a bound for the memory that a thread keeps for them.
constexpr int64_t kRowsAtOnce = 1024;

// Calls fn(first, rows) for kRowsAtOnce rows after the other.
template <typename Fn>
void for_rows(int64_t count, Fn&& fn) {
  for (int64_t first = 0; first < count; first += kRowsAtOnce) fn(first, std::min(kRowsAtOnce, count - first));
}

// Calls fn(i) for every row, on all threads.
template <typename Fn>
void prepare_rows(int64_t rows, Fn&& fn) {
  parallel_for(rows, kRowsToPrepare, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) fn(i);
  });
}

}  // namespace

void pad_codes(const TiledWeight& weight, const int8_t* row, int8_t* padded, int32_t* sums) {
  const TileWeight& view = weight.view();
  for (int64_t begin = 0; begin < view.cols; begin += view.group_cols) {
    const int64_t end = std::min(view.cols, begin + view.group_cols);
    int32_t sum = 0;
    for (int64_t c = begin; c < end; ++c) sum += row[c];
    *sums++ = sum;
  }
  pad_row(weight, row, padded);
}

void tiled_product(const TiledWeight& weight, const RowCoder& code, int32_t offset, int64_t count, const float* bias,
                   float* y, int64_t stride) {
  thread_local AlignedVector<int8_t> kept_codes;
  thread_local AlignedVector<int32_t> kept_sums;
  thread_local AlignedVector<float> kept_scales;
  const TileWeight& view = weight.view();
  const int64_t cols = weight.padded_cols(), groups = view.groups, most = std::min(count, kRowsAtOnce);
  grow(kept_codes, most * cols);
  grow(kept_sums, most * groups);
  grow(kept_scales, most * groups);
  // Of this thread: inside the loops the names would be those of others.
  int8_t* const codes = kept_codes.data();
  int32_t* const sums = kept_sums.data();
  float* const scales = kept_scales.data();
  for_rows(count, [&](int64_t row, int64_t rows) {
    prepare_rows(rows, [&](int64_t i) { code(row + i, codes + i * cols, sums + i * groups, scales + i * groups); });
    for_parts(weight, rows, [&](int64_t first, int64_t last, int64_t from, int64_t n) {
      TileInputs part;
      part.codes = codes + from * cols;
      part.sums = sums + from * groups;
      part.scales = scales + from * groups;
      part.row_stride = groups;
      part.group_stride = 1;
      part.offset = offset;
      kernels().tile_product(view, first, last, part, n, bias, y + (row + from) * stride, stride);
    });
  });
}

void tiled_product_by_bytes(const TiledWeight& weight, const float* x, int64_t count, const float* bias, float* y,
                            int64_t stride) {
  const TileWeight& view = weight.view();
  const auto code = [&](int64_t i, int8_t* codes, int32_t* sums, float* scales) {
    kernels().code_row(x + i * view.cols, view.cols, view.group_cols, tile_step(view.bits), codes, sums, scales);
  };
  tiled_product(weight, code, 0, count, bias, y, stride);
}

void tiled_product_f32(const TiledWeight& weight, const float* x, int64_t count, const float* bias, float* y,
                       int64_t stride) {
  thread_local AlignedVector<float> kept;
  const int64_t cols = weight.cols(), padded_cols = weight.padded_cols();
  const bool pads = padded_cols != cols;
  if (pads) grow(kept, std::min(count, kRowsAtOnce) * padded_cols);
  float* const padded = kept.data();
  for_rows(count, [&](int64_t row, int64_t rows) {
    const float* const part = x + row * cols;
    if (pads) prepare_rows(rows, [&](int64_t i) { pad_row(weight, part + i * cols, padded + i * padded_cols); });
    const float* const inputs = pads ? padded : part;
    for_parts(weight, rows, [&](int64_t first, int64_t last, int64_t from, int64_t n) {
      kernels().tile_product_f32(weight.view(), first, last, inputs + from * padded_cols, n, bias,
                                 y + (row + from) * stride, stride);
    });
  });
}

void tiled_product_signs(const TiledWeight& weight, const float* x, float scale, int64_t count, const float* bias,
                         float* y, int64_t stride) {
  thread_local AlignedVector<uint32_t> kept;
  const TileWeight& view = weight.view();
  grow(kept, std::min(count, kRowsAtOnce) * view.steps);
  uint32_t* const signs = kept.data();
  for_rows(count, [&](int64_t row, int64_t rows) {
    prepare_rows(rows, [&](int64_t i) {
      kernels().sign_row(x + (row + i) * view.cols, view.cols, view.group_cols, signs + i * view.steps);
    });
    for_parts(weight, rows, [&](int64_t first, int64_t last, int64_t from, int64_t n) {
      const TileSigns part{signs + from * view.steps, scale};
      kernels().tile_product_signs(view, first, last, part, n, bias, y + (row + from) * stride, stride);
    });
  });
}

}  // namespace qat
