// Inference on packed weights: codes are used as they lie in memory, never unpacked to float there.
#pragma once

#include <cstdint>

#include "nn/activation_quantizer.h"
#include "quant/packing.h"

namespace qat {

// y [batch, rows] = x̂·ŵᵀ + bias (may be null), x [batch, cols].
//   quantized activations: exact integer dot products per scale, then Σ scale·dot in double;
//   1-bit weights and activations: XNOR and popcount, where every scale's columns start on a byte;
//   float activations: float dot products with the codes per scale.
// Split over samples: the result does not depend on the thread count.
void packed_matmul(const float* x, int64_t batch, const QuantizedWeight& weight,
                   const ActivationQuantizer& activation, const float* bias, float* y);

}  // namespace qat
