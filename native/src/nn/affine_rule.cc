#include "nn/affine_rule.h"

#include <algorithm>

#include "qat/kernels.h"
#include "quant/range.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {
constexpr int64_t kChunkRows = 16;  // fixed, so that sums do not depend on the thread count
}

AffineRule::AffineRule(const WeightOptions& options, int64_t rows, int64_t cols)
    : WeightRule(options, rows, cols),
      range_(code_range(options.quantizer.grid, options.quantizer.bits)),
      partials_(static_cast<size_t>(chunk_count(rows, kChunkRows))) {}

// Frozen, the range of the first weights would stop every weight that outgrows it for good: its
// gradient is 0 from there on. Other estimators clip on purpose, and a search costs too much here.
void AffineRule::refresh_scales(const float* w, bool weight_written, Scales* scales) {
  const bool follows =
      options().method == Method::kSte && quantizer().range == RangeEstimator::kAbsMax;
  if (!follows || !weight_written) return;
  *scales = estimate_scales(w, layout().rows, layout().cols, quantizer(), nullptr);
}

bool AffineRule::level_params(const Scales& scales, QuantParams* params) const {
  if (quantizer().grid == Grid::kMidrise) return false;
  *params = row_params(scales, 0);
  return true;
}

void AffineRule::backward(const float* w, const Scales& scales, float* dweight,
                          const ScaleSums& wanted) {
  double* dscale = wanted.scale;
  const int64_t rows = layout().rows, cols = layout().cols;
  const bool shared = layout().row_stride == 0;
  if (dscale) std::fill(dscale, dscale + layout().count(), 0.0);
  parallel_chunks(rows, kChunkRows, [&](int64_t chunk, int64_t begin, int64_t end) {
    double* sums = nullptr;
    if (dscale && shared) {
      sums = &partials_[static_cast<size_t>(chunk)];
      *sums = 0;
    } else if (dscale) {
      sums = dscale + begin * layout().row_stride;
    }
    float* dw = dweight + begin * cols;
    kernels().fake_quant_backward(w + begin * cols, dw, dw, sums, end - begin, cols,
                                  row_params(scales, begin));
  });
  if (!dscale || !shared) return;
  for (const double partial : partials_) *dscale += partial;
}

}  // namespace qat
