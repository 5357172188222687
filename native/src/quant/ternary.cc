#include "quant/ternary.h"

#include <algorithm>

#include "quant/row_pieces.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

struct SideSums {
  double plus = 0, minus = 0;
};

// One run of elements under the first scale of p.
SideSums backward_of_run(const float* x, const float* dy, float* dx, int64_t n,
                         const QuantParams& p) {
  const float threshold = p.threshold[0], scale = p.scale[0];
  const float negative = p.negative_scale ? p.negative_scale[0] : scale;
  SideSums sums;
  for (int64_t i = 0; i < n; ++i) {
    const float gradient = dy[i];
    float factor = 1;
    if (x[i] > threshold) {
      sums.plus += static_cast<double>(gradient);
      factor = scale;
    } else if (x[i] < -threshold) {
      sums.minus -= static_cast<double>(gradient);
      factor = negative;
    }
    dx[i] = gradient * factor;
  }
  return sums;
}

}  // namespace

void ternary_backward(const float* x, const float* dy, float* dx, double* dscale,
                      double* dnegative, int64_t scale_count, int64_t rows, int64_t cols,
                      const QuantParams& p) {
  std::fill(dscale, dscale + scale_count, 0.0);
  std::fill(dnegative, dnegative + scale_count, 0.0);
  const int64_t chunk = rows_per_chunk(cols);
  std::vector<SideSums> parts(static_cast<size_t>(chunk_count(rows, chunk)));
  parallel_chunks(rows, chunk, [&](int64_t index, int64_t begin, int64_t end) {
    if (p.row_stride == 0) {  // one scale: the sum of all chunks
      parts[static_cast<size_t>(index)] =
          backward_of_run(x + begin * cols, dy + begin * cols, dx + begin * cols,
                          (end - begin) * cols, p);
      return;
    }
    for (int64_t r = begin; r < end; ++r) {
      int64_t scale = r * p.row_stride;
      for (int64_t c = 0; c < cols; c += p.group_cols, ++scale) {
        const int64_t at = r * cols + c;
        const SideSums sums =
            backward_of_run(x + at, dy + at, dx + at, std::min(p.group_cols, cols - c),
                            params_from_scale(p, scale));
        dscale[scale] = sums.plus;
        dnegative[scale] = sums.minus;
      }
    }
  });
  if (p.row_stride != 0) return;
  for (const SideSums& part : parts) {
    dscale[0] += part.plus;
    dnegative[0] += part.minus;
  }
}

}  // namespace qat
