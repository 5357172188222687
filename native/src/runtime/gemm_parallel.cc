#include "runtime/gemm_parallel.h"

#include <algorithm>

#include "qat/kernels.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr double kMultipliesWorthAThread = 1 << 19;  // about 5 us of work
constexpr int64_t kColumnGrain = 32;                 // whole panels of every instruction set
constexpr int64_t kRowGrain = 4;

// One range per thread: every range packs the operand it does not split.
int64_t grain_for(int64_t n, int64_t unit) {
  const int64_t units = (n + unit - 1) / unit;
  const int64_t threads = thread_count();
  return (units + threads - 1) / threads * unit;
}

}  // namespace

void gemm_parallel(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const float* a,
                   int64_t lda, const float* b, int64_t ldb, float* c, int64_t ldc,
                   bool accumulate) {
  const Kernels& kernel = kernels();
  const double columns = static_cast<double>(n) * static_cast<double>(k);
  const double multiplies = static_cast<double>(m) * columns;
  if (multiplies < 2 * kMultipliesWorthAThread || thread_count() == 1) {
    kernel.gemm(trans_a, trans_b, m, n, k, a, lda, b, ldb, c, ldc, accumulate);
  } else if (n >= m) {
    parallel_for(n, grain_for(n, kColumnGrain), [&](int64_t begin, int64_t end) {
      const float* part = trans_b ? b + begin * ldb : b + begin;
      kernel.gemm(trans_a, trans_b, m, end - begin, k, a, lda, part, ldb, c + begin, ldc,
                  accumulate);
    });
  } else {
    parallel_for(m, grain_for(m, kRowGrain), [&](int64_t begin, int64_t end) {
      const float* part = trans_a ? a + begin : a + begin * lda;
      kernel.gemm(trans_a, trans_b, end - begin, n, k, part, lda, b, ldb, c + begin * ldc, ldc,
                  accumulate);
    });
  }
}

}  // namespace qat
