#include "nn/lsq_linear.h"

#include <algorithm>

#include "qat/kernels.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {
constexpr int64_t kChunkRows = 16;  // fixed, so that sums do not depend on the thread count
}

LsqLinear::LsqLinear(const LinearOptions& options)
    : NBitLinearBase(options, LinearKind::kLsq),
      range_(code_range(options.weight.quantizer.grid, options.weight.quantizer.bits)),
      partials_(static_cast<size_t>(chunk_count(options.out_channels, kChunkRows))) {}

void LsqLinear::quantize_weight_float(float* quantized) const {
  const int64_t cols = in_channels();
  parallel_for(out_channels(), kChunkRows, [&](int64_t begin, int64_t end) {
    kernels().fake_quant(weight_data() + begin * cols, quantized + begin * cols, end - begin, cols,
                         row_params(begin));
  });
}

void LsqLinear::weight_backward(float* dweight, double* dscale) {
  const int64_t cols = in_channels();
  const ScaleLayout& layout = scale_layout();
  const bool shared = layout.row_stride == 0;
  if (dscale) std::fill(dscale, dscale + layout.count(), 0.0);
  parallel_chunks(out_channels(), kChunkRows, [&](int64_t chunk, int64_t begin, int64_t end) {
    double* sums = nullptr;
    if (dscale && shared) {
      sums = &partials_[static_cast<size_t>(chunk)];
      *sums = 0;
    } else if (dscale) {
      sums = dscale + begin * layout.row_stride;
    }
    float* dw = dweight + begin * cols;
    kernels().fake_quant_backward(weight_data() + begin * cols, dw, dw, sums, end - begin, cols,
                                  row_params(begin));
  });
  if (!dscale || !shared) return;
  for (const double partial : partials_) *dscale += partial;
}

}  // namespace qat
