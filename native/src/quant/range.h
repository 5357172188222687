// Range estimators: scales of a weight before training. Formulas in docs/numerics.md.
#pragma once

#include <cstdint>

#include "quant/grid.h"
#include "runtime/cancel.h"

namespace qat {

// x [rows, cols], finite. Threaded; the result does not depend on the thread count.
//   abs-max: signed and narrow scale = max|x| / (2^(b-1) - 1); unsigned: min-max widened to hold 0,
//            scale = (max - min) / (2^b - 1), zero_point = round(-min / scale).
//   mse:     minimises the sum of squared errors of each scale.
//   lsq:     2 * mean|x| / sqrt(qmax); unsigned zero points as abs-max places them.
//   binary:  mean|x| whatever the estimator (the least-squares optimum).
// Scales are positive, finite and at least the smallest normal float. Where all elements are zero
// the scale is 1.0, or that smallest one for the binary grid (which has no zero).
Scales estimate_scales(const float* x, int64_t rows, int64_t cols, const QuantizerConfig& config,
                       const CancelToken* cancel = nullptr);

// One scale for all of x [n] as for an activation: signed, or unsigned with zero point 0 (inputs of
// an unsigned activation quantizer are >= 0; negative ones clip).
float estimate_activation_scale(const float* x, int64_t n, int bits, bool is_signed,
                                RangeEstimator range, const CancelToken* cancel = nullptr);

}  // namespace qat
