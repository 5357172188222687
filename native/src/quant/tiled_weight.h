// A quantized weight in the order in which products read it (qat/tile_product.h): made once from the canonical
// packing, or again and again from codes that change.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "qat/tile_product.h"
#include "quant/packing.h"
#include "runtime/aligned.h"

namespace qat {

class TiledWeight {
 public:
  // Threaded. Throws E-QUANTIZER-INVALID for the user grid, whose levels are no multiples of a step, and for a
  // ternary weight with two levels.
  explicit TiledWeight(const QuantizedWeight& weight);
  // Without codes yet; for the same quantizers. Codes lie in fields of `field_bits` bits, at least those of the
  // quantizer: 4 and 8 are laid out and taken out faster than others, and take more memory.
  TiledWeight(const QuantizerConfig& config, int64_t rows, int64_t cols, int field_bits);
  // codes [rows, cols] minus qmin. Threaded; allocates nothing.
  void set(const uint8_t* codes, const Scales& scales);
  TiledWeight(TiledWeight&&) = default;  // a copy's view would show the other's arrays
  TiledWeight& operator=(TiledWeight&&) = default;

  const TileWeight& view() const { return view_; }
  int64_t rows() const { return view_.rows; }
  int64_t cols() const { return view_.cols; }
  // Elements of a row of activations.
  int64_t padded_cols() const { return view_.steps * tile_step(view_.bits); }
  int64_t tiles() const { return (view_.rows + kTileRows - 1) / kTileRows; }
  int64_t native_bytes() const;

 private:
  void lay_out_row(const uint8_t* codes, int64_t row);
  void set_groups(const Scales& scales);

  QuantizerConfig config_;
  TileWeight view_;
  AlignedVector<uint8_t> codes_;
  AlignedVector<float> scales_;
  AlignedVector<int32_t> zeros_, totals_;
};

// Copies a row [cols] to [padded_cols], each group padded with 0.
template <typename T>
void pad_row(const TiledWeight& weight, const T* row, T* padded) {
  const TileWeight& view = weight.view();
  const int64_t step = tile_step(view.bits);
  for (int64_t begin = 0; begin < view.cols; begin += view.group_cols) {
    const int64_t count = std::min(view.group_cols, view.cols - begin);
    std::copy(row + begin, row + begin + count, padded);
    std::fill(padded + count, padded + (count + step - 1) / step * step, T{0});
    padded += (count + step - 1) / step * step;
  }
}

// A row of bytes [cols] as products take it: padded [padded_cols], and the sum of each group.
void pad_codes(const TiledWeight& weight, const int8_t* row, int8_t* padded, int32_t* sums);

// Codes row `index` of the activations: padded codes, and sum and scale of each group (TileInputs).
using RowCoder = std::function<void(int64_t index, int8_t* codes, int32_t* sums, float* scales)>;

// Products y [count, rows] = x̂·ŵᵀ + bias (may be null), rows of y `stride` floats apart. Threaded; no result depends
// on the thread count or on the other rows of activations.

// Of activations that `code` codes, each row once and on any thread; `offset` as TileInputs.
void tiled_product(const TiledWeight& weight, const RowCoder& code, int32_t offset, int64_t count, const float* bias,
                   float* y, int64_t stride);

// Of float activations x [count, cols], each row and group of the weight's coded as signed bytes with the largest
// value on 127.
void tiled_product_by_bytes(const TiledWeight& weight, const float* x, int64_t count, const float* bias, float* y,
                            int64_t stride);

// Of float activations x [count, cols] as they are.
void tiled_product_f32(const TiledWeight& weight, const float* x, int64_t count, const float* bias, float* y,
                       int64_t stride);

// Of the signs of x [count, cols] times `scale`, with a weight of 1 bit.
void tiled_product_signs(const TiledWeight& weight, const float* x, float scale, int64_t count, const float* bias,
                         float* y, int64_t stride);

}  // namespace qat
