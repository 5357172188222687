// Forward and backward of the n-bit linear layer; the life cycle is in n_bit_layer.cc.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "nn/n_bit_layer.h"
#include "nn/oscillation.h"
#include "qat/kernels.h"
#include "quant/tiled_weight.h"

namespace qat {
void NBitLayer::current_scales() {
  if (refreshed_version_ == version_) return;
  if (rule_) rule_->refresh_scales(weight_.data(), scaled_version_ != weight_version_, &scales_);
  scaled_version_ = weight_version_;
  refreshed_version_ = version_;
}

const float* NBitLayer::quantized_weight() {
  if (is_float() || !quantizing_) return weight_.data();
  current_scales();
  if (float_version_ != version_) {
    grow(quantized_weight_, weight_count());
    rule_->quantize(weight_.data(), scales_, quantized_weight_.data());
    float_version_ = version_;
  }
  return quantized_weight_.data();
}

const TiledWeight* NBitLayer::training_tiles() {
  if (is_float() || !quantizing_ || !product_->takes_tiles()) return nullptr;
  if (activation_.is_float() || activation_.state().shift != 0) return nullptr;
  if (quantizer().grid == Grid::kUser || has_negative_scales(quantizer())) return nullptr;
  const int field_bits = w_bit() <= 4 ? 4 : 8;
  if (field_bits > kernels().quick_tile_bits) return nullptr;
  current_scales();
  if (tiled_version_ != version_) {
    if (!tiles_) tiles_ = std::make_unique<TiledWeight>(quantizer(), rows(), cols(), field_bits);
    grow(codes_, weight_count());
    quantize_codes(rounded_weight(), rows(), cols(), quantizer(), scales_, codes_.data());
    tiles_->set(codes_.data(), scales_);
    tiled_version_ = version_;
  }
  return tiles_.get();
}

const float* NBitLayer::shifted_input(const float* x, int64_t batch) {
  if (!input_shift_) return x;
  grow(shifted_input_, batch * input_size());
  input_shift_->forward(x, batch, shifted_input_.data());
  return shifted_input_.data();
}

const float* NBitLayer::quantized_input(const float* x, int64_t batch) {
  if (activation_.is_float() || !quantizing_) return x;
  grow(quantized_input_, batch * input_size());
  activation_.fake_quantize(x, quantized_input_.data(), batch, input_size());
  return quantized_input_.data();
}

void NBitLayer::reserve_batch(int64_t batch, bool for_backward) {
  if (!activation_.is_float()) grow(quantized_input_, batch * input_size());
  if (input_shift_) grow(shifted_input_, batch * input_size());
  if (!is_float()) grow(quantized_weight_, weight_count());
  product_->reserve(batch, for_backward);
  if (!for_backward) return;
  activation_.reserve(batch, input_size());
  grow(dweight_, weight_count());
  if (options_.bias) grow(dbias_, rows());
  grow(dinput_, batch * input_size());
  if (weight_scales_learned()) {
    grow(dscale_, scale_count());
    dscale_sums_.resize(static_cast<size_t>(scale_count()));
  }
  if (negative_scales_learned()) {
    grow(dnegative_, scale_count());
    dnegative_sums_.resize(static_cast<size_t>(scale_count()));
  }
  if (scale_parameter_count()) {
    grow(dparameters_, scale_parameter_count());
    dparameter_sums_.resize(static_cast<size_t>(scale_parameter_count()));
  }
}

void NBitLayer::forward_borrowed(const float* x, int64_t batch, float* y, bool for_backward) {
  if (!has_weight_) require_weight("forward");
  require_ready("forward");
  x = shifted_input(x, batch);
  if (const TiledWeight* tiles = training_tiles()) {
    product_->forward_tiled(x, batch, *tiles, activation_, bias(), y);
    if (for_backward) quantized_input(x, batch);
  } else {
    product_->forward(quantized_input(x, batch), batch, quantized_weight(), bias(), y);
  }
  last_input_ = for_backward ? x : nullptr;
  last_batch_ = batch;
  last_version_ = version_;
}

LayerGradients NBitLayer::backward_borrowed(const float* dy, float* dx) {
  if (!last_input_) {
    refuse("backward", "there was no training forward before it", "Call train() and forward first.");
  }
  if (last_version_ != version_) {
    refuse("backward", "weight or scales were written since the forward", "Call forward again.");
  }
  reserve_batch(last_batch_, true);
  LayerGradients gradients;
  gradients.dweight = dweight_.data();
  gradients.dbias = options_.bias ? dbias_.data() : nullptr;
  const bool float_input = activation_.is_float() || !quantizing_;
  const bool learns = rule_ && quantizing_;
  const float* xq = float_input ? last_input_ : quantized_input_.data();
  product_->weight_gradient(xq, dy, last_batch_, dweight_.data(), gradients.dbias);
  if (learns) {
    ScaleSums sums;
    if (weight_scales_learned()) sums.scale = dscale_sums_.data();
    if (negative_scales_learned()) sums.negative_scale = dnegative_sums_.data();
    if (scale_parameter_count()) sums.parameters = dparameter_sums_.data();
    rule_->backward(weight_.data(), scales_, dweight_.data(), sums);
    QuantParams params;
    if (dampening_ > 0 && rule_->level_params(scales_, &params)) {
      dampening_loss(weight_.data(), quantized_weight(), rows(), cols(), params, dampening_,
                     dweight_.data());
    }
  }
  if (learns && weight_scales_learned()) {
    apply_gradient_scale(dscale_sums_, dscale_);
    gradients.dscale_weight = dscale_.data();
    gradients.scale_count = scale_count();
  }
  if (learns && negative_scales_learned()) {
    apply_gradient_scale(dnegative_sums_, dnegative_);
    gradients.dnegative_scale_weight = dnegative_.data();
  }
  if (learns && scale_parameter_count()) {
    apply_gradient_scale(dparameter_sums_, dparameters_, rule_->further_parameters());
    gradients.dparameters_weight = dparameters_.data();
  }
  if (!dx && (float_input || activation_.learned().empty()) && !input_shift_) return gradients;
  float* dinput = dx ? dx : dinput_.data();
  product_->input_gradient(dy, quantized_weight(), last_batch_, dinput);
  if (!float_input) {
    activation_.backward(last_input_, dinput, dinput, last_batch_, input_size());
  }
  if (input_shift_) input_shift_->backward(dinput, last_batch_);
  return gradients;
}

// g = 1/√(N·qmax), N = elements that share the scale.
void NBitLayer::apply_gradient_scale(const std::vector<double>& sums,
                                     AlignedVector<float>& gradient, int64_t per_scale) const {
  const ScaleLayout& layout = rule_->layout();
  for (int64_t i = 0; i < layout.count() * per_scale; ++i) {
    const auto at = static_cast<size_t>(i);
    const auto elements = static_cast<double>(layout.elements_of(i / per_scale));
    gradient[at] = static_cast<float>(sums[at] / std::sqrt(elements * rule_->gradient_qmax()));
  }
}

void NBitLayer::weight_codes(uint8_t* codes) {
  const Scales current = scales();
  quantize_codes(rounded_weight(), rows(), cols(), quantizer(), current, codes);
}

bool NBitLayer::can_be_frozen() const {
  const Method method = options_.weight.method;
  const Grid grid = quantizer().grid;
  return rule_ && (method == Method::kLsq || method == Method::kSte) &&
         (grid == Grid::kSigned || grid == Grid::kNarrow || grid == Grid::kUnsigned ||
          grid == Grid::kBinary);
}

void NBitLayer::hold_frozen(const OscillationTracker& tracker) {
  const Scales current = scales();
  tracker.hold_frozen(mutable_weight(), rows(), cols(),
                      quant_params(quantizer(), rule_->layout(), current), is_binary());
}

std::optional<double> NBitLayer::clipped_input_share() {
  if (!last_input_ || !quantizing_ || activation_.is_float() || activation_.is_sign()) return {};
  const int64_t clipped = activation_.clipped(last_input_, last_batch_, input_size());
  return static_cast<double>(clipped) / static_cast<double>(last_batch_ * input_size());
}

void NBitLayer::forward_packed(const float* x, int64_t batch, float* y) {
  require_ready("forward");
  last_input_ = nullptr;
  if (is_float()) {
    forward_borrowed(x, batch, y, false);
    return;
  }
  packed_weight();
  // Every packed pass needs them, packing and export do not.
  const bool tileable = quantizer().grid != Grid::kUser && packed_.scales.negative_scales.empty();
  if (!packed_.tiles && tileable) packed_.tiles = std::make_shared<TiledWeight>(packed_);
  product_->forward_packed(shifted_input(x, batch), batch, packed_, activation_, bias(), y);
}

void NBitLayer::forward(const float* x, int64_t batch, float* y) {
  if (batch < 1) {
    throw Error("E-NATIVE-ARGUMENT", "forward: the batch is empty.",
                "Pass at least one sample.");
  }
  if (!training_) {
    forward_packed(x, batch, y);
    return;
  }
  require_ready("forward");
  grow(kept_input_, batch * input_size());
  std::memcpy(kept_input_.data(), x, static_cast<size_t>(batch * input_size()) * sizeof(float));
  forward_borrowed(kept_input_.data(), batch, y, true);
}

LayerGradients NBitLayer::backward(const float* dy, float* dx) {
  if (!training_) {
    refuse("backward", "the layer is in inference", "Call train() and forward first.");
  }
  return backward_borrowed(dy, dx);
}

}  // namespace qat
