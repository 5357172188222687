// Integer codes together with what they do not hold: w = (q − z)·s + r. An optimizer steps on r, whose
// resolution is that of a small number, so that updates far below a quantization step, or even below
// the last digit of w, add up until they move a code. (Reading w anew from its code before each step
// would lose every update shorter than s/2.)
#pragma once

#include <cstdint>

#include "qat/kernels.h"

namespace qat {

// Moves the whole steps of each residual into its code and leaves |r| <= s/2. Codes are minus qmin,
// 0 … qmax − qmin, as Kernels::quantize gives them; both [rows, cols]. At the outermost codes what
// would lead further out is cut at s/2, so that a weight held against an end can leave it at once.
// Returns how many codes changed.
int64_t carry_residual(float* residual, uint8_t* codes, int64_t rows, int64_t cols,
                       const QuantParams& params);

}  // namespace qat
