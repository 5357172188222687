// What the error view shows of a layer that is not quantized (bits 32): no error, no levels.
#pragma once

#include <cstdint>

#include "quant/analysis.h"

namespace qat::addon {

// x [rows, cols]; options.config.bits is ignored. Matches what_if's shape with error "exact".
WhatIf float_what_if(const float* x, int64_t rows, int64_t cols, const AnalyzeOptions& options,
                     const CancelToken* cancel);

}  // namespace qat::addon
