#include "nn/ternary_rule.h"

#include <algorithm>

#include "qat/kernels.h"
#include "quant/range.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kChunkRows = 16;  // fixed, so that sums do not depend on the thread count

WeightOptions as_narrow(WeightOptions options) {
  options.quantizer.grid = Grid::kNarrow;
  return options;
}

}  // namespace

TernaryRule::TernaryRule(const WeightOptions& options, int64_t rows, int64_t cols)
    : WeightRule(options, rows, cols),
      nearest_(as_narrow(options), rows, cols),
      plus_partials_(static_cast<size_t>(chunk_count(rows, kChunkRows))),
      minus_partials_(plus_partials_.size()) {}

void TernaryRule::complete(const float* w, Scales* scales) {
  if (scales->thresholds.empty()) {
    scales->thresholds = estimate_scales(w, layout().rows, layout().cols, quantizer()).thresholds;
  }
  if (has_negative_scales(quantizer()) && scales->negative_scales.empty()) {
    scales->negative_scales = scales->scales;
  }
}

void TernaryRule::refresh_scales(const float* w, bool weight_written, Scales* scales) {
  if (options().method == Method::kLsq) {
    for (size_t i = 0; i < scales->scales.size(); ++i) {
      scales->thresholds[i] = scales->scales[i] / 2;
    }
    return;
  }
  if (!weight_written) return;
  Scales now = estimate_scales(w, layout().rows, layout().cols, quantizer());
  if (options().method == Method::kTtq) {
    scales->thresholds = std::move(now.thresholds);
  } else {
    *scales = std::move(now);
  }
}

void TernaryRule::quantize(const float* w, const Scales& scales, float* quantized) {
  const int64_t cols = layout().cols;
  parallel_for(layout().rows, kChunkRows, [&](int64_t begin, int64_t end) {
    kernels().fake_quant(w + begin * cols, quantized + begin * cols, end - begin, cols,
                         row_params(scales, begin));
  });
}

void TernaryRule::backward(const float* w, const Scales& scales, float* dweight,
                           const ScaleSums& sums) {
  if (options().method == Method::kLsq) {
    nearest_.backward(w, {scales.scales, {}, {}, {}}, dweight, sums);
  } else if (options().method == Method::kTtq) {
    backward_sides(w, scales, dweight, sums);
  }
}

void TernaryRule::backward_sides(const float* w, const Scales& scales, float* dweight,
                                 const ScaleSums& sums) {
  const ScaleLayout& l = layout();
  const bool shared = l.row_stride == 0;
  parallel_chunks(l.rows, kChunkRows, [&](int64_t chunk, int64_t begin, int64_t end) {
    double chunk_plus = 0, chunk_minus = 0;
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t g = 0; g < l.groups_per_row(); ++g) {
        const auto index = static_cast<size_t>(row * l.row_stride + g);
        const float threshold = scales.thresholds[index];
        const float up = scales.scales[index], down = scales.negative_scales[index];
        const int64_t first = row * l.cols + g * l.group_cols;
        const int64_t last = std::min(first + l.group_cols, (row + 1) * l.cols);
        double plus = 0, minus = 0;
        for (int64_t i = first; i < last; ++i) {
          const float gradient = dweight[i];
          if (w[i] > threshold) {
            plus += gradient;
            dweight[i] = gradient * up;
          } else if (w[i] < -threshold) {
            minus -= gradient;
            dweight[i] = gradient * down;
          }
        }
        chunk_plus += plus;
        chunk_minus += minus;
        if (shared || !sums.scale) continue;
        sums.scale[index] = plus;
        sums.negative_scale[index] = minus;
      }
    }
    plus_partials_[static_cast<size_t>(chunk)] = chunk_plus;
    minus_partials_[static_cast<size_t>(chunk)] = chunk_minus;
  });
  if (!shared || !sums.scale) return;
  *sums.scale = *sums.negative_scale = 0;
  for (const double part : plus_partials_) *sums.scale += part;
  for (const double part : minus_partials_) *sums.negative_scale += part;
}

}  // namespace qat
