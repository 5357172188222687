// Float GEMM over the pool.
#pragma once

#include <cstdint>

namespace qat {

// C[m,n] = A[m,k]*B (+ C when accumulate), arguments as Kernels::gemm. Split over rows or columns
// of C, never over k: the result does not depend on the thread count.
void gemm_parallel(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const float* a,
                   int64_t lda, const float* b, int64_t ldb, float* c, int64_t ldc,
                   bool accumulate);

}  // namespace qat
