// The life cycle: states, versions, parameters. The arithmetic is in n_bit_layer_forward.cc.
#include "nn/n_bit_layer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "nn/layer_limits.h"
#include "nn/linear_product.h"
#include "qat/error.h"
#include "quant/tiled_weight.h"
#include "runtime/rng.h"

namespace qat {
namespace {

const LayerOptions& checked(const LayerOptions& options) {
  const auto require = [](const char* name, const std::string& got, const char* known) {
    if (got == known) return;
    throw Error("E-NATIVE-ARGUMENT", std::string("There is no ") + name + " \"" + got + "\".",
                std::string("Use ") + name + " \"" + known + "\".");
  };
  require("device", options.device, "cpu");
  require("dtype", options.dtype, "float32");
  return options;
}

}  // namespace

const char* to_string(LayerState state) {
  switch (state) {
    case LayerState::kCreated: return "created";
    case LayerState::kWeight: return "weight";
    case LayerState::kPrepared: return "prepared";
    case LayerState::kQuantized: return "quantized";
    case LayerState::kPackedOnly: return "packedOnly";
  }
  return "created";
}

std::unique_ptr<NBitLayer> make_linear(const LinearOptions& options) {
  return std::make_unique<NBitLayer>(options, std::make_unique<LinearProduct>(options));
}

std::unique_ptr<NBitLayer> make_conv2d(const Conv2dOptions& options) {
  return std::make_unique<NBitLayer>(options, std::make_unique<Conv2dProduct>(options.shape));
}

NBitLayer::NBitLayer(const LayerOptions& options, std::unique_ptr<WeightProduct> product)
    : options_(checked(options)),
      product_(std::move(product)),
      rule_(make_weight_rule(options.weight, product_->rows(), product_->cols())),
      activation_(options.activation) {
  if (options.bias) bias_.assign(static_cast<size_t>(rows()), 0.0f);
  if (options.input_shift) {
    const int64_t channels = product_->input_channels();
    input_shift_ = std::make_unique<InputShift>(channels, input_size() / channels);
  }
}

NBitLayer::~NBitLayer() = default;

LayerState NBitLayer::state() const {
  if (!has_weight_) return packed_version_ ? LayerState::kPackedOnly : LayerState::kCreated;
  if (!prepared_) return LayerState::kWeight;
  return packed_version_ == version_ ? LayerState::kQuantized : LayerState::kPrepared;
}

void NBitLayer::refuse(const char* call, const std::string& why, const char* remedy) const {
  throw Error("E-LAYER-STATE",
              std::string(call) + " is not possible in state \"" + to_string(state()) + "\"" +
                  (training_ ? " (training)" : " (inference)") + ": " + why + ".",
              remedy);
}

void NBitLayer::require_weight(const char* call) const {
  if (has_weight_) return;
  if (packed_version_) {
    refuse(call, "the float weight was given up for the packed one",
           "Load the float weight again with setWeightData, then prepareParams.");
  }
  refuse(call, "the layer has no weight yet", "Call resetParameters or setWeightData first.");
}

void NBitLayer::require_prepared(const char* call) const {
  require_weight(call);
  if (!prepared_) {
    refuse(call, "the scales are not set", "Call prepareParams (or setScales) first.");
  }
}

// Ready to compute: a weight (float or, in inference, packed) and every scale.
void NBitLayer::require_ready(const char* call) const {
  if (!(packed_version_ && !has_weight_ && !training_)) require_weight(call);
  if (has_weight_ && !is_float()) require_prepared(call);
  if (!activation_.ready()) {
    refuse(call, "the activation scale is not set",
           "Call prepareParams with calibration data, or setActivationScale.");
  }
}

void NBitLayer::drop_packed() {
  packed_version_ = 0;
  packed_ = QuantizedWeight();
}

void NBitLayer::reset_parameters(uint64_t seed) {
  Rng rng(seed);
  const auto bound = static_cast<float>(1.0 / std::sqrt(static_cast<double>(cols())));
  std::vector<float> values(static_cast<size_t>(weight_count()));
  for (float& value : values) value = rng.uniform(-bound, bound);
  set_weight_data(values.data(), values.size());
  for (float& value : bias_) value = rng.uniform(-bound, bound);
}

void NBitLayer::set_weight_data(const float* weight, size_t count) {
  require_count("The weight", count, static_cast<size_t>(weight_count()));
  require_finite_values("Weight", weight, count);
  weight_.assign(weight, weight + count);
  has_weight_ = true;
  prepared_ = false;
  last_input_ = nullptr;
  drop_packed();
  ++weight_version_;
  ++version_;
}

void NBitLayer::set_bias_data(const float* bias, size_t count) {
  if (!options_.bias) {
    throw Error("E-NATIVE-ARGUMENT", "setBiasData: the layer has no bias.",
                "Create the layer with bias: true.");
  }
  require_count("The bias", count, bias_.size());
  require_finite_values("Bias", bias, count);
  bias_.assign(bias, bias + count);
}

void NBitLayer::prepare_params(const float* calibration, int64_t batch,
                                    const CancelToken* cancel) {
  require_weight("prepareParams");
  if (!is_float()) {
    scales_ = rule_->prepare(weight_.data(), cancel);
  }
  if (calibration) prepare_activation(calibration, batch, cancel);
  scaled_version_ = weight_version_;
  prepared_ = true;
  ++version_;
}

void NBitLayer::prepare_activation(const float* x, int64_t batch, const CancelToken* cancel) {
  if (batch < 1) {
    throw Error("E-NATIVE-ARGUMENT", "prepareParams: the calibration data are empty.",
                "Pass at least one sample.");
  }
  require_finite_values("Calibration", x, static_cast<size_t>(batch * input_size()));
  activation_.estimate(shifted_input(x, batch), batch * input_size(), cancel);
}

const QuantizedWeight& NBitLayer::packed_weight(const CancelToken* cancel) {
  if (is_float()) {
    refuse("generateQuantizedWeight", "32 bits mean a float weight",
           "Create the layer with 1 to 8 weight bits.");
  }
  if (!has_weight_ && packed_version_) return packed_;
  require_prepared("generateQuantizedWeight");
  current_scales();
  if (packed_version_ != version_) {
    packed_ = qat::quantize_weight(rule_->rounded_values(weight_.data()), rows(), cols(), quantizer(),
                                   scales_, cancel);
    keep_squares();
    packed_version_ = version_;
  }
  return packed_;
}

void NBitLayer::generate_quantized_weight(bool qweight_only, const CancelToken* cancel) {
  if (!is_float()) require_prepared("generateQuantizedWeight");
  packed_weight(cancel);
  if (!qweight_only) return;
  has_weight_ = prepared_ = training_ = false;
  last_input_ = nullptr;
  AlignedVector<float>().swap(weight_);
  AlignedVector<float>().swap(quantized_weight_);
  AlignedVector<float>().swap(dweight_);
  AlignedVector<uint8_t>().swap(codes_);
  tiles_.reset();
  float_version_ = tiled_version_ = 0;
}

void NBitLayer::set_quantized_weight_data(const QuantizedWeight& weight) {
  if (is_float()) {
    refuse("setQuantizedWeightData", "32 bits mean a float weight",
           "Create the layer with 1 to 8 weight bits.");
  }
  validate_quantized_weight(weight);
  const QuantizerConfig& mine = quantizer();
  const QuantizerConfig& theirs = weight.config;
  const bool group_fits =
      mine.granularity != Granularity::kGroup || mine.group_size == theirs.group_size;
  const bool another_user = theirs.user && mine.user != theirs.user;
  if (mine.bits != theirs.bits || mine.grid != theirs.grid ||
      mine.granularity != theirs.granularity || !group_fits || another_user) {
    throw Error("E-QUANTIZER-INVALID",
                "The packed weight has " + std::to_string(theirs.bits) +
                    " bits or another grid or granularity than the layer's " +
                    std::to_string(mine.bits) + " bits.",
                "Create the layer with the quantizer of the packed weight.");
  }
  if (weight.rows != rows() || weight.cols != cols()) {
    throw Error("E-WEIGHT-SHAPE",
                "The packed weight is " + std::to_string(weight.rows) + " × " +
                    std::to_string(weight.cols) + ", the layer " + std::to_string(rows()) + " × " +
                    std::to_string(cols()) + ".",
                "Load the packed weight of this layer.");
  }
  packed_ = weight;
  keep_squares();
  scales_ = weight.scales;
  has_weight_ = prepared_ = training_ = false;
  last_input_ = nullptr;
  AlignedVector<float>().swap(weight_);
  ++version_;
  packed_version_ = version_;
}

OptWeight NBitLayer::opt_weight() {
  OptWeight shown;
  if (training_ || is_float()) {
    require_weight("optWeight");
    shown.weight = weight_.data();
  } else {
    if (has_weight_) require_prepared("optWeight");
    else if (!packed_version_) require_weight("optWeight");
    shown.packed = &packed_weight();
  }
  return shown;
}

Scales NBitLayer::scales() {
  if (!has_weight_ && packed_version_) return scales_;
  require_weight("scales");
  if (is_float()) return {};
  require_prepared("scales");
  current_scales();
  return scales_;
}

void NBitLayer::set_scales(const Scales& scales) {
  const bool packed_only = state() == LayerState::kPackedOnly;
  if (!packed_only) require_weight("setScales");
  if (is_float()) {
    if (scales.scales.empty() && scales.zero_points.empty()) {
      prepared_ = true;
      return;
    }
    refuse("setScales", "a float weight has no scales", "Create the layer with 1 to 8 weight bits.");
  }
  Scales given = scales;
  if (quantizer().grid == Grid::kUnsigned && given.zero_points.empty()) {
    given.zero_points.assign(given.scales.size(), 0);
  }
  if (!packed_only) rule_->complete(weight_.data(), &given);
  validate_scales(quantizer(), rule_->layout(), given,
                  packed_only ? Thresholds::kOptional : Thresholds::kNeeded);
  scales_ = std::move(given);
  ++version_;
  if (packed_only) {
    packed_.scales = scales_;
    packed_.tiles.reset();  // made for other scales
    packed_version_ = version_;
    return;
  }
  scaled_version_ = weight_version_;
  prepared_ = true;
}

void NBitLayer::set_activation_state(const ActivationState& state) {
  activation_.set_state(state);
}

void NBitLayer::train() {
  if (!has_weight_ && packed_version_) restore_weight();
  training_ = true;
}

// The scales stay; only a rule that rounds other values than the weight, or thresholds that come out
// otherwise, can give other codes than those that were packed.
void NBitLayer::restore_weight() {
  AlignedVector<float> weight(static_cast<size_t>(weight_count()));
  dequantize_weight(packed_, weight.data());
  Scales scales = scales_;
  rule_->complete(weight.data(), &scales);
  std::vector<uint8_t> codes(weight.size());
  quantize_codes(rule_->rounded_values(weight.data()), rows(), cols(), quantizer(), scales,
                 codes.data());
  if (pack_codes(codes.data(), rows(), cols(), w_bit()) != packed_.packed) {
    refuse("train", "its method gives the dequantized weight other codes than the packed ones",
           "Load the float weight again with setWeightData, then prepareParams.");
  }
  weight_ = std::move(weight);
  scales_ = std::move(scales);
  has_weight_ = prepared_ = true;
  ++weight_version_;
  scaled_version_ = weight_version_;
  ++version_;
  refreshed_version_ = packed_version_ = version_;
}

void NBitLayer::eval() {
  training_ = false;
  last_input_ = nullptr;
}

float* NBitLayer::mutable_weight() {
  require_weight("the update of the weight");
  ++weight_version_;
  ++version_;
  return weight_.data();
}

float* NBitLayer::mutable_bias() { return bias_.empty() ? nullptr : bias_.data(); }

float* NBitLayer::mutable_scales() {
  require_prepared("the update of the scales");
  ++version_;
  return scales_.scales.data();
}

float* NBitLayer::mutable_negative_scales() {
  mutable_scales();
  return scales_.negative_scales.data();
}

float* NBitLayer::mutable_scale_parameters() {
  mutable_scales();
  return scales_.parameters.data();
}

const float* NBitLayer::weight() const { return has_weight_ ? weight_.data() : nullptr; }

const float* NBitLayer::bias() const { return bias_.empty() ? nullptr : bias_.data(); }

void NBitLayer::after_update() {
  if (rule_ && has_weight_) rule_->after_update(weight_.data(), &scales_);
  activation_.after_update();
}

void NBitLayer::set_quantizing(bool quantizing) {
  if (quantizing_ == quantizing) return;
  quantizing_ = quantizing;
  last_input_ = nullptr;
}

bool NBitLayer::weight_scales_learned() const { return rule_ && rule_->scales_learned(); }

ScaleLayout NBitLayer::scale_layout() const {
  return rule_ ? rule_->layout() : ScaleLayout{rows(), cols(), cols(), 0};
}

// Kept with the codes: every packed pass needs them.
void NBitLayer::keep_squares() {
  packed_.squares.clear();
  if (!packed_.scales.negative_scales.empty()) packed_.squares = ternary_squares(packed_.packed);
}

int64_t NBitLayer::native_bytes() const {
  const size_t floats = weight_.size() + bias_.size() + quantized_weight_.size() +
                        quantized_input_.size() + shifted_input_.size() + dweight_.size() + dbias_.size() +
                        dscale_.size() + dinput_.size() + kept_input_.size() +
                        2 * scales_.scales.size() + scales_.zero_points.size() +
                        scales_.parameters.size() + scales_.levels.size() +
                        2 * dscale_sums_.size();
  return static_cast<int64_t>(floats * sizeof(float) + packed_.packed.size() +
                              packed_.squares.size()) +
         (packed_.tiles ? packed_.tiles->native_bytes() : 0) +
         (tiles_ ? tiles_->native_bytes() : 0) + static_cast<int64_t>(codes_.size()) +
         product_->native_bytes() + activation_.native_bytes();
}

}  // namespace qat
