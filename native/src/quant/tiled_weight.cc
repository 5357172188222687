#include "quant/tiled_weight.h"

#include <algorithm>

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

}  // namespace

TiledWeight::TiledWeight(const QuantizedWeight& weight, const uint8_t* codes) : cols_(weight.cols) {
  const QuantizerConfig& config = weight.config;
  if (config.grid == Grid::kUser) {
    throw Error("E-QUANTIZER-INVALID", "The levels of a quantizer library are no multiples of a step.",
                "Use the float product for this weight.");
  }
  const ScaleLayout layout = scale_layout(config, weight.rows, weight.cols);
  const CodeRange range = code_range(config.grid, config.bits);
  group_cols_ = tile_group_cols(layout);
  view_.bits = config.bits;
  view_.halves = in_halves(config.grid);
  view_.rows = weight.rows;
  view_.groups = (weight.cols + group_cols_ - 1) / group_cols_;
  const int64_t step = tile_step(config.bits);
  view_.group_steps = (group_cols_ + step - 1) / step;
  const int64_t in_last = weight.cols - (view_.groups - 1) * group_cols_;
  view_.steps = (view_.groups - 1) * view_.group_steps + (in_last + step - 1) / step;
  // Binary codes 0 and 1 are −1 and +1; the mid-rise level of code q is (2·q + 1)/2.
  view_.zero = config.grid == Grid::kBinary ? 1 : view_.halves ? -2 * range.qmin - 1 : -range.qmin;

  const auto per_row = static_cast<size_t>(tiles() * view_.groups * kTileRows);
  // A step is read whole, and a little further by prefetches that need no memory.
  codes_.assign(static_cast<size_t>(tiles() * view_.steps * tile_step_bytes(config.bits)), uint8_t{0});
  scales_.assign(per_row, 0.0f);
  totals_.assign(per_row, 0);
  if (!weight.scales.zero_points.empty()) zeros_.assign(per_row, 0);
  set_groups(weight, layout, range.qmin);
  view_.codes = codes_.data();
  view_.scales = scales_.data();
  view_.zeros = zeros_.empty() ? nullptr : zeros_.data();
  view_.totals = totals_.data();
  const uint8_t* packed = codes ? codes : weight.packed.data();
  parallel_for(tiles(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t tile = begin; tile < end; ++tile) lay_out(packed, tile);
  });
}

void TiledWeight::set_groups(const QuantizedWeight& weight, const ScaleLayout& layout, int32_t qmin) {
  const float share = view_.halves ? 0.5f : 1.0f;
  // A binary level is ±scale, not ±scale/2.
  const float unit = weight.config.grid == Grid::kBinary ? 1.0f : share;
  for (int64_t row = 0; row < view_.rows; ++row) {
    for (int64_t g = 0; g < view_.groups; ++g) {
      const auto from = static_cast<size_t>(row * layout.row_stride + g * group_cols_ / layout.group_cols);
      const auto to = static_cast<size_t>((row / kTileRows * view_.groups + g) * kTileRows + row % kTileRows);
      float scale = weight.scales.scales[from];
      const auto& down = weight.scales.negative_scales;
      if (!down.empty()) scale = (scale + down[from]) / 2;
      scales_[to] = scale * unit;
      if (!zeros_.empty()) zeros_[to] = weight.scales.zero_points[from] - qmin;
    }
  }
}

