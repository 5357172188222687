// Exact percentiles by selection, without sorting or copying large inputs.
#pragma once

#include <cstdint>
#include <vector>

#include "quant/statistics.h"
#include "runtime/cancel.h"

namespace qat {

// x [n], n > 0. Linear interpolation as numpy.percentile. Throws Error("E-NATIVE-ARGUMENT") for a
// percentage outside 0 ... 100.
std::vector<Percentile> compute_percentiles(const float* x, int64_t n,
                                            const std::vector<double>& percentages,
                                            const CancelToken* cancel);

}  // namespace qat
