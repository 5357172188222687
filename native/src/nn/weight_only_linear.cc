// The life cycle: states, versions, parameters. The arithmetic is in weight_only_linear_forward.cc.
#include "nn/weight_only_linear.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "nn/layer_limits.h"
#include "nn/parameter_update.h"
#include "qat/error.h"
#include "runtime/rng.h"

namespace qat {
namespace {

const WeightOnlyOptions& checked(const WeightOnlyOptions& options) {
  require_weight_shape("linear", options.in_channels, options.out_channels, options.in_channels);
  return options;
}

void add(float* values, const float* added, int64_t count) {
  if (!added) return;
  for (int64_t i = 0; i < count; ++i) values[i] += added[i];
}

}  // namespace

WeightOnlyLinear::WeightOnlyLinear(const WeightOnlyOptions& options, GroupLayout layout,
                                   std::vector<CodeRow> rows)
    : options_(checked(options)), layout_(std::move(layout)), rows_(std::move(rows)) {
  if (options.bias) bias_.assign(static_cast<size_t>(out_channels()), 0.0f);
}

void WeightOnlyLinear::set_layout(GroupLayout layout, std::vector<CodeRow> rows) {
  layout_ = std::move(layout);
  rows_ = std::move(rows);
}

void WeightOnlyLinear::reset_parameters(uint64_t seed) {
  Rng rng(seed);
  const auto bound = static_cast<float>(1.0 / std::sqrt(static_cast<double>(in_channels())));
  std::vector<float> values(static_cast<size_t>(in_channels() * out_channels()));
  for (float& value : values) value = rng.uniform(-bound, bound);
  set_weight_data(values.data(), values.size());
  for (float& value : bias_) value = rng.uniform(-bound, bound);
}

void WeightOnlyLinear::set_weight_data(const float* weight, size_t count) {
  require_weight_values("The weight", weight, count,
                        static_cast<size_t>(in_channels() * out_channels()));
  weight_.assign(weight, weight + count);
  std::vector<int32_t>().swap(words_);
  last_input_ = nullptr;
  life_.weight_set();
}

void WeightOnlyLinear::set_bias_data(const float* bias, size_t count) {
  if (!options_.bias) {
    throw Error("E-NATIVE-ARGUMENT", "setBiasData: the layer has no bias.",
                "Create the layer with bias: true.");
  }
  require_weight_values("The bias", bias, count, bias_.size());
  bias_.assign(bias, bias + count);
}

void WeightOnlyLinear::prepare_params(const CancelToken* cancel) {
  if (life_.keeps_scales()) return;
  life_.require_weight("prepareParams");
  require_groups("prepareParams");
  GroupScales estimated = estimate_group_scales(weight_.data(), layout_, options_.range, cancel);
  check_prepared(estimated);
  learned_ = std::move(estimated);
  ++scales_version_;
  life_.scales_set();
}

void WeightOnlyLinear::require_groups(const char* call) const {
  if (layout_.groups() > 0) return;
  life_.refuse(call, "the widths of the input groups are not known",
               "Create the layer with widths, or load a packed weight.");
}

const GroupScales& WeightOnlyLinear::used_scales() {
  if (used_version_ != scales_version_) {
    used_ = scales_in_use(learned_);
    used_version_ = scales_version_;
  }
  return used_;
}

const std::vector<int32_t>& WeightOnlyLinear::packed_words(const char* call,
                                                           const CancelToken* cancel) {
  if (life_.packed_only()) return words_;
  life_.require_prepared(call);
  if (!life_.packed_is_current()) {
    words_ = quantize_words(weight_.data(), rows_, layout_, used_scales(), cancel);
    life_.packed_made();
  }
  return words_;
}

void WeightOnlyLinear::generate_quantized_weight(bool qweight_only, const CancelToken* cancel) {
  life_.require_prepared("generateQuantizedWeight");
  packed_words("generateQuantizedWeight", cancel);
  if (!qweight_only) return;
  life_.weight_given_up();
  last_input_ = nullptr;
  AlignedVector<float>().swap(weight_);
  AlignedVector<float>().swap(quantized_weight_);
  AlignedVector<float>().swap(dweight_);
  float_version_ = 0;
}

void WeightOnlyLinear::load_packed(GroupLayout layout, std::vector<CodeRow> rows,
                                   std::vector<int32_t> words, GroupScales scales) {
  set_layout(std::move(layout), std::move(rows));
  words_ = std::move(words);
  learned_ = scales;
  used_ = std::move(scales);
  used_version_ = ++scales_version_;
  last_input_ = nullptr;
  AlignedVector<float>().swap(weight_);
  AlignedVector<float>().swap(quantized_weight_);
  float_version_ = 0;
  life_.packed_loaded();
}

GroupScales WeightOnlyLinear::scales() {
  if (!life_.packed_only()) life_.require_prepared("scales");
  return used_scales();
}

void WeightOnlyLinear::set_scales(const GroupScales& scales) {
  if (!life_.packed_only()) life_.require_weight("setScales");
  require_groups("setScales");
  validate_group_scales(layout_, scales);
  learned_ = scales;
  ++scales_version_;
  life_.scales_set();
}

void WeightOnlyLinear::set_learned_scales(const float* scales, const float* zeros, size_t count) {
  life_.require_weight("setScales");
  require_groups("setScales");
  const auto expected = static_cast<size_t>(layout_.scale_count());
  if (scales) require_weight_values("Scales", scales, count, expected);
  if (zeros) require_weight_values("Zeros", zeros, count, expected);
  learned_.scales.resize(expected, 1.0f);
  learned_.zeros.resize(expected, 0.0f);
  if (scales) learned_.scales.assign(scales, scales + count);
  if (zeros) learned_.zeros.assign(zeros, zeros + count);
  ++scales_version_;
  life_.scales_set();
}

void WeightOnlyLinear::set_quantizing(bool quantizing) {
  if (quantizing_ == quantizing) return;
  quantizing_ = quantizing;
  last_input_ = nullptr;
}

void WeightOnlyLinear::train() {
  if (life_.packed_only()) {
    AlignedVector<float> weight(static_cast<size_t>(in_channels() * out_channels()));
    dequantize_words({words_.data(), rows_, layout_, used_scales()}, weight.data());
    weight_ = std::move(weight);
    life_.weight_restored();
  }
  life_.train();
}

void WeightOnlyLinear::eval() {
  life_.eval();
  last_input_ = nullptr;
}

std::vector<float> WeightOnlyLinear::residual() {
  const auto count = static_cast<size_t>(in_channels() * out_channels());
  if (life_.packed_only()) return std::vector<float>(count);
  life_.require_prepared("residual");
  std::vector<float> values(weight_.begin(), weight_.end());
  const float* quantized = quantized_weight();
  for (size_t i = 0; i < count; ++i) values[i] -= quantized[i];
  return values;
}

void WeightOnlyLinear::add_update(const WeightOnlyUpdate& update) {
  life_.require_prepared("update");
  const int64_t weights = in_channels() * out_channels();
  const auto biases = static_cast<int64_t>(bias_.size());
  if (update.bias && biases == 0) {
    throw Error("E-NATIVE-ARGUMENT", "update: the layer has no bias.",
                "Create the layer with bias: true.");
  }
  require_finite_update("weight", weight_.data(), update.weight, weights);
  require_finite_update("bias", bias_.data(), update.bias, biases);
  require_finite_update("scale", learned_.scales.data(), update.scales, layout_.scale_count());
  require_finite_update("zero", learned_.zeros.data(), update.zeros, layout_.scale_count());
  add(bias_.data(), update.bias, biases);
  if (update.weight) add(mutable_weight(), update.weight, weights);
  if (update.zeros) add(mutable_zeros(), update.zeros, layout_.scale_count());
  if (!update.scales) return;
  float* scales = mutable_scales();
  for (int64_t i = 0; i < layout_.scale_count(); ++i) {
    scales[i] = updated_scale(scales[i], update.scales[i]);
  }
}

float* WeightOnlyLinear::mutable_weight() {
  life_.require_weight("the update of the weight");
  life_.parameters_written();
  return weight_.data();
}

float* WeightOnlyLinear::mutable_scales() {
  life_.require_prepared("the update of the scales");
  life_.parameters_written();
  ++scales_version_;
  return learned_.scales.data();
}

float* WeightOnlyLinear::mutable_zeros() {
  mutable_scales();
  return learned_.zeros.data();
}

int64_t WeightOnlyLinear::native_bytes() const {
  const size_t floats = weight_.size() + bias_.size() + input_scale_.size() +
                        quantized_weight_.size() + kept_input_.size() + scaled_input_.size() +
                        dweight_.size() + dbias_.size() + dscales_.size() + dzeros_.size() +
                        2 * (learned_.scales.size() + used_.scales.size()) + words_.size() +
                        2 * (dscale_sums_.size() + dzero_sums_.size()) + layout_.group_of.size();
  return static_cast<int64_t>(floats * sizeof(float) + rows_.size() * sizeof(CodeRow));
}

}  // namespace qat