void TiledWeight::lay_out(const uint8_t* packed, int64_t tile) {
  thread_local std::vector<uint8_t> codes;
  codes.resize(static_cast<size_t>(cols_));
  const int bits = view_.bits;
  const int64_t step = tile_step(bits), bytes = tile_step_bytes(bits);
  const int64_t row_bytes = packed_row_bytes(cols_, bits);
  uint8_t* const begin = codes_.data() + tile * view_.steps * bytes;
  for (int64_t r = 0; r < std::min(kTileRows, view_.rows - tile * kTileRows); ++r) {
    const int64_t row = tile * kTileRows + r;
    kernels().unpack_row(packed + row * row_bytes, codes.data(), cols_, bits);
    for (int64_t g = 0; g < view_.groups; ++g) {
      const int64_t at = (tile * view_.groups + g) * kTileRows + r;
      const int64_t zero = zeros_.empty() ? view_.zero : zeros_[static_cast<size_t>(at)];
      const int64_t first = g * group_cols_, count = std::min(group_cols_, cols_ - first);
      int64_t total = 0;
      for (int64_t c = 0; c < count; ++c) {
        const uint8_t code = codes[static_cast<size_t>(first + c)];
        total += view_.halves ? 2 * code - zero : code - zero;
        uint8_t* plane_begin = begin + (g * view_.group_steps + c / step) * bytes;
        const int64_t column = c % step;
        for (int low = 0; low < bits;) {
          const int plane = tile_plane(bits, low);
          const int64_t block = column * plane / 32, inside = column % (32 / plane);
          const int field = (code >> low) & ((1 << plane) - 1);
          plane_begin[block * 256 + r * 4 + inside % 4] |=
              static_cast<uint8_t>(field << (inside / 4 * plane));
          plane_begin += kTileRows * step * plane / 8;
          low += plane;
        }
      }
      totals_[static_cast<size_t>(at)] = static_cast<int32_t>(total);
    }
  }
}

int64_t TiledWeight::native_bytes() const {
  return static_cast<int64_t>(codes_.size() + 4 * (scales_.size() + zeros_.size() + totals_.size()));
}

namespace {

// Rows of activations that one task takes: few enough to share out, many enough to reuse what is unpacked.
constexpr int64_t kRowsPerTask = 96;

}  // namespace

void tiled_product(const TiledWeight& weight, const TileInputs& x, int64_t count, const float* bias, float* y,
                   int64_t stride) {
  const int64_t tiles = weight.tiles();
  const int64_t wanted = 4 * thread_count();
  // Tiles first: each is then read once. Rows too where there are few tiles.
  const int64_t shares =
      tiles >= wanted ? 1 : std::clamp<int64_t>(count / kRowsPerTask, 1, (wanted + tiles - 1) / tiles);
  const int64_t rows = (count + shares - 1) / shares;
  const TileWeight& view = weight.view();
  parallel_for(tiles * shares, 1, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      // Consecutive tiles of one share.
      const int64_t share = begin / tiles, first = begin % tiles;
      const int64_t last = std::min(tiles, first + end - begin);
      const int64_t from = share * rows, n = std::min(rows, count - from);
      begin += last - first;
      if (n <= 0) continue;
      TileInputs part = x;
      part.codes += from * weight.padded_cols();
      part.sums += from * view.groups;
      part.scales += from * x.row_stride;
      kernels().tile_product(view, first, last, part, n, bias, y + from * stride, stride);
    }
  });
}

void tiled_product_of_floats(const TiledWeight& weight, const float* x, int64_t count, const float* bias, float* y,
                             int64_t stride) {
  thread_local AlignedVector<int8_t> codes;
  thread_local AlignedVector<int32_t> sums;
  thread_local AlignedVector<float> scales;
  const TileWeight& view = weight.view();
  grow(codes, count * weight.padded_cols());
  grow(sums, count * view.groups);
  grow(scales, count * view.groups);
  int8_t* const to_codes = codes.data();
  int32_t* const to_sums = sums.data();
  float* const to_scales = scales.data();
  parallel_for(count, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      kernels().code_row(x + i * weight.cols(), weight.cols(), weight.group_cols(), tile_step(view.bits),
                         to_codes + i * weight.padded_cols(), to_sums + i * view.groups,
                         to_scales + i * view.groups);
    }
  });
  TileInputs inputs;
  inputs.codes = to_codes;
  inputs.sums = to_sums;
  inputs.scales = to_scales;
  inputs.row_stride = view.groups;
  inputs.group_stride = 1;
  tiled_product(weight, inputs, count, bias, y, stride);
}

}  // namespace qat
