// Range estimation of whole matrices and activations: scales before training. What each estimator
// does is in ranges/; formulas in docs/numerics.md.
#pragma once

#include <cstdint>

#include "quant/grid.h"
#include "runtime/cancel.h"

namespace qat {

// x [rows, cols], finite. Threaded; the result does not depend on the thread count. Scales are
// positive, finite and at least the smallest normal float. Where all elements are zero the scale is
// 1.0, or that smallest one for the grids without a zero (binary, mid-rise). Throws
// Error("E-QUANTIZER-INVALID") for a configuration that makes no sense.
Scales estimate_scales(const float* x, int64_t rows, int64_t cols, const QuantizerConfig& config,
                       const CancelToken* cancel = nullptr);

// The range estimator of an activation and its parameters (fields of QuantizerConfig).
struct ActivationRange {
  RangeEstimator estimator = RangeEstimator::kMse;
  double percentile = 99.9;
  double norm = 2.4;
};

// Throws Error("E-QUANTIZER-INVALID") for an estimator or parameters that do not fit activations.
void validate(const ActivationRange& range);

// One scale for all of x [n], as for an activation: signed, or unsigned with zero point 0 (inputs
// of an unsigned activation quantizer are >= 0; negative ones clip and count as 0). 1.0 where n or
// all of x is 0.
float estimate_activation_scale(const float* x, int64_t n, int bits, bool is_signed,
                                const ActivationRange& range, const CancelToken* cancel = nullptr);
inline float estimate_activation_scale(const float* x, int64_t n, int bits, bool is_signed,
                                       RangeEstimator range, const CancelToken* cancel = nullptr) {
  return estimate_activation_scale(x, n, bits, is_signed, ActivationRange{range}, cancel);
}

}  // namespace qat
