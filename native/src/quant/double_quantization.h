// Double quantization of the scales and zeros of a weight-only layer: they are codes themselves,
// with a float scale and zero per group and block of outputs, value = (code − zero) · scale.
#pragma once

#include <cstdint>
#include <vector>

namespace qat {

// Values [groups, outputs]. Codes are [groups, blocks, block]: value (g, n) is code
// g·blocks·block + n; where the last block is short its other codes are 0.
struct DoubleQuantized {
  int64_t groups = 0, outputs = 0;
  int64_t block = 0;  // outputs that share a scale and zero
  int bits = 4;       // of a code, 1–8
  std::vector<uint8_t> codes;
  std::vector<float> scales, zeros;  // [groups, blocks]

  int64_t blocks() const { return (outputs + block - 1) / block; }
  int64_t code_count() const { return groups * blocks() * block; }
  bool empty() const { return codes.empty(); }
};

// Least and greatest value of a block become the lowest and highest code; equal ones are kept
// exactly. values [groups, outputs] finite.
DoubleQuantized double_quantize(const float* values, int64_t groups, int64_t outputs, int64_t block,
                                int bits);
// → [groups, outputs]
std::vector<float> double_dequantize(const DoubleQuantized& quantized);

// Throws E-NATIVE-ARGUMENT (what, expected, got) unless sizes fit, codes are below 2^bits and
// scales and zeros are finite. `what` names the values: "scales", "zeros".
void validate_double_quantized(const DoubleQuantized& quantized, const char* what);

// Two 4-bit codes in a byte, as checkpoints hold them: scale code high, zero code low.
std::vector<uint8_t> join_nibbles(const std::vector<uint8_t>& high,
                                  const std::vector<uint8_t>& low);
void split_nibbles(const std::vector<uint8_t>& bytes, std::vector<uint8_t>* high,
                   std::vector<uint8_t>* low);

}  // namespace qat
