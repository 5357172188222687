#include "nn/dorefa_rule.h"

#include "qat/error.h"
#include "qat/kernels.h"
#include "quant/weight_transforms.h"

namespace qat {

DoReFaRule::DoReFaRule(const WeightOptions& options, int64_t rows, int64_t cols)
    : WeightRule(options, rows, cols) {
  if (options.quantizer.granularity == Granularity::kTensor) return;
  throw Error("E-QUANTIZER-INVALID", "DoReFa squashes the weights of a whole tensor together.",
              "Use one scale per tensor, or another method.");
}

// Levels from −1 to 1: their distance follows from the bits.
Scales DoReFaRule::prepare(const float*, const CancelToken*) {
  Scales scales;
  scales.scales.assign(1, 2.0f / static_cast<float>((1 << quantizer().bits) - 1));
  return scales;
}

const float* DoReFaRule::rounded_values(const float* w) {
  const int64_t count = layout().rows * layout().cols;
  squashed_.resize(static_cast<size_t>(count));
  dorefa_transform(w, squashed_.data(), count);
  for (float& value : squashed_) value = 2 * value - 1;
  return squashed_.data();
}

void DoReFaRule::backward(const float* w, const Scales&, float* dweight, const ScaleSums&) {
  const int64_t count = layout().rows * layout().cols;
  for (int64_t i = 0; i < count; ++i) dweight[i] *= 2;  // u = 2y − 1
  dorefa_transform_backward(w, dweight, dweight, count);
}

}  // namespace qat
