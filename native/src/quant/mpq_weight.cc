#include "quant/mpq_weight.h"

#include <string>

#include "qat/error.h"
#include "quant/checkpoint_checks.h"

namespace qat {
namespace {

constexpr int64_t kMaxExtent = INT64_C(1) << 30;

// Bits of each stream behind its last code.
void require_zero_padding(const char* field, const int32_t* last_words, int64_t stride,
                          int64_t streams, int64_t used_bits) {
  const int used = static_cast<int>(used_bits & 31);
  if (used == 0) return;
  for (int64_t i = 0; i < streams; ++i) {
    if (static_cast<uint32_t>(last_words[i * stride]) >> used) {
      fail_checkpoint(std::string(field) + " has padding bits that are not 0, in stream " +
                      std::to_string(i) + ".");
    }
  }
}

void validate_qzeros(const MpqWeight& weight) {
  const int64_t row_words = word_count(weight.out, weight.format.bits);
  const int64_t expected = weight.format.symmetric ? 0 : weight.groups() * row_words;
  require_size("qzeros", weight.qzeros.size(), expected);
  if (expected == 0) return;
  require_zero_padding("qzeros", weight.qzeros.data() + row_words - 1, row_words, weight.groups(),
                       weight.out * weight.format.bits);
}

void validate_double(const DoubleQuantized& given, const MpqWeight& weight, const char* what) {
  const MpqFormat& format = weight.format;
  if (given.groups != weight.groups() || given.outputs != weight.out ||
      given.block != format.double_group_size || given.bits != double_bits(format)) {
    fail_checkpoint(std::string("The double-quantized ") + what + " must have " +
                    std::to_string(weight.groups()) + " groups of " + std::to_string(weight.out) +
                    " outputs in blocks of " + std::to_string(format.double_group_size) + ".");
  }
  validate_double_quantized(given, what);
}

void validate_statistics(const MpqWeight& weight) {
  const bool twice = weight.format.double_group_size > 0;
  const int64_t plain = twice ? 0 : weight.groups() * weight.out;
  require_size("scales", weight.scales.size(), plain);
  require_size("zeros", weight.zeros.size(), weight.format.symmetric ? plain : 0);
  validate_qzeros(weight);
  if (!twice) return;
  validate_double(weight.double_scales, weight, "scales");
  if (weight.format.symmetric) validate_double(weight.double_zeros, weight, "zeros");
}

}  // namespace

void validate_mpq_format(const MpqFormat& format) {
  const bool good = format.bits >= 1 && format.bits <= 8 && format.group_size >= 1 &&
                    format.group_size <= kMaxExtent && format.double_group_size >= 0 &&
                    format.double_group_size <= kMaxExtent;
  if (good) return;
  throw Error("E-QUANTIZER-INVALID",
              "A weight-only layer of " + std::to_string(format.bits) + " bits in groups of " +
                  std::to_string(format.group_size) + " cannot be made.",
              "Use 1 to 8 bits and groups of at least one input.");
}

void validate_mpq_weight(const MpqWeight& weight) {
  const MpqFormat& format = weight.format;
  validate_mpq_format(format);
  if (weight.in < 1 || weight.out < 1 || weight.in > kMaxExtent || weight.out > kMaxExtent) {
    fail_checkpoint("in and out must be from 1 to " + std::to_string(kMaxExtent) + ", not " +
                    std::to_string(weight.in) + " and " + std::to_string(weight.out) + ".");
  }
  // At most 2^30 · 2^30 · 8 bits: no overflow below 2^63.
  const int64_t word_rows = word_count(weight.in, format.bits);
  require_size("qweight", weight.qweight.size(), word_rows * weight.out);
  require_zero_padding("qweight", weight.qweight.data() + (word_rows - 1) * weight.out, 1,
                       weight.out, weight.in * format.bits);
  validate_group_index(weight.g_idx, weight.in, weight.groups());
  validate_statistics(weight);
  validate_group_scales(mpq_layout(format, weight.in, weight.out, weight.g_idx),
                        mpq_scales(weight));
}

GroupLayout mpq_layout(const MpqFormat& format, int64_t in, int64_t out,
                       std::vector<int32_t> g_idx) {
  GroupLayout layout;
  layout.in = in;
  layout.out = out;
  layout.group_of = std::move(g_idx);
  layout.bits.assign(static_cast<size_t>((in + format.group_size - 1) / format.group_size),
                     format.bits);
  layout.integer_zeros = !format.symmetric;
  layout.zero_format = format.zero_format;
  return layout;
}

GroupScales mpq_scales(const MpqWeight& weight) {
  const bool twice = weight.format.double_group_size > 0;
  GroupScales result;
  result.scales = twice ? double_dequantize(weight.double_scales) : weight.scales;
  if (weight.format.symmetric) {
    result.zeros = twice ? double_dequantize(weight.double_zeros) : weight.zeros;
    return result;
  }
  const std::vector<int32_t> zero_points = unpack_zero_points(
      weight.qzeros.data(), weight.groups(), weight.out, weight.format.bits,
      weight.format.zero_format);
  result.zeros.assign(zero_points.begin(), zero_points.end());
  return result;
}

}  // namespace qat
