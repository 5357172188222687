#include "quant/quantize_by_range.h"

#include <algorithm>
#include <vector>

#include "qat/kernels.h"
#include "quant/range.h"
#include "quant/ranges/range_rows.h"
#include "quant/row_pieces.h"
#include "quant/segment_range.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

// A row's scales follow from the ends of its own elements.
bool by_ends_of_rows(const QuantizerConfig& config) {
  return config.range == RangeEstimator::kAbsMax && config.granularity != Granularity::kTensor &&
         config.grid != Grid::kBinary && config.grid != Grid::kUser;
}

Scales quantize_rows(const float* x, int64_t rows, int64_t cols, const QuantizerConfig& config,
                     uint8_t* packed, FiniteCheck* check, const CancelToken* cancel) {
  const ScaleLayout layout = scale_layout(config, rows, cols);
  Scales scales = make_scales(config, layout);
  const QuantParams params = quant_params(config, layout, scales);
  const int64_t row_bytes = packed_row_bytes(cols, config.bits);
  const int64_t groups = layout.groups_per_row();
  parallel_for(rows, rows_per_chunk(cols), [&](int64_t begin, int64_t end) {
    std::vector<float> low(static_cast<size_t>(groups)), high(low);
    std::vector<uint8_t> codes(static_cast<size_t>(cols));
    for (int64_t r = begin; r < end; ++r) {
      throw_if_cancelled(cancel);
      const float* row = x + r * cols;
      if (!kernels().row_ends(row, cols, layout.group_cols, low.data(), high.data())) {
        check->look_at(row, cols, r * cols);
        return;
      }
      for (size_t g = 0; g < low.size(); ++g) {
        put_scale(absmax_of_ends(low[g], high[g], config), static_cast<size_t>(r * groups) + g, &scales);
      }
      kernels().quantize(row, codes.data(), 1, cols, params_of_row(params, r));
      kernels().pack_row(codes.data(), packed + r * row_bytes, cols, config.bits);
    }
  });
  return scales;
}

}  // namespace

Scales quantize_by_range(const float* x, int64_t rows, int64_t cols, const QuantizerConfig& config,
                         uint8_t* packed, FiniteCheck* check, const CancelToken* cancel) {
  validate(config);
  if (by_ends_of_rows(config)) return quantize_rows(x, rows, cols, config, packed, check, cancel);
  parallel_for(rows, rows_per_chunk(cols), [&](int64_t begin, int64_t end) {
    check->look_at(x + begin * cols, (end - begin) * cols, begin * cols);
  });
  if (check->found() >= 0) return {};
  Scales scales = estimate_scales(x, rows, cols, config, cancel);
  quantize_packed(x, rows, cols, config, scales, packed, cancel);
  return scales;
}

}  // namespace qat
