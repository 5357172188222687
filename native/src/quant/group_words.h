// A weight-only weight in packed words: from a float weight, and back.
#pragma once

#include <cstdint>
#include <vector>

#include "quant/group_affine.h"

namespace qat {

// A packed weight, borrowed.
struct WordMatrix {
  const int32_t* words = nullptr;  // [stream_words(rows), out]
  const std::vector<CodeRow>& rows;
  const GroupLayout& layout;
  const GroupScales& scales;
};

// Codes of the float weight [out, in] under the scales. Threaded.
std::vector<int32_t> quantize_words(const float* weight, const std::vector<CodeRow>& rows,
                                    const GroupLayout& layout, const GroupScales& scales,
                                    const CancelToken* cancel = nullptr);
// The same codes, a byte each: [out, in].
void group_codes(const float* weight, const GroupLayout& layout, const GroupScales& scales,
                 uint8_t* codes);
// → [out, in]; equals fake_quantize_groups of the weight the words were made from, bit for bit.
void dequantize_words(const WordMatrix& matrix, float* weight);

}  // namespace qat
