// Matrices on the user grid: a library's parameters per scale, its codes, and a table of levels. What
// needs only the levels (reading a packed weight) never calls the library.
#pragma once

#include <cstdint>

#include "quant/grid.h"
#include "quant/packing.h"
#include "runtime/cancel.h"

namespace qat {

// Of the quantizer's library. Throws Error("E-QUANTIZER-LIBRARY") where it is not loaded.
const UserQuantizer& user_quantizer_of(const QuantizerConfig& config);

// scales and parameters by the library's prepare, levels filled in. x [rows, cols], finite. Threaded.
Scales prepare_user_scales(const float* x, const ScaleLayout& layout, const QuantizerConfig& config,
                           const CancelToken* cancel);
// scales->levels [scales, 2^bits] from the library; scales and parameters must be there.
void fill_user_levels(const QuantizerConfig& config, const ScaleLayout& layout, Scales* scales);

// codes [cols] of row `row` of x, whose values are `values` [cols].
void user_codes_of_row(const QuantizerConfig& config, const ScaleLayout& layout,
                       const Scales& scales, const float* values, int64_t row, uint8_t* codes);
// y [cols]: the levels of codes [cols], which are below 2^bits.
void user_levels_of_row(const ScaleLayout& layout, const Scales& scales, int bits, int64_t row,
                        const uint8_t* codes, float* y);

// x̂ [rows, cols] of x. Threaded.
void user_fake_quantize(const float* x, float* y, const QuantizerConfig& config,
                        const ScaleLayout& layout, const Scales& scales,
                        const CancelToken* cancel = nullptr);

// In place dŵ → dw. dscale [scales] and dparameters [scales, parameters − 1] are overwritten with the
// sums of the library; either may be null. Threaded; fixed chunks are added in order.
void user_backward(const float* x, float* dweight, const QuantizerConfig& config,
                   const ScaleLayout& layout, const Scales& scales, double* dscale,
                   double* dparameters);

}  // namespace qat
