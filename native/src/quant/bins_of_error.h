// The error of a quantized matrix together with where in the histogram it arises.
#pragma once

#include <cstdint>
#include <vector>

#include "quant/error_measures.h"
#include "quant/grid.h"
#include "quant/statistics.h"
#include "runtime/cancel.h"

namespace qat {

struct BinPlan {
  ValueRange range;
  int64_t exact_bins, drawn_bins;  // drawn_bins divides exact_bins
};

struct BinnedError {
  ErrorDetail detail;                    // with row sums
  std::vector<int64_t> quantized_counts; // x̂ per drawn bin
  std::vector<double> mean_error;        // mean of x̂ - x per drawn bin of x; 0 where empty
};

// x [layout.rows, layout.cols]. Threaded; fixed chunks are added in order.
BinnedError measure_binned_error(const float* x, const ScaleLayout& layout,
                                 const QuantizerConfig& config, const Scales& scales,
                                 const BinPlan& plan, const CancelToken* cancel);

}  // namespace qat
