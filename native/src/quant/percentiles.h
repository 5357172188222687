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
// The same where the histogram of x is known: only the values in the bins that hold the wanted
// ranks are looked at. A histogram that does not hold all of x, or whose wanted bins hold much of
// it, is no help and not used.
std::vector<Percentile> compute_percentiles(const float* x, int64_t n, const Histogram& histogram,
                                            const std::vector<double>& percentages,
                                            const CancelToken* cancel);

}  // namespace qat
