#include <algorithm>
#include <cmath>

#include "ref/ref_kernels.h"

namespace qat::ref {
namespace {

// The code of one row and column of a step.
int32_t code_in_step(const uint8_t* step, int bits, int64_t row, int64_t column) {
  int32_t code = 0;
  for (int low = 0; low < bits;) {
    const int plane = tile_plane(bits, low);
    const int64_t block = column * plane / 32, inside = column % (32 / plane);
    const uint8_t byte = step[block * 256 + row * 4 + inside % 4];
    code |= ((byte >> (inside / 4 * plane)) & ((1 << plane) - 1)) << low;
    step += kTileRows * tile_step(bits) * plane / 8;
    low += plane;
  }
  return code;
}

}  // namespace

void tile_product(const TileWeight& w, int64_t first, int64_t last, const TileInputs& x,
                  int64_t count, const float* bias, float* y, int64_t stride) {
  const int64_t columns = tile_step(w.bits), bytes = tile_step_bytes(w.bits);
  for (int64_t tile = first; tile < last; ++tile) {
    const int64_t end = std::min(w.rows, (tile + 1) * kTileRows);
    for (int64_t row = tile * kTileRows; row < end; ++row) {
      for (int64_t i = 0; i < count; ++i) {
        float sum = 0;
        for (int64_t g = 0; g < w.groups; ++g) {
          const int64_t at = (tile * w.groups + g) * kTileRows + row % kTileRows;
          int64_t dot = 0;
          const int64_t until = std::min(w.steps, (g + 1) * w.group_steps);
          for (int64_t step = g * w.group_steps; step < until; ++step) {
            const uint8_t* codes = w.codes + (tile * w.steps + step) * bytes;
            const int8_t* a = x.codes + (i * w.steps + step) * columns;
            for (int64_t c = 0; c < columns; ++c) {
              dot += a[c] * code_in_step(codes, w.bits, row % kTileRows, c);
            }
          }
          if (w.halves) dot *= 2;
          dot -= static_cast<int64_t>(w.zeros ? w.zeros[at] : w.zero) * x.sums[i * w.groups + g];
          if (x.offset != 0) dot += static_cast<int64_t>(x.offset) * w.totals[at];
          const float scaled = static_cast<float>(static_cast<int32_t>(dot)) * w.scales[at];
          const float scale = x.scales[i * x.row_stride + g * x.group_stride];
          sum = std::fma(scaled, scale, sum);
        }
        y[i * stride + row] = sum + (bias ? bias[row] : 0.0f);
      }
    }
  }
}

void tile_product_f32(const TileWeight& w, int64_t first, int64_t last, const float* x,
                      int64_t count, const float* bias, float* y, int64_t stride) {
  const int64_t columns = tile_step(w.bits), bytes = tile_step_bytes(w.bits);
  const int64_t steps_of_sum = kTileFloatCols / columns;
  for (int64_t row = first * kTileRows; row < std::min(w.rows, last * kTileRows); ++row) {
    const int64_t tile = row / kTileRows;
    for (int64_t i = 0; i < count; ++i) {
      float total = 0;
      for (int64_t g = 0; g < w.groups; ++g) {
        const int64_t at = (tile * w.groups + g) * kTileRows + row % kTileRows;
        const int32_t zero = w.zeros ? w.zeros[at] : w.zero;
        const int64_t end = std::min(w.steps, (g + 1) * w.group_steps);
        for (int64_t begin = g * w.group_steps; begin < end; begin += steps_of_sum) {
          float sum = 0;
          for (int64_t step = begin; step < std::min(end, begin + steps_of_sum); ++step) {
            const uint8_t* codes = w.codes + (tile * w.steps + step) * bytes;
            for (int64_t c = 0; c < columns; ++c) {
              const int32_t code = code_in_step(codes, w.bits, row % kTileRows, c);
              const auto value = static_cast<float>((w.halves ? 2 * code : code) - zero);
              sum = std::fma(x[(i * w.steps + step) * columns + c], value, sum);
            }
          }
          total = std::fma(sum, w.scales[at], total);
        }
      }
      y[i * stride + row] = total + (bias ? bias[row] : 0.0f);
    }
  }
}

void tile_product_signs(const TileWeight& w, int64_t first, int64_t last, const TileSigns& x,
                        int64_t count, const float* bias, float* y, int64_t stride) {
  for (int64_t row = first * kTileRows; row < std::min(w.rows, last * kTileRows); ++row) {
    const int64_t tile = row / kTileRows;
    for (int64_t i = 0; i < count; ++i) {
      float total = 0;
      for (int64_t g = 0; g < w.groups; ++g) {
        const int64_t at = (tile * w.groups + g) * kTileRows + row % kTileRows;
        int64_t sum = std::min(w.group_cols, w.cols - g * w.group_cols);
        for (int64_t step = g * w.group_steps; step < std::min(w.steps, (g + 1) * w.group_steps); ++step) {
          const uint8_t* codes = w.codes + (tile * w.steps + step) * tile_step_bytes(1);
          for (int64_t c = 0; c < tile_step(1); ++c) {
            const auto sign = static_cast<int32_t>(x.signs[i * w.steps + step] >> (8 * (c % 4) + c / 4) & 1);
            if (sign != code_in_step(codes, 1, row % kTileRows, c)) sum -= 2;
          }
        }
        const float scaled = static_cast<float>(static_cast<int32_t>(sum)) * w.scales[at];
        total = std::fma(scaled, x.scale, total);
      }
      y[i * stride + row] = total + (bias ? bias[row] : 0.0f);
    }
  }
}

void sign_row(const float* x, int64_t cols, int64_t group_cols, uint32_t* signs) {
  for (int64_t begin = 0; begin < cols; begin += group_cols) {
    const int64_t end = std::min(cols, begin + group_cols);
    for (int64_t first = begin; first < end; first += tile_step(1)) {
      uint32_t word = 0;
      for (int64_t c = 0; c < std::min<int64_t>(tile_step(1), end - first); ++c) {
        if (x[first + c] >= 0) word |= 1u << (8 * (c % 4) + c / 4);
      }
      *signs++ = word;
    }
  }
}

void code_row(const float* x, int64_t cols, int64_t group_cols, int step, int8_t* codes,
              int32_t* sums, float* scales) {
  for (int64_t begin = 0; begin < cols; begin += group_cols) {
    const int64_t count = std::min(group_cols, cols - begin);
    float top = 0;
    for (int64_t c = 0; c < count; ++c) top = std::max(top, std::fabs(x[begin + c]));
    const float inverse = top > 0 ? 127.0f / top : 0.0f;
    int32_t sum = 0;
    for (int64_t c = 0; c < count; ++c) {
      codes[c] = static_cast<int8_t>(std::nearbyint(x[begin + c] * inverse));
      sum += codes[c];
    }
    const int64_t padded = (count + step - 1) / step * step;
    std::fill(codes + count, codes + padded, static_cast<int8_t>(0));
    codes += padded;
    *sums++ = sum;
    *scales++ = top / 127.0f;
  }
}

}  // namespace qat::ref
