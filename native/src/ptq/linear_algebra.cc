#include "ptq/linear_algebra.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "qat/error.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kBlock = 64;  // a block of doubles is 32 KiB: it stays in the first-level cache
constexpr int64_t kTileRows = 4, kTileCols = 4;  // sums that fit 16 registers of 2 doubles

// c[kTileRows, kTileCols] -= a[kTileRows, k]·b[k, ·]; b has kBlock columns per row.
void subtract_tile(double* c, int64_t ldc, const double* a, int64_t lda, const double* b,
                   int64_t k) {
  double sums[kTileRows][kTileCols] = {};
  for (int64_t p = 0; p < k; ++p) {
    for (int64_t i = 0; i < kTileRows; ++i) {
      const double factor = a[i * lda + p];
      for (int64_t j = 0; j < kTileCols; ++j) sums[i][j] += factor * b[p * kBlock + j];
    }
  }
  for (int64_t i = 0; i < kTileRows; ++i) {
    for (int64_t j = 0; j < kTileCols; ++j) c[i * ldc + j] -= sums[i][j];
  }
}

// The same for the edges, one element at a time.
void subtract_elements(double* c, int64_t ldc, const double* a, int64_t lda, const double* b,
                       int64_t rows, int64_t cols, int64_t k) {
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < cols; ++j) {
      double sum = 0;
      for (int64_t p = 0; p < k; ++p) sum += a[i * lda + p] * b[p * kBlock + j];
      c[i * ldc + j] -= sum;
    }
  }
}

// c[m, n] -= a[m, k]·b[k, n], n <= kBlock; b has kBlock columns per row.
void subtract_product(double* c, int64_t ldc, const double* a, int64_t lda, const double* b,
                      int64_t m, int64_t n, int64_t k) {
  const int64_t whole = n / kTileCols * kTileCols;
  for (int64_t i = 0; i < m; i += kTileRows) {
    const int64_t rows = std::min(kTileRows, m - i);
    double* c_row = c + i * ldc;
    const double* a_row = a + i * lda;
    int64_t j = 0;
    for (; rows == kTileRows && j < whole; j += kTileCols) {
      subtract_tile(c_row + j, ldc, a_row, lda, b + j, k);
    }
    if (j < n) subtract_elements(c_row + j, ldc, a_row, lda, b + j, rows, n - j, k);
  }
}

// Cholesky of a diagonal block [n, n], in place.
void factor_block(double* a, int64_t lda, int64_t n) {
  for (int64_t j = 0; j < n; ++j) {
    double pivot = a[j * lda + j];
    for (int64_t p = 0; p < j; ++p) pivot -= a[j * lda + p] * a[j * lda + p];
    if (!(pivot > 0) || !std::isfinite(pivot)) {
      throw Error("E-NATIVE-ARGUMENT",
                  "The matrix is not positive definite: a pivot of its Cholesky factorization is " +
                      std::to_string(pivot) + ".",
                  "Use more damping, or more calibration samples.");
    }
    const double diagonal = std::sqrt(pivot);
    a[j * lda + j] = diagonal;
    for (int64_t i = j + 1; i < n; ++i) {
      double sum = a[i * lda + j];
      for (int64_t p = 0; p < j; ++p) sum -= a[i * lda + p] * a[j * lda + p];
      a[i * lda + j] = sum / diagonal;
    }
  }
}

// One row x of the panel below a factored block: x ← x·L⁻ᵀ.
void solve_row(double* x, const double* l, int64_t lda, int64_t n) {
  for (int64_t j = 0; j < n; ++j) {
    double sum = x[j];
    for (int64_t p = 0; p < j; ++p) sum -= x[p] * l[j * lda + p];
    x[j] = sum / l[j * lda + j];
  }
}

