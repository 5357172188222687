#include "nn/weight_rule.h"

#include "nn/affine_rule.h"
#include "nn/binary_rule.h"
#include "quant/range.h"

namespace qat {

WeightRule::WeightRule(const WeightOptions& options, int64_t rows, int64_t cols)
    : options_(options), layout_(scale_layout(options.quantizer, rows, cols)) {}

Scales WeightRule::prepare(const float* w, const CancelToken* cancel) {
  return estimate_scales(w, layout_.rows, layout_.cols, quantizer(), cancel);
}

QuantParams WeightRule::row_params(const Scales& scales, int64_t first_row) const {
  return params_from_scale(quant_params(quantizer(), layout_, scales),
                           first_row * layout_.row_stride);
}

std::unique_ptr<WeightRule> make_weight_rule(const WeightOptions& options, int64_t rows,
                                             int64_t cols) {
  if (options.quantizer.bits == kFloatBits) return nullptr;
  validate(options.quantizer);
  if (options.quantizer.grid == Grid::kBinary) {
    return std::make_unique<BinaryRule>(options, rows, cols);
  }
  return std::make_unique<AffineRule>(options, rows, cols);
}

}  // namespace qat
