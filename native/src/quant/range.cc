#include "quant/range.h"

#include <algorithm>
#include <string>
#include <vector>

#include "qat/error.h"
#include "quant/ranges/range_rows.h"
#include "quant/scale_search.h"
#include "quant/segment_range.h"
#include "quant/user_grid.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kElementsPerRange = int64_t{1} << 16;

QuantizerConfig activation_config(int bits, bool is_signed, const ActivationRange& range) {
  QuantizerConfig config;
  config.bits = bits;
  config.grid = is_signed ? Grid::kSigned : Grid::kUnsigned;
  config.granularity = Granularity::kTensor;
  config.range = range.estimator;
  config.percentile = range.percentile;
  config.norm = range.norm;
  return config;
}

float one_sided_scale(const float* x, int64_t n, const QuantizerConfig& config,
                      const CancelToken* cancel) {
  Segment segment;
  segment.assign(x, n, cancel);
  std::vector<float> clipped;
  if (segment.stats().min < 0) {
    clipped.resize(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) clipped[static_cast<size_t>(i)] = std::max(x[i], 0.0f);
    segment.assign(clipped.data(), n, cancel);
  }
  SegmentScale found;
  if (is_searched(config) && !has_plain_scale(segment.stats(), config, &found)) {
    return search_scale(segment, config, true).scale;
  }
  return estimate_segment(segment, config).scale;
}

}  // namespace

Scales estimate_scales(const float* x, int64_t rows, int64_t cols, const QuantizerConfig& config,
                       const CancelToken* cancel) {
  validate(config);
  const ScaleLayout layout = scale_layout(config, rows, cols);
  if (config.grid == Grid::kUser) return prepare_user_scales(x, layout, config, cancel);
  Scales result = make_scales(config, layout);
  if (layout.row_stride == 0) {
    Segment segment;
    segment.assign(x, rows * cols, cancel);
    put_scale(estimate_scales_of(segment, {config})[0], 0, &result);
    return result;
  }
  const int64_t grain = std::max<int64_t>(1, kElementsPerRange / cols);
  parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
    RowEstimator estimator(layout);
    for (int64_t r = begin; r < end; ++r) {
      throw_if_cancelled(cancel);
      estimator.set_row(x + r * cols, cancel);
      estimator.estimate(config, r * layout.row_stride, &result);
    }
  });
  return result;
}

void validate(const ActivationRange& range) {
  QuantizerConfig config = activation_config(8, true, range);
  if (!range_row(range.estimator).for_activations) {
    throw Error("E-QUANTIZER-INVALID",
                std::string("The range estimator ") + range_row(range.estimator).id +
                    " is for ternary weights.",
                "Choose another range estimator for the activation.");
  }
  // The parameters are those of a weight.
  if (!range_row(range.estimator).for_weights) config.range = RangeEstimator::kAbsMax;
  validate(config);
}

float estimate_activation_scale(const float* x, int64_t n, int bits, bool is_signed,
                                const ActivationRange& range, const CancelToken* cancel) {
  validate(range);
  if (n <= 0) return 1.0f;
  const QuantizerConfig config = activation_config(bits, is_signed, range);
  if (!is_signed) return one_sided_scale(x, n, config, cancel);
  Segment segment;
  segment.assign(x, n, cancel);
  return estimate_scales_of(segment, {config})[0].scale;
}

}  // namespace qat