// Below the factored block at `begin`: solves the panel, keeps its transpose in blocks of
// [kBlock, kBlock] in `transposed`, and subtracts panel·panelᵀ from what lies right of it.
void update_trailing(double* a, int64_t n, int64_t begin, int64_t end, double* transposed) {
  const int64_t width = end - begin;
  parallel_chunks(n - end, kBlock, [&](int64_t chunk, int64_t first, int64_t last) {
    double* block = transposed + chunk * kBlock * kBlock;
    for (int64_t r = first; r < last; ++r) {
      double* row = a + (end + r) * n + begin;
      solve_row(row, a + begin * n + begin, n, width);
      for (int64_t p = 0; p < width; ++p) block[p * kBlock + (r - first)] = row[p];
    }
  });
  parallel_chunks(n - end, kBlock, [&](int64_t chunk, int64_t first, int64_t last) {
    for (int64_t other = 0; other <= chunk; ++other) {
      const int64_t col = end + other * kBlock;
      subtract_product(a + (end + first) * n + col, n, a + (end + first) * n + begin, n,
                       transposed + other * kBlock * kBlock, last - first,
                       std::min(kBlock, n - col), width);
    }
  });
}

// Rows below `first` of the columns [first, first + width) of L⁻¹, into `x` [n - first, kBlock].
void invert_columns(const double* l, int64_t n, int64_t first, int64_t width, double* x) {
  std::fill(x, x + (n - first) * kBlock, 0.0);
  for (int64_t j = 0; j < width; ++j) x[j * kBlock + j] = 1.0;
  for (int64_t begin = first; begin < n; begin += kBlock) {
    const int64_t end = std::min(n, begin + kBlock);
    double* rows = x + (begin - first) * kBlock;
    subtract_product(rows, kBlock, l + begin * n + first, n, x, end - begin, width, begin - first);
    for (int64_t i = begin; i < end; ++i) {
      double* row = x + (i - first) * kBlock;
      for (int64_t p = begin; p < i; ++p) {
        const double factor = l[i * n + p];
        const double* above = x + (p - first) * kBlock;
        for (int64_t j = 0; j < width; ++j) row[j] -= factor * above[j];
      }
      for (int64_t j = 0; j < width; ++j) row[j] /= l[i * n + i];
    }
  }
}

}  // namespace

SquareMatrix cholesky(SquareMatrix a, int64_t n, const CancelToken* cancel) {
  SquareMatrix transposed(static_cast<size_t>(chunk_count(n, kBlock) * kBlock * kBlock));
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    throw_if_cancelled(cancel);
    const int64_t end = std::min(n, begin + kBlock);
    factor_block(a.data() + begin * n + begin, n, end - begin);
    if (end < n) update_trailing(a.data(), n, begin, end, transposed.data());
  }
  for (int64_t i = 0; i < n; ++i) {
    std::fill(a.begin() + i * n + i + 1, a.begin() + (i + 1) * n, 0.0);
  }
  return a;
}

SquareMatrix inverse_of_lower(const SquareMatrix& l, int64_t n, const CancelToken* cancel) {
  SquareMatrix inverse(static_cast<size_t>(n * n), 0.0);
  parallel_chunks(n, kBlock, [&](int64_t, int64_t first, int64_t last) {
    throw_if_cancelled(cancel);
    SquareMatrix columns(static_cast<size_t>((n - first) * kBlock));
    invert_columns(l.data(), n, first, last - first, columns.data());
    for (int64_t i = first; i < n; ++i) {
      const double* row = columns.data() + (i - first) * kBlock;
      std::copy(row, row + (last - first), inverse.begin() + i * n + first);
    }
  });
  return inverse;
}

SquareMatrix cholesky_of_inverse(SquareMatrix a, int64_t n, const CancelToken* cancel) {
  // Reversing rows and columns of a row-major matrix is reversing its elements.
  std::reverse(a.begin(), a.end());
  SquareMatrix u = inverse_of_lower(cholesky(std::move(a), n, cancel), n, cancel);
  std::reverse(u.begin(), u.end());
  return u;
}

}  // namespace qat
