// Scales by the configuration's range, and the codes under them.
#pragma once

#include <cstdint>

#include "quant/fake_quant.h"
#include "quant/packing.h"
#include "runtime/cancel.h"

namespace qat {

// As estimate_scales and quantize_packed, bit for bit: with abs-max by rows or groups, a row at a time while it is
// in the caches. x [rows, cols] is looked at by `check`; where it found something neither the scales nor
// packed [rows, packed_row_bytes(cols, bits)] are of use. Threaded.
Scales quantize_by_range(const float* x, int64_t rows, int64_t cols, const QuantizerConfig& config,
                         uint8_t* packed, FiniteCheck* check, const CancelToken* cancel = nullptr);

}  // namespace qat
