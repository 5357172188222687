// How matrices are walked in parts: fixed chunks of rows, and rows in pieces that fit the cache.
#pragma once

#include <algorithm>
#include <cstdint>

#include "quant/error_measures.h"
#include "quant/grid.h"

namespace qat {

constexpr int64_t kPieceCols = 1024;

// Rows of one chunk: about 64 Ki elements, half a second-level cache.
inline int64_t rows_per_chunk(int64_t cols) {
  return std::max<int64_t>(1, (int64_t{1} << 16) / std::max<int64_t>(1, cols));
}

// The parameters of one row seen as a matrix of its own.
inline QuantParams params_of_row(QuantParams p, int64_t row) {
  return params_from_scale(p, row * p.row_stride);
}

// Calls fn(first column, columns, params) for pieces of one row of at most about kPieceCols
// columns; `row` are the row's parameters. Each piece is a 1 x columns matrix for the kernels.
template <typename Fn>
void for_each_piece(const QuantParams& row, int64_t cols, Fn&& fn) {
  const int64_t group = row.row_stride ? row.group_cols : cols;
  const bool small_groups = group <= kPieceCols;
  const int64_t step = small_groups ? kPieceCols / group * group : kPieceCols;
  for (int64_t group_begin = 0; group_begin < cols;) {
    const int64_t stop = small_groups ? cols : std::min(cols, group_begin + group);
    for (int64_t c = group_begin; c < stop; c += step) {
      fn(c, std::min(step, stop - c), params_from_scale(row, row.row_stride ? c / group : 0));
    }
    group_begin = stop;
  }
}

void add_sums(const ErrorSums& part, ErrorSums* total);

}  // namespace qat
