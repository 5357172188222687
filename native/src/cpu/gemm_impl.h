// Blocked GEMM over packed panels, written once for every vector width. Include after vec_*.h.
//
// Loops, outside in: k blocks (kc), column blocks (nc, B packed), row blocks (mc, A packed), B
// panels of kMaxVecs vectors (stay in the first-level cache), A panels of at most kMaxRows rows.
// Each element of C is a sum over one k block in ascending k, and the blocks are added in order;
// the block length depends on k alone, so neither the tiling nor a caller's split of m or n
// changes any bit.
#pragma once

#include <cstdint>

namespace qat::QAT_ISA {
namespace {

constexpr int64_t kMostDepth = 512;    // k block
constexpr int64_t kBlockRows = 12 * kMaxRows;
constexpr int64_t kPanelCols = kMaxVecs * kWidth;
constexpr int64_t kBlockCols = 32 * kPanelCols;

struct PackBuffers {
  // The slack takes the last full-width store of a panel of fewer rows.
  alignas(64) float a[kBlockRows * kMostDepth + kWidth];
  alignas(64) float b[kBlockCols * kMostDepth];
};
thread_local PackBuffers pack_buffers;

inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// `total` cut into the fewest parts of at most `most`, lengths differing by one at the most.
struct EvenParts {
  int64_t total, count;
  EvenParts(int64_t n, int64_t most) : total(n), count(divide_up(n, most)) {}
  int64_t begin(int64_t i) const { return total * i / count; }
};

// kWidth rows of at most kWidth columns, transposed: out[j] holds column j of all rows.
inline void load_transposed(const float* src, int64_t stride, int64_t rows, int64_t cols,
                            vf (&out)[kWidth]) {
  const vm mask = tail_mask(cols);
  for (int i = 0; i < kWidth; ++i) out[i] = i < rows ? load(src + i * stride, mask) : zero();
  transpose(out);
}

// A panel: dst[k][rows], from A stored [m, k] (row stride lda).
inline void pack_a_rows(const float* a, int64_t lda, int64_t rows, int64_t depth, float* dst) {
  for (int64_t k = 0; k < depth; k += kWidth) {
    vf column[kWidth];
    const int64_t cols = least(kWidth, depth - k);
    load_transposed(a + k, lda, rows, cols, column);
    // Full stores, ascending: what runs over is overwritten by the next one.
    for (int64_t j = 0; j < cols; ++j) store(dst + (k + j) * rows, column[j]);
  }
}

// The same from A stored [k, m].
inline void pack_a_cols(const float* a, int64_t lda, int64_t rows, int64_t depth, float* dst) {
  const vm mask = tail_mask(rows);
  for (int64_t k = 0; k < depth; ++k) store(dst + k * rows, load(a + k * lda, mask));
}

inline int64_t panel_width(int64_t cols) {
  return divide_up(least(cols, kPanelCols), kWidth) * kWidth;
}

// B panel: dst[k][panel_width(cols)], zero beyond cols, from B stored [k, n].
inline void pack_b_rows(const float* b, int64_t ldb, int64_t cols, int64_t depth, float* dst) {
  const int64_t width = panel_width(cols);
  for (int64_t v = 0; v < width; v += kWidth) {
    const vm mask = tail_mask(cols - v);
    for (int64_t k = 0; k < depth; ++k) store(dst + k * width + v, load(b + k * ldb + v, mask));
  }
}

// The same from B stored [n, k].
inline void pack_b_cols(const float* b, int64_t ldb, int64_t cols, int64_t depth, float* dst) {
  const int64_t width = panel_width(cols);
  for (int64_t v = 0; v < width; v += kWidth) {
    for (int64_t k = 0; k < depth; k += kWidth) {
      vf column[kWidth];
      const int64_t valid = least(kWidth, depth - k);
      load_transposed(b + v * ldb + k, ldb, cols - v, valid, column);
      for (int64_t j = 0; j < valid; ++j) store(dst + (k + j) * width + v, column[j]);
    }
  }
}

struct Tile {
  int64_t depth;
  const float* a;  // [depth][rows]
  const float* b;  // [depth][b_stride]
  int64_t b_stride;
  float* c;
  int64_t ldc;
  vm last;   // valid lanes of the last vector of a row
  bool add;  // C += instead of C =
};

// C tile of ROWS x (VECS vectors); all sums stay in registers.
template <int ROWS, int VECS>
void multiply_tile(const Tile& t) {
  vf sum[ROWS][VECS];
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < VECS; ++j) sum[i][j] = zero();
  }
  const float* a = t.a;
  const float* b = t.b;
  for (int64_t k = 0; k < t.depth; ++k) {
    vf right[VECS];
#pragma GCC unroll 4
    for (int j = 0; j < VECS; ++j) right[j] = load(b + j * kWidth);
#pragma GCC unroll 16
    for (int i = 0; i < ROWS; ++i) {
      const vf left = set1(a[i]);
#pragma GCC unroll 4
      for (int j = 0; j < VECS; ++j) sum[i][j] = fma(left, right[j], sum[i][j]);
    }
    a += ROWS;
    b += t.b_stride;
  }
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; ++i) {
    float* c = t.c + i * t.ldc;
#pragma GCC unroll 4
    for (int j = 0; j < VECS; ++j) {
      if (j + 1 < VECS) {
        store(c + j * kWidth, t.add ? add(load(c + j * kWidth), sum[i][j]) : sum[i][j]);
      } else {
        const vf old = t.add ? load(c + j * kWidth, t.last) : zero();
        store(c + j * kWidth, t.last, t.add ? add(old, sum[i][j]) : sum[i][j]);
      }
    }
  }
}

