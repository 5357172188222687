// The life cycle: states, versions, parameters. The arithmetic is in n_bit_linear_forward.cc.
#include "nn/n_bit_linear_base.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "nn/binary_linear.h"
#include "nn/float_linear.h"
#include "nn/lsq_linear.h"
#include "qat/error.h"
#include "quant/range.h"
#include "quant/statistics.h"
#include "runtime/rng.h"

namespace qat {
namespace {

constexpr int64_t kMaxChannels = INT64_C(1) << 24;
constexpr int64_t kMaxWeights = INT64_C(1) << 32;

void require_argument(bool good, const std::string& message, const char* remedy) {
  if (!good) throw Error("E-NATIVE-ARGUMENT", message, remedy);
}

LinearOptions checked(const LinearOptions& options) {
  const int64_t in = options.in_channels;
  const int64_t out = options.out_channels;
  require_argument(in >= 1 && out >= 1 && in <= kMaxChannels && out <= kMaxChannels &&
                       in <= kMaxWeights / out,
                   "A linear layer of " + std::to_string(in) + " inputs and " +
                       std::to_string(out) + " outputs cannot be made.",
                   "Use 1 to 16777216 channels and at most 4294967296 weights.");
  require_argument(options.device == "cpu", "There is no device \"" + options.device + "\".",
                   "Use device \"cpu\".");
  require_argument(options.dtype == "float32", "There is no dtype \"" + options.dtype + "\".",
                   "Use dtype \"float32\".");
  if (options.weight.quantizer.bits != kFloatBits) validate(options.weight.quantizer);
  return options;
}

ScaleLayout layout_of(const LinearOptions& options) {
  if (options.weight.quantizer.bits != kFloatBits) {
    return scale_layout(options.weight.quantizer, options.out_channels, options.in_channels);
  }
  return {options.out_channels, options.in_channels, options.in_channels, 0};
}

void require_count(const char* what, size_t got, size_t expected) {
  if (got == expected) return;
  throw Error("E-WEIGHT-SHAPE",
              std::string(what) + " has " + std::to_string(got) + " values; the layer needs " +
                  std::to_string(expected) + ".",
              "Pass out × in weights in row-major order and one bias per output.");
}

void require_finite(const char* what, const float* values, size_t count) {
  const int64_t bad = find_not_finite(values, static_cast<int64_t>(count));
  if (bad < 0) return;
  throw Error("E-WEIGHT-NOT-FINITE",
              std::string(what) + " value " + std::to_string(bad) + " is NaN or infinite.",
              "Use a checkpoint without NaN or infinity.");
}

}  // namespace

const char* to_string(LinearKind kind) {
  switch (kind) {
    case LinearKind::kFloat: return "float";
    case LinearKind::kLsq: return "lsq";
    case LinearKind::kBinary: return "binary";
  }
  return "float";
}

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

std::unique_ptr<NBitLinearBase> make_linear(const LinearOptions& options) {
  switch (options.weight.quantizer.bits) {
    case 1: return std::make_unique<BinaryLinear>(options);
    case kFloatBits: return std::make_unique<FloatLinear>(options);
    default: return std::make_unique<LsqLinear>(options);
  }
}

NBitLinearBase::NBitLinearBase(const LinearOptions& options, LinearKind kind)
    : options_(checked(options)),
      kind_(kind),
      layout_(layout_of(options)),
      activation_(options.activation) {
  if (options.bias) bias_.assign(static_cast<size_t>(out_channels()), 0.0f);
}

LayerState NBitLinearBase::state() const {
  if (!has_weight_) return packed_version_ ? LayerState::kPackedOnly : LayerState::kCreated;
  if (!prepared_) return LayerState::kWeight;
  return packed_version_ == version_ ? LayerState::kQuantized : LayerState::kPrepared;
}

void NBitLinearBase::refuse(const char* call, const std::string& why, const char* remedy) const {
  throw Error("E-LAYER-STATE",
              std::string(call) + " is not possible in state \"" + to_string(state()) + "\"" +
                  (training_ ? " (training)" : " (inference)") + ": " + why + ".",
              remedy);
}

void NBitLinearBase::require_weight(const char* call) const {
  if (has_weight_) return;
  if (packed_version_) {
    refuse(call, "the float weight was given up for the packed one",
           "Load the float weight again with setWeightData, then prepareParams.");
  }
  refuse(call, "the layer has no weight yet", "Call resetParameters or setWeightData first.");
}

void NBitLinearBase::require_prepared(const char* call) const {
  require_weight(call);
  if (!prepared_) {
    refuse(call, "the scales are not set", "Call prepareParams (or setScales) first.");
  }
}

// Ready to compute: a weight (float or, in inference, packed) and every scale.
void NBitLinearBase::require_ready(const char* call) const {
  if (!(packed_version_ && !has_weight_ && !training_)) require_weight(call);
  if (has_weight_ && kind_ != LinearKind::kFloat) require_prepared(call);
  if (!activation_.ready()) {
    refuse(call, "the activation scale is not set",
           "Call prepareParams with calibration data, or setActivationScale.");
  }
}

void NBitLinearBase::drop_packed() {
  packed_version_ = 0;
  packed_ = QuantizedWeight();
}

void NBitLinearBase::reset_parameters(uint64_t seed) {
  Rng rng(seed);
  const auto bound = static_cast<float>(1.0 / std::sqrt(static_cast<double>(in_channels())));
  std::vector<float> values(static_cast<size_t>(in_channels() * out_channels()));
  for (float& value : values) value = rng.uniform(-bound, bound);
  set_weight_data(values.data(), values.size());
  for (float& value : bias_) value = rng.uniform(-bound, bound);
}

void NBitLinearBase::set_weight_data(const float* weight, size_t count) {
  require_count("The weight", count, static_cast<size_t>(in_channels() * out_channels()));
  require_finite("Weight", weight, count);
  weight_.assign(weight, weight + count);
  has_weight_ = true;
  prepared_ = false;
  last_input_ = nullptr;
  drop_packed();
  ++weight_version_;
  ++version_;
}

void NBitLinearBase::set_bias_data(const float* bias, size_t count) {
  if (!options_.bias) {
    throw Error("E-NATIVE-ARGUMENT", "setBiasData: the layer has no bias.",
                "Create the layer with bias: true.");
  }
  require_count("The bias", count, bias_.size());
  require_finite("Bias", bias, count);
  bias_.assign(bias, bias + count);
}

void NBitLinearBase::prepare_params(const float* calibration, int64_t batch,
                                    const CancelToken* cancel) {
  require_weight("prepareParams");
  if (kind_ != LinearKind::kFloat) {
    scales_ = estimate_scales(weight_.data(), out_channels(), in_channels(), quantizer(), cancel);
  }
  if (calibration) prepare_activation(calibration, batch, cancel);
  scaled_version_ = weight_version_;
  prepared_ = true;
  ++version_;
}

void NBitLinearBase::prepare_activation(const float* x, int64_t batch, const CancelToken* cancel) {
  if (batch < 1) {
    throw Error("E-NATIVE-ARGUMENT", "prepareParams: the calibration data are empty.",
                "Pass at least one sample of inChannels values.");
  }
  require_finite("Calibration", x, static_cast<size_t>(batch * in_channels()));
  activation_.estimate(x, batch * in_channels(), cancel);
}

const QuantizedWeight& NBitLinearBase::packed_weight(const CancelToken* cancel) {
  if (kind_ == LinearKind::kFloat) {
    refuse("generateQuantizedWeight", "32 bits mean a float weight",
           "Create the layer with 1 to 8 weight bits.");
  }
  if (!has_weight_ && packed_version_) return packed_;
  require_prepared("generateQuantizedWeight");
  current_scales();
  if (packed_version_ != version_) {
    packed_ = qat::quantize_weight(weight_.data(), out_channels(), in_channels(), quantizer(),
                                   scales_, cancel);
    packed_version_ = version_;
  }
  return packed_;
}

void NBitLinearBase::generate_quantized_weight(bool qweight_only, const CancelToken* cancel) {
  if (kind_ != LinearKind::kFloat) require_prepared("generateQuantizedWeight");
  packed_weight(cancel);
  if (!qweight_only) return;
  has_weight_ = prepared_ = training_ = false;
  last_input_ = nullptr;
  AlignedVector<float>().swap(weight_);
  AlignedVector<float>().swap(quantized_weight_);
  AlignedVector<float>().swap(dweight_);
  float_version_ = 0;
}

void NBitLinearBase::set_quantized_weight_data(const QuantizedWeight& weight) {
  if (kind_ == LinearKind::kFloat) {
    refuse("setQuantizedWeightData", "32 bits mean a float weight",
           "Create the layer with 1 to 8 weight bits.");
  }
  validate_quantized_weight(weight);
  const QuantizerConfig& mine = quantizer();
  const QuantizerConfig& theirs = weight.config;
  const bool group_fits =
      mine.granularity != Granularity::kGroup || mine.group_size == theirs.group_size;
  if (mine.bits != theirs.bits || mine.grid != theirs.grid ||
      mine.granularity != theirs.granularity || !group_fits) {
    throw Error("E-QUANTIZER-INVALID",
                "The packed weight has " + std::to_string(theirs.bits) +
                    " bits or another grid or granularity than the layer's " +
                    std::to_string(mine.bits) + " bits.",
                "Create the layer with the quantizer of the packed weight.");
  }
  if (weight.rows != out_channels() || weight.cols != in_channels()) {
    throw Error("E-WEIGHT-SHAPE",
                "The packed weight is " + std::to_string(weight.rows) + " × " +
                    std::to_string(weight.cols) + ", the layer " + std::to_string(out_channels()) +
                    " × " + std::to_string(in_channels()) + ".",
                "Load the packed weight of this layer.");
  }
  packed_ = weight;
  scales_ = weight.scales;
  has_weight_ = prepared_ = training_ = false;
  last_input_ = nullptr;
  AlignedVector<float>().swap(weight_);
  ++version_;
  packed_version_ = version_;
}

OptWeight NBitLinearBase::opt_weight() {
  OptWeight shown;
  if (training_ || kind_ == LinearKind::kFloat) {
    require_weight("optWeight");
    shown.weight = weight_.data();
  } else {
    if (has_weight_) require_prepared("optWeight");
    else if (!packed_version_) require_weight("optWeight");
    shown.packed = &packed_weight();
  }
  return shown;
}

Scales NBitLinearBase::scales() {
  if (!has_weight_ && packed_version_) return scales_;
  require_weight("scales");
  if (kind_ == LinearKind::kFloat) return {};
  require_prepared("scales");
  current_scales();
  return scales_;
}

void NBitLinearBase::set_scales(const Scales& scales) {
  const bool packed_only = state() == LayerState::kPackedOnly;
  if (!packed_only) require_weight("setScales");
  if (kind_ == LinearKind::kFloat) {
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
  validate_scales(quantizer(), layout_, given);
  scales_ = std::move(given);
  ++version_;
  if (packed_only) {
    packed_.scales = scales_;
    packed_version_ = version_;
    return;
  }
  scaled_version_ = weight_version_;
  prepared_ = true;
}

void NBitLinearBase::set_activation_scale(float scale) { activation_.set_scale(scale); }

void NBitLinearBase::train() {
  if (!has_weight_ && packed_version_) require_weight("train");
  training_ = true;
}

void NBitLinearBase::eval() {
  training_ = false;
  last_input_ = nullptr;
}

float* NBitLinearBase::mutable_weight() {
  require_weight("the update of the weight");
  ++weight_version_;
  ++version_;
  return weight_.data();
}

float* NBitLinearBase::mutable_bias() { return bias_.empty() ? nullptr : bias_.data(); }

float* NBitLinearBase::mutable_scales() {
  require_prepared("the update of the scales");
  scaled_version_ = weight_version_;
  ++version_;
  return scales_.scales.data();
}

const float* NBitLinearBase::weight() const { return has_weight_ ? weight_.data() : nullptr; }

const float* NBitLinearBase::bias() const { return bias_.empty() ? nullptr : bias_.data(); }

bool NBitLinearBase::weight_scales_learned() const {
  return kind_ != LinearKind::kFloat && options_.weight.method == Method::kLsq;
}

int64_t NBitLinearBase::native_bytes() const {
  const size_t floats = weight_.size() + bias_.size() + quantized_weight_.size() +
                        quantized_input_.size() + dweight_.size() + dbias_.size() +
                        dscale_.size() + dinput_.size() + kept_input_.size() +
                        2 * scales_.scales.size() + scales_.zero_points.size() +
                        2 * dscale_sums_.size();
  return static_cast<int64_t>(floats * sizeof(float) + packed_.packed.size());
}

}  // namespace qat
