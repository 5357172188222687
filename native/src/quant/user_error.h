// The error of rows that a user's library quantizes: kernels do not know its levels.
#pragma once

#include <cstdint>

#include "quant/grid.h"

namespace qat {

// One row of a matrix under the user grid: x̂ into quantized [cols], its sums added to `sums` and its codes
// counted in counts [2^bits]. Nothing counts as clipped: a library does not say where clipping begins.
// codes [cols] is work space.
void user_error_of_row(const QuantizerConfig& config, const ScaleLayout& layout,
                       const Scales& scales, const float* values, int64_t row, uint8_t* codes,
                       float* quantized, ErrorSums* sums, int64_t* counts);

}  // namespace qat
