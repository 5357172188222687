#include "nn/ir_net_rule.h"

#include "qat/error.h"
#include "quant/weight_transforms.h"
#include "runtime/thread_pool.h"

namespace qat {

IrNetRule::IrNetRule(const WeightOptions& options, int64_t rows, int64_t cols)
    : WeightRule(options, rows, cols),
      deviations_(static_cast<size_t>(rows)),
      scales_(static_cast<size_t>(rows)) {
  if (options.quantizer.granularity == Granularity::kChannel && cols > 1) return;
  throw Error("E-QUANTIZER-INVALID", "IR-Net balances the weights of every output channel.",
              "Use one scale per channel and more than one input, or another method.");
}

const float* IrNetRule::rounded_values(const float* w) {
  normalized_.resize(static_cast<size_t>(layout().rows * layout().cols));
  libra_normalize(w, layout().rows, layout().cols, normalized_.data(), deviations_.data(),
                  scales_.data());
  return normalized_.data();
}

Scales IrNetRule::prepare(const float* w, const CancelToken*) {
  rounded_values(w);
  Scales scales;
  scales.scales = scales_;
  return scales;
}

void IrNetRule::refresh_scales(const float* w, bool weight_written, Scales* scales) {
  if (weight_written) *scales = prepare(w, nullptr);
}

// After quantize() of the same weight.
void IrNetRule::backward(const float*, const Scales& scales, float* dweight, const ScaleSums&) {
  const int64_t cols = layout().cols;
  const ErrorDecay decay = error_decay(progress_);
  parallel_for(layout().rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* line = dweight + row * cols;
      for (int64_t i = 0; i < cols; ++i) line[i] *= scales.scales[static_cast<size_t>(row)];
      error_decay_backward(normalized_.data() + row * cols, line, line, cols, decay);
    }
  });
  libra_normalize_backward(normalized_.data(), deviations_.data(), dweight, layout().rows, cols,
                           dweight);
}

}  // namespace qat
