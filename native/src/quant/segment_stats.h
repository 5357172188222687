// A set of elements that share one scale, in figures, and what the range estimators find for it.
#pragma once

#include <cstdint>

#include "quant/grid.h"
#include "runtime/cancel.h"

namespace qat {

// Up to this many elements the error as a function of the scale is jagged.
constexpr int64_t kSmallSegment = 1024;

struct SegmentStats {
  double min = 0, max = 0, abs_mean = 0;
  double mean = 0, deviation = 0;  // population standard deviation
  int64_t nonzero = 0;             // elements other than 0
};

struct SegmentScale {
  float scale = 1;
  int32_t zero_point = 0;
  // Ternary only. Threshold below 0: not said, half of the scale is meant. Negative scale 0: as
  // the scale.
  float threshold = -1;
  float negative_scale = 0;
};

// x [n], n > 0. Over the pool; fixed chunks are added in order.
SegmentStats segment_stats(const float* x, int64_t n, const CancelToken* cancel);

double largest_magnitude(const SegmentStats& stats);

// Not below the smallest normal float, and low enough that every level of the grid is finite.
float safe_scale(double scale, const CodeRange& range);

// The scale whose outermost levels reach low and high: the larger magnitude of them for the grids
// that are symmetric about 0; both, widened to hold 0, and the zero point for the unsigned one.
SegmentScale scale_of_ends(double low, double high, const QuantizerConfig& config);

}  // namespace qat
