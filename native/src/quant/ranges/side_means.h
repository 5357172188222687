// What lies beyond a ternary threshold, on either side.
#pragma once

#include <cstdint>

#include "quant/segment.h"

namespace qat {

struct SideMeans {
  double plus_sum = 0, minus_sum = 0;  // Σ|x| over x > threshold and over x < -threshold
  int64_t plus = 0, minus = 0;         // how many

  double plus_mean() const { return plus_sum / static_cast<double>(plus); }
  double minus_mean() const { return minus_sum / static_cast<double>(minus); }
  double both() const { return (plus_sum + minus_sum) / static_cast<double>(plus + minus); }
};

// Over the pool; fixed chunks are added in order.
SideMeans means_beyond(const Segment& segment, float threshold);

}  // namespace qat
