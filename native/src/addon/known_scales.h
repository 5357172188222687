// What an analysis of a tensor found out and a later what-if need not find out again.
#pragma once

#include <memory>
#include <vector>

#include "quant/analysis.h"

namespace qat::addon {

struct TensorData;

// Keeps the scales of bits 1-8 of an analysis of all rows with the tensor, in place of those before.
// Passed over where they would take more than an eighth of the tensor's memory.
void remember_scales(const TensorData& tensor, const AnalyzeOptions& options, Analysis* analysis);

// Fills in the scales, when they are known for this grid, granularity and range estimator, and the
// range of the histogram. Given ones stay.
void use_known_scales(const TensorData& tensor, AnalyzeOptions* options);

}  // namespace qat::addon
