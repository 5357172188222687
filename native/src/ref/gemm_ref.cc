// C = A * B with every sum taken in double, in the order of k, and rounded once.
#include "ref/ref_kernels.h"

namespace qat::ref {
namespace {

constexpr int64_t kTile = 64;

int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

// sums[j] += Σ_k a(i, k) * tile[k][j]
void add_products(const float* a, int64_t a_step, const float (*tile)[kTile], int64_t depth,
                  int64_t width, double* sums) {
  for (int64_t k = 0; k < depth; ++k) {
    const double left = a[k * a_step];
    for (int64_t j = 0; j < width; ++j) sums[j] += left * static_cast<double>(tile[k][j]);
  }
}

}  // namespace

void gemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const float* a, int64_t lda,
          const float* b, int64_t ldb, float* c, int64_t ldc, bool accumulate) {
  const int64_t a_row = trans_a ? 1 : lda, a_step = trans_a ? lda : 1;
  const int64_t b_row = trans_b ? 1 : ldb, b_step = trans_b ? ldb : 1;
  float tile[kTile][kTile];
  double sums[kTile][kTile];
  for (int64_t j0 = 0; j0 < n; j0 += kTile) {
    const int64_t width = smaller(kTile, n - j0);
    for (int64_t i0 = 0; i0 < m; i0 += kTile) {
      const int64_t height = smaller(kTile, m - i0);
      for (int64_t i = 0; i < height; ++i) {
        for (int64_t j = 0; j < width; ++j) {
          sums[i][j] = accumulate ? c[(i0 + i) * ldc + j0 + j] : 0.0f;
        }
      }
      for (int64_t k0 = 0; k0 < k; k0 += kTile) {
        const int64_t depth = smaller(kTile, k - k0);
        for (int64_t d = 0; d < depth; ++d) {
          for (int64_t j = 0; j < width; ++j) {
            tile[d][j] = b[(k0 + d) * b_row + (j0 + j) * b_step];
          }
        }
        for (int64_t i = 0; i < height; ++i) {
          add_products(a + (i0 + i) * a_row + k0 * a_step, a_step, tile, depth, width, sums[i]);
        }
      }
      for (int64_t i = 0; i < height; ++i) {
        for (int64_t j = 0; j < width; ++j) {
          c[(i0 + i) * ldc + j0 + j] = static_cast<float>(sums[i][j]);
        }
      }
    }
  }
}

}  // namespace qat::ref
