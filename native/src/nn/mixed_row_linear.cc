#include "nn/mixed_row_linear.h"

#include <string>
#include <utility>

#include "qat/error.h"

namespace qat {

MixedRowLinear::MixedRowLinear(const MixedRowOptions& options)
    : WeightOnlyLinear(options.linear, {}, {}) {
  if (!options.channel_scale.empty()) {
    require_weight_values("channelScale", options.channel_scale.data(),
                          options.channel_scale.size(), static_cast<size_t>(in_channels()));
    input_scale() = options.channel_scale;
  }
  GroupLayout layout;
  layout.in = in_channels();
  layout.out = out_channels();
  std::vector<CodeRow> rows;
  if (!options.widths.empty()) {
    plan_ = plan_mixed_rows(in_channels(), options.group_size, options.widths);
    layout = mixed_layout(in_channels(), out_channels(), plan_);
    rows = mixed_code_rows(plan_);
  }
  set_layout(std::move(layout), std::move(rows));
}

MixedRowWeight MixedRowLinear::quantized_weight(const CancelToken* cancel) {
  MixedRowWeight weight;
  weight.in = in_channels();
  weight.out = out_channels();
  weight.qweight = packed_words("optWeight", cancel);
  weight.q_perm = plan_.q_perm;
  weight.q_groups = plan_.q_groups;
  weight.scales = used_scales().scales;
  weight.zeros = used_scales().zeros;
  weight.channel_scale = input_scale();
  return weight;
}

void MixedRowLinear::set_quantized_weight_data(const MixedRowWeight& weight) {
  if (weight.in != in_channels() || weight.out != out_channels()) {
    throw Error("E-WEIGHT-SHAPE",
                "The packed weight has " + std::to_string(weight.in) + " inputs and " +
                    std::to_string(weight.out) + " outputs, the layer " +
                    std::to_string(in_channels()) + " and " + std::to_string(out_channels()) + ".",
                "Load the packed weight of this layer.");
  }
  validate_mixed_row_weight(weight);
  plan_ = {weight.q_perm, weight.q_groups, weight.packed_rows()};
  input_scale() = weight.channel_scale;
  load_packed(mixed_layout(weight.in, weight.out, plan_), mixed_code_rows(plan_), weight.qweight,
              {weight.scales, weight.zeros});
}

}  // namespace qat
