#include "nn/binary_rule.h"

#include <algorithm>
#include <cmath>

#include "nn/sign_gradient.h"
#include "qat/kernels.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kChunkRows = 16;  // fixed, so that sums do not depend on the thread count

double sum_abs(const float* w, int64_t n) {
  return sum_in_lanes(n, [w](int64_t i) { return std::fabs(w[i]); });
}

// fn(first element, count, sums of this chunk) for every stretch of columns that shares a scale;
// → sums[scale] of all, added in a fixed order.
template <typename Fn>
void reduce_by_scale(const ScaleLayout& layout, std::vector<double>& partials, double* sums, Fn&& fn) {
  const bool shared = layout.row_stride == 0;
  parallel_chunks(layout.rows, kChunkRows, [&](int64_t chunk, int64_t begin, int64_t end) {
    double total = 0;
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t g = 0; g < layout.groups_per_row(); ++g) {
        const int64_t at = g * layout.group_cols;
        const double sum =
            fn(row * layout.cols + at, std::min(layout.group_cols, layout.cols - at));
        total += sum;
        if (!shared && sums) sums[row * layout.row_stride + g] = sum;
      }
    }
    partials[static_cast<size_t>(chunk)] = total;
  });
  if (!shared || !sums) return;
  *sums = 0;
  for (const double partial : partials) *sums += partial;
}

}  // namespace

BinaryRule::BinaryRule(const WeightOptions& options, int64_t rows, int64_t cols)
    : WeightRule(options, rows, cols),
      partials_(static_cast<size_t>(chunk_count(rows, kChunkRows))),
      means_(static_cast<size_t>(layout().count())) {}

void BinaryRule::refresh_scales(const float* w, bool weight_written, Scales* scales) {
  if (options().method != Method::kSte || !weight_written) return;
  reduce_by_scale(layout(), partials_, means_.data(), [&](int64_t first, int64_t count) {
    return sum_abs(w + first, count);
  });
  for (size_t i = 0; i < means_.size(); ++i) {
    const auto alpha = static_cast<float>(
        means_[i] / static_cast<double>(layout().elements_of(static_cast<int64_t>(i))));
    scales->scales[i] = alpha > 0 ? alpha : 1.0f;
  }
}

// Beyond 1 a weight would get no gradient ever again.
void BinaryRule::after_update(float* w, Scales*) {
  parallel_for(layout().rows * layout().cols, 16384, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) w[i] = std::clamp(w[i], -1.0f, 1.0f);
  });
}

void BinaryRule::backward(const float* w, const Scales&, float* dweight, const ScaleSums& sums) {
  reduce_by_scale(layout(), partials_, sums.scale, [&](int64_t first, int64_t count) {
    return sign_backward(w + first, dweight + first, dweight + first, count, 1.0f);
  });
}

}  // namespace qat
