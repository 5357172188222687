#include "quant/double_quantization.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "quant/checkpoint_checks.h"

namespace qat {
namespace {

// One block's codes, scale and zero.
void quantize_block(const float* values, int64_t count, int bits, uint8_t* codes, float* scale,
                    float* zero) {
  const auto [low, high] = std::minmax_element(values, values + count);
  const auto top = static_cast<float>((1 << bits) - 1);
  const auto step = static_cast<float>((static_cast<double>(*high) - *low) / top);
  if (!(step > 0)) {  // all equal: (1 − 0) · value is exact
    *scale = *low;
    *zero = 0;
    std::fill(codes, codes + count, static_cast<uint8_t>(1));
    return;
  }
  *scale = step;
  *zero = -*low / step;
  for (int64_t i = 0; i < count; ++i) {
    const float code = std::nearbyint((values[i] - *low) / step);
    codes[i] = static_cast<uint8_t>(std::clamp(code, 0.0f, top));
  }
}

}  // namespace

DoubleQuantized double_quantize(const float* values, int64_t groups, int64_t outputs, int64_t block,
                                int bits) {
  DoubleQuantized result{groups, outputs, block, bits, {}, {}, {}};
  const int64_t blocks = result.blocks();
  result.codes.assign(static_cast<size_t>(result.code_count()), 0);
  result.scales.resize(static_cast<size_t>(groups * blocks));
  result.zeros.resize(result.scales.size());
  for (int64_t i = 0; i < groups * blocks; ++i) {
    const int64_t first = i % blocks * block;
    quantize_block(values + i / blocks * outputs + first, std::min(block, outputs - first), bits,
                   result.codes.data() + i * block, &result.scales[static_cast<size_t>(i)],
                   &result.zeros[static_cast<size_t>(i)]);
  }
  return result;
}

std::vector<float> double_dequantize(const DoubleQuantized& quantized) {
  const int64_t blocks = quantized.blocks(), outputs = quantized.outputs;
  std::vector<float> values(static_cast<size_t>(quantized.groups * outputs));
  for (int64_t g = 0; g < quantized.groups; ++g) {
    for (int64_t n = 0; n < outputs; ++n) {
      const auto at = static_cast<size_t>(g * blocks + n / quantized.block);
      const auto code = static_cast<float>(
          quantized.codes[static_cast<size_t>(g * blocks * quantized.block + n)]);
      values[static_cast<size_t>(g * outputs + n)] =
          (code - quantized.zeros[at]) * quantized.scales[at];
    }
  }
  return values;
}

void validate_double_quantized(const DoubleQuantized& quantized, const char* what) {
  const std::string name = std::string("The double-quantized ") + what;
  require_size(name, quantized.codes.size(), quantized.code_count());
  const int64_t helpers = quantized.groups * quantized.blocks();
  require_size(name + "' scales", quantized.scales.size(), helpers);
  require_size(name + "' zeros", quantized.zeros.size(), helpers);
  require_finite(name + "' scales", quantized.scales);
  require_finite(name + "' zeros", quantized.zeros);
  const auto most = std::max_element(quantized.codes.begin(), quantized.codes.end());
  if (most != quantized.codes.end() && *most >> quantized.bits) {
    fail_checkpoint(name + " hold code " + std::to_string(*most) + ", more than " +
                    std::to_string(quantized.bits) + " bits.");
  }
}

std::vector<uint8_t> join_nibbles(const std::vector<uint8_t>& high,
                                  const std::vector<uint8_t>& low) {
  std::vector<uint8_t> bytes(high.size());
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<uint8_t>(high[i] << 4 | (low[i] & 15));
  }
  return bytes;
}

void split_nibbles(const std::vector<uint8_t>& bytes, std::vector<uint8_t>* high,
                   std::vector<uint8_t>* low) {
  high->resize(bytes.size());
  low->resize(bytes.size());
  for (size_t i = 0; i < bytes.size(); ++i) {
    (*high)[i] = static_cast<uint8_t>(bytes[i] >> 4);
    (*low)[i] = bytes[i] & 15;
  }
}

}  // namespace qat
