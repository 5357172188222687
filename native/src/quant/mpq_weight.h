// The tensors of a weight-only layer of one width, as GPTQ and bitorch-engine checkpoints hold
// them.
#pragma once

#include <cstdint>
#include <vector>

#include "quant/double_quantization.h"
#include "quant/group_affine.h"

namespace qat {

struct MpqFormat {
  int bits = 4;             // 1–8
  int64_t group_size = 128; // inputs per group; at least 1, the last group may be shorter
  // true: float zeros, w = s·q − z. false: integer zero points, w = s·(q − z).
  bool symmetric = false;
  ZeroFormat zero_format = ZeroFormat::kGptq;
  // Outputs that share a second-level scale and zero; 0: scales are plain floats. Double-quantized
  // scales have 4 bits, as zeros do, where zeros are floats, and 8 bits beside integer zero points.
  int64_t double_group_size = 0;
};

struct MpqWeight {
  MpqFormat format;
  int64_t in = 0, out = 0;
  std::vector<int32_t> qweight;  // [word_count(in, bits), out]
  std::vector<int32_t> g_idx;    // [in]
  std::vector<float> scales;     // [groups, out]; empty when double-quantized
  std::vector<float> zeros;      // [groups, out]; only symmetric and not double-quantized
  std::vector<int32_t> qzeros;   // [groups, word_count(out, bits)]; only integer zero points
  DoubleQuantized double_scales; // when double-quantized
  DoubleQuantized double_zeros;  // when double-quantized and symmetric

  int64_t groups() const { return (in + format.group_size - 1) / format.group_size; }
};

// Bits of a double-quantized scale.
inline int double_bits(const MpqFormat& format) { return format.symmetric ? 4 : 8; }

// Throws E-QUANTIZER-INVALID for bits or a group size that do not exist.
void validate_mpq_format(const MpqFormat& format);
// Throws E-NATIVE-ARGUMENT, naming field, expected and got, unless sizes fit, groups exist, scales
// and the weights they give are finite and padding bits are 0.
void validate_mpq_weight(const MpqWeight& weight);

GroupLayout mpq_layout(const MpqFormat& format, int64_t in, int64_t out,
                       std::vector<int32_t> g_idx);
// Scales and zeros as floats. The weight is valid.
GroupScales mpq_scales(const MpqWeight& weight);

}  // namespace qat
