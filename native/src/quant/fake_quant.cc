#include "quant/fake_quant.h"

#include <algorithm>
#include <vector>

#include "quant/row_pieces.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kElementsPerRange = int64_t{1} << 15;

int64_t rows_per_range(int64_t cols) {
  return std::max<int64_t>(1, kElementsPerRange / std::max<int64_t>(1, cols));
}

}  // namespace

void fake_quantize(const float* x, float* y, int64_t rows, int64_t cols, const QuantParams& p,
                   bool binary, const CancelToken* cancel) {
  parallel_for(rows, rows_per_range(cols), [&](int64_t begin, int64_t end) {
    throw_if_cancelled(cancel);
    const int64_t at = begin * cols;
    const auto kernel = binary ? kernels().binarize : kernels().fake_quant;
    kernel(x + at, y + at, end - begin, cols, params_of_row(p, begin));
  });
}

void fake_quantize_backward(const float* x, const float* dy, float* dx, double* dscale,
                            int64_t scale_count, int64_t rows, int64_t cols,
                            const QuantParams& p) {
  const int64_t chunk = rows_per_range(cols);
  if (p.row_stride != 0) {  // every row has its own scales: nothing is shared between chunks
    if (dscale) std::fill(dscale, dscale + scale_count, 0.0);
    parallel_for(rows, chunk, [&](int64_t begin, int64_t end) {
      const int64_t at = begin * cols;
      kernels().fake_quant_backward(x + at, dy + at, dx + at,
                                    dscale ? dscale + begin * p.row_stride : nullptr, end - begin,
                                    cols, params_of_row(p, begin));
    });
    return;
  }
  std::vector<double> partial(static_cast<size_t>(chunk_count(rows, chunk)), 0.0);
  parallel_chunks(rows, chunk, [&](int64_t index, int64_t begin, int64_t end) {
    const int64_t at = begin * cols;
    kernels().fake_quant_backward(x + at, dy + at, dx + at, &partial[static_cast<size_t>(index)],
                                  end - begin, cols, p);
  });
  if (dscale) {
    dscale[0] = 0;
    for (const double part : partial) dscale[0] += part;
  }
}

}  // namespace qat
