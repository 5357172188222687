// Inference of weight-only layers on packed words: a float weight exists only as one input's tile
// of outputs at a time.
#pragma once

#include <cstdint>

#include "quant/group_words.h"

namespace qat {

// y [batch, out] = (x ⊙ input_scale)·ŵᵀ + bias, x [batch, in]; input_scale [in] and bias [out] may
// be null. Sums over the inputs in order, in double: the result does not depend on the thread
// count.
void word_matmul(const float* x, int64_t batch, const WordMatrix& weight, const float* input_scale,
                 const float* bias, float* y);

}  // namespace qat
