#include "quant/fake_quant.h"

#include <algorithm>
#include <vector>

#include "quant/row_pieces.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kElementsPerRange = int64_t{1} << 15;
constexpr int64_t kPastCaches = int64_t{1} << 22;  // elements: 16 MiB would only push other data out

int64_t rows_per_range(int64_t cols) {
  return std::max<int64_t>(1, kElementsPerRange / std::max<int64_t>(1, cols));
}

QuantParams stored_for(QuantParams p, int64_t elements, bool in_place) {
  p.streamed = elements >= kPastCaches && !in_place;
  return p;
}

}  // namespace

void FiniteCheck::look_at(const float* x, int64_t n, int64_t from) {
  const int64_t at = kernels().first_not_finite(x, n);
  if (at < 0) return;
  int64_t first = first_.load();
  while (from + at < first && !first_.compare_exchange_weak(first, from + at)) {
  }
}

int64_t FiniteCheck::found() const {
  const int64_t first = first_.load();
  return first == INT64_MAX ? -1 : first;
}

void fake_quantize(const float* x, float* y, int64_t rows, int64_t cols, const QuantParams& given,
                   bool binary, const CancelToken* cancel, FiniteCheck* check) {
  const QuantParams p = stored_for(given, rows * cols, x == y);
  const auto kernel = binary ? kernels().binarize : kernels().fake_quant;
  parallel_for(rows, rows_per_range(cols), [&](int64_t begin, int64_t end) {
    throw_if_cancelled(cancel);
    const int64_t at = begin * cols;
    if (check) check->look_at(x + at, (end - begin) * cols, at);
    kernel(x + at, y + at, end - begin, cols, params_of_row(p, begin));
  });
}

void fake_quantize_backward(const float* x, const float* dy, float* dx, double* dscale,
                            int64_t scale_count, int64_t rows, int64_t cols, const QuantParams& given,
                            FiniteCheck* check_x, FiniteCheck* check_dy) {
  const QuantParams p = stored_for(given, rows * cols, dy == dx);
  const bool shared = p.row_stride == 0;  // else every row has scales, and sums, of its own
  const int64_t chunk = rows_per_range(cols);
  std::vector<double> partial(static_cast<size_t>(shared ? chunk_count(rows, chunk) : 0), 0.0);
  if (dscale) std::fill(dscale, dscale + scale_count, 0.0);
  parallel_chunks(rows, chunk, [&](int64_t index, int64_t begin, int64_t end) {
    const int64_t at = begin * cols, count = (end - begin) * cols;
    if (check_x) check_x->look_at(x + at, count, at);
    if (check_dy) check_dy->look_at(dy + at, count, at);
    double* sums = nullptr;
    if (shared) {
      sums = &partial[static_cast<size_t>(index)];
    } else if (dscale) {
      sums = dscale + begin * p.row_stride;
    }
    kernels().fake_quant_backward(x + at, dy + at, dx + at, sums, end - begin, cols,
                                  params_of_row(p, begin));
  });
  if (!dscale) return;
  for (const double part : partial) dscale[0] += part;
}

}  // namespace qat