using TileFn = void (*)(const Tile&);

template <int ROWS>
TileFn tile_function(int64_t rows, int64_t vecs) {
  static_assert(kMaxVecs == 2, "one or two vectors wide");
  if (rows == ROWS) return vecs == 1 ? multiply_tile<ROWS, 1> : multiply_tile<ROWS, 2>;
  if constexpr (ROWS > 1) return tile_function<ROWS - 1>(rows, vecs);
  return nullptr;
}

struct Problem {
  bool trans_a, trans_b;
  int64_t m, n, k;
  const float* a;
  int64_t lda;
  const float* b;
  int64_t ldb;
  float* c;
  int64_t ldc;
  bool accumulate;
};

inline void pack_a(const Problem& p, int64_t i0, int64_t rows, int64_t k0, int64_t depth) {
  const EvenParts panels(rows, kMaxRows);
  for (int64_t i = 0; i < panels.count; ++i) {
    const int64_t begin = panels.begin(i), height = panels.begin(i + 1) - begin;
    float* dst = pack_buffers.a + begin * depth;
    if (p.trans_a) {
      pack_a_cols(p.a + k0 * p.lda + i0 + begin, p.lda, height, depth, dst);
    } else {
      pack_a_rows(p.a + (i0 + begin) * p.lda + k0, p.lda, height, depth, dst);
    }
  }
}

inline void pack_b(const Problem& p, int64_t j0, int64_t cols, int64_t k0, int64_t depth) {
  for (int64_t j = 0; j < cols; j += kPanelCols) {
    float* dst = pack_buffers.b + j * depth;
    if (p.trans_b) {
      pack_b_cols(p.b + (j0 + j) * p.ldb + k0, p.ldb, cols - j, depth, dst);
    } else {
      pack_b_rows(p.b + k0 * p.ldb + j0 + j, p.ldb, cols - j, depth, dst);
    }
  }
}

// All tiles of one packed row block against one packed column block.
inline void multiply_block(const Problem& p, int64_t i0, int64_t rows, int64_t j0, int64_t cols,
                           int64_t depth, bool add_to_c) {
  const EvenParts panels(rows, kMaxRows);
  for (int64_t j = 0; j < cols; j += kPanelCols) {
    const int64_t width = least(kPanelCols, cols - j);
    const int64_t vecs = divide_up(width, kWidth);
    Tile tile{depth, nullptr, pack_buffers.b + j * depth, vecs * kWidth, nullptr, p.ldc,
              tail_mask(width - (vecs - 1) * kWidth), add_to_c};
    for (int64_t i = 0; i < panels.count; ++i) {
      const int64_t begin = panels.begin(i), height = panels.begin(i + 1) - begin;
      tile.a = pack_buffers.a + begin * depth;
      tile.c = p.c + (i0 + begin) * p.ldc + j0 + j;
      tile_function<kMaxRows>(height, vecs)(tile);
    }
  }
}

void clear(const Problem& p) {
  for (int64_t i = 0; i < p.m; ++i) {
    for (int64_t j = 0; j < p.n; ++j) p.c[i * p.ldc + j] = 0.0f;
  }
}

}  // namespace

void gemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const float* a, int64_t lda,
          const float* b, int64_t ldb, float* c, int64_t ldc, bool accumulate) {
  const Problem p{trans_a, trans_b, m, n, k, a, lda, b, ldb, c, ldc, accumulate};
  if (m <= 0 || n <= 0) return;
  if (k <= 0) {
    if (!accumulate) clear(p);
    return;
  }
  const EvenParts depths(k, kMostDepth), row_blocks(m, kBlockRows);
  for (int64_t kb = 0; kb < depths.count; ++kb) {
    const int64_t k0 = depths.begin(kb), depth = depths.begin(kb + 1) - k0;
    for (int64_t j0 = 0; j0 < n; j0 += kBlockCols) {
      const int64_t cols = least(kBlockCols, n - j0);
      pack_b(p, j0, cols, k0, depth);
      for (int64_t ib = 0; ib < row_blocks.count; ++ib) {
        const int64_t i0 = row_blocks.begin(ib), rows = row_blocks.begin(ib + 1) - i0;
        pack_a(p, i0, rows, k0, depth);
        multiply_block(p, i0, rows, j0, cols, depth, accumulate || kb > 0);
      }
    }
  }
}

}  // namespace qat::QAT_ISA
