// The table of range estimators: adding one is a file in this folder, a row here, and a row in
// electron/contract/quantizer-parts/ranges.ts.
#pragma once

#include "quant/grid.h"
#include "quant/segment.h"

namespace qat {

// One segment whose elements are not all zero, and a configuration that is legal for it and not
// binary. Sets what it finds: of a ternary grid the threshold only where it is not half the scale.
using EstimateRange = SegmentScale (*)(const Segment& segment, const QuantizerConfig& config);

struct RangeRow {
  RangeEstimator value;
  const char* id;
  EstimateRange estimate;
  bool for_weights = true, for_activations = true;
  bool ternary_only = false;
};

constexpr int kRangeRows = 11;
// In the order of the enumeration.
extern const RangeRow range_rows[kRangeRows];
const RangeRow& range_row(RangeEstimator range);

// The scale (zero point, threshold, negative scale) of a segment by its configuration's estimator.
// All elements zero: 1, or where the grid has no zero the smallest normal float; binary: mean|x|
// whatever the estimator.
SegmentScale estimate_segment(const Segment& segment, const QuantizerConfig& config);

// The abs-max estimate of a segment whose least and greatest element are known; not for the binary grid.
SegmentScale absmax_of_ends(double low, double high, const QuantizerConfig& config);

// Zero elements and binary grids, which no estimator sees; false for the others.
bool has_plain_scale(const SegmentStats& stats, const QuantizerConfig& config, SegmentScale* scale);
// A ternary threshold that was not said is half the scale: each value takes the nearest level.
SegmentScale with_threshold(SegmentScale found, const QuantizerConfig& config);

}  // namespace qat
