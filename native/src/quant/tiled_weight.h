// A packed weight in the order in which products read it (qat/tile_product.h), made once from the canonical
// packing.
#pragma once

#include <cstdint>
#include <vector>

#include "qat/tile_product.h"
#include "quant/packing.h"
#include "runtime/aligned.h"

namespace qat {

class TiledWeight {
 public:
  // Codes [rows, packed_row_bytes] other than those of `weight`, or its own. Threaded. Not for the user grid,
  // whose levels are no multiples of a step, nor for the minus level of a ternary weight with two: both
  // throw E-QUANTIZER-INVALID or are left out (negative scales are not looked at).
  explicit TiledWeight(const QuantizedWeight& weight, const uint8_t* codes = nullptr);

  const TileWeight& view() const { return view_; }
  int64_t rows() const { return view_.rows; }
  int64_t cols() const { return cols_; }
  // Columns of a group, without padding; the last may be shorter.
  int64_t group_cols() const { return group_cols_; }
  // Elements of a row of activations.
  int64_t padded_cols() const { return view_.steps * tile_step(view_.bits); }
  int64_t tiles() const { return (view_.rows + kTileRows - 1) / kTileRows; }
  int64_t native_bytes() const;

 private:
  void lay_out(const uint8_t* packed, int64_t tile);
  void set_groups(const QuantizedWeight& weight, const ScaleLayout& layout, int32_t qmin);

  TileWeight view_;
  int64_t cols_, group_cols_;
  AlignedVector<uint8_t> codes_;
  AlignedVector<float> scales_;
  AlignedVector<int32_t> zeros_, totals_;
};

// y [count, rows] = x̂·ŵᵀ + bias (may be null), rows `stride` floats apart. Threaded; no result depends on the
// thread count or on the other rows of activations.
void tiled_product(const TiledWeight& weight, const TileInputs& x, int64_t count, const float* bias, float* y,
                   int64_t stride);

// The same with float activations x [count, cols], coded as signed bytes with one scale per row and group of the
// weight's: the largest value of each becomes 127.
void tiled_product_of_floats(const TiledWeight& weight, const float* x, int64_t count, const float* bias, float* y,
                             int64_t stride);

}  // namespace qat
