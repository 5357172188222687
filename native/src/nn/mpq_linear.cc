#include "nn/mpq_linear.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "qat/error.h"

namespace qat {
namespace {

GroupLayout layout_of(const MpqOptions& options) {
  validate_mpq_format(options.format);
  const int64_t in = options.linear.in_channels;
  if (in < 1 || in > (INT64_C(1) << 24)) return {};  // refused by WeightOnlyLinear
  std::vector<int32_t> g_idx = options.g_idx;
  if (g_idx.empty()) g_idx = consecutive_groups(in, options.format.group_size);
  GroupLayout layout =
      mpq_layout(options.format, in, options.linear.out_channels, std::move(g_idx));
  validate_group_index(layout.group_of, in, layout.groups());
  return layout;
}

std::vector<CodeRow> rows_of(const MpqOptions& options) {
  const int64_t in = options.linear.in_channels;
  return in < 1 || in > (INT64_C(1) << 24) ? std::vector<CodeRow>()
                                          : uniform_code_rows(in, options.format.bits);
}

std::string in_words(const MpqFormat& format) {
  std::string text = std::to_string(format.bits) + " bits in groups of " +
                     std::to_string(format.group_size);
  if (format.symmetric) {
    text += " with float zeros";
  } else {
    text += format.zero_format == ZeroFormat::kGptq ? " with gptq zero points"
                                                    : " with gptqV2 zero points";
  }
  if (format.double_group_size > 0) {
    text += ", scales quantized in blocks of " + std::to_string(format.double_group_size);
  }
  return text;
}

}  // namespace

MpqLinear::MpqLinear(const MpqOptions& options)
    : WeightOnlyLinear(options.linear, layout_of(options), rows_of(options)),
      format_(options.format) {}

GroupScales MpqLinear::scales_in_use(const GroupScales& learned) {
  GroupScales used = learned;
  if (!format_.symmetric) {
    const auto low = static_cast<float>(lowest_zero_point(format_.zero_format));
    const auto high = static_cast<float>(highest_zero_point(format_.zero_format, format_.bits));
    for (float& zero : used.zeros) zero = std::clamp(std::nearbyint(zero), low, high);
  }
  if (format_.double_group_size == 0) return used;
  const auto twice = [&](const std::vector<float>& values) {
    return double_quantize(values.data(), layout().groups(), out_channels(),
                           format_.double_group_size, double_bits(format_));
  };
  double_scales_ = twice(used.scales);
  used.scales = double_dequantize(double_scales_);
  if (!format_.symmetric) return used;
  double_zeros_ = twice(used.zeros);
  used.zeros = double_dequantize(double_zeros_);
  return used;
}

// The lowest and highest scale of a block lie on codes; one far below the others may fall onto a code that is many
// times what it was, and its weights with it.
void MpqLinear::check_prepared(const GroupScales& learned) {
  if (format_.double_group_size == 0) return;
  const GroupScales used = scales_in_use(learned);
  for (size_t i = 0; i < used.scales.size(); ++i) {
    const float before = learned.scales[i], after = used.scales[i];
    if (after <= 2 * before && before <= 2 * after) continue;
    throw Error("E-QUANTIZER-INVALID",
                "Double quantization would make " + std::to_string(after) + " of the scale " + std::to_string(before) +
                    " of output " + std::to_string(static_cast<int64_t>(i) % out_channels()) + ", group " +
                    std::to_string(static_cast<int64_t>(i) / out_channels()) + ": its block holds far larger ones.",
                "Use smaller blocks of outputs, or scales that are not quantized.");
  }
}

MpqWeight MpqLinear::quantized_weight(const CancelToken* cancel) {
  MpqWeight weight;
  weight.format = format_;
  weight.in = in_channels();
  weight.out = out_channels();
  weight.qweight = packed_words("optWeight", cancel);
  weight.g_idx = layout().group_of;
  const GroupScales& used = used_scales();
  if (!format_.symmetric) {
    const std::vector<int32_t> zero_points(used.zeros.begin(), used.zeros.end());
    weight.qzeros = pack_zero_points(zero_points.data(), layout().groups(), weight.out,
                                     format_.bits, format_.zero_format);
  }
  if (format_.double_group_size > 0) {
    weight.double_scales = double_scales_;
    if (format_.symmetric) weight.double_zeros = double_zeros_;
  } else {
    weight.scales = used.scales;
    if (format_.symmetric) weight.zeros = used.zeros;
  }
  return weight;
}

void MpqLinear::set_quantized_weight_data(const MpqWeight& weight) {
  const MpqFormat& theirs = weight.format;
  const bool zeros_fit = format_.symmetric || theirs.zero_format == format_.zero_format;
  if (theirs.bits != format_.bits || theirs.group_size != format_.group_size ||
      theirs.symmetric != format_.symmetric || !zeros_fit ||
      theirs.double_group_size != format_.double_group_size) {
    throw Error("E-QUANTIZER-INVALID",
                "The packed weight has " + in_words(theirs) + ", the layer " + in_words(format_) +
                    ".",
                "Create the layer with the format of the packed weight.");
  }
  if (weight.in != in_channels() || weight.out != out_channels()) {
    throw Error("E-WEIGHT-SHAPE",
                "The packed weight has " + std::to_string(weight.in) + " inputs and " +
                    std::to_string(weight.out) + " outputs, the layer " +
                    std::to_string(in_channels()) + " and " + std::to_string(out_channels()) + ".",
                "Load the packed weight of this layer.");
  }
  validate_mpq_weight(weight);
  double_scales_ = weight.double_scales;
  double_zeros_ = weight.double_zeros;
  load_packed(mpq_layout(format_, weight.in, weight.out, weight.g_idx), code_rows(),
              weight.qweight, mpq_scales(weight));
}

}  // namespace qat
