// The n-bit layer: a weight with its life cycle, put together from parts. Its WeightProduct says how
// the weight meets the input, its WeightRule how it is quantized in training, its ActivationQuantizer
// how the input is. States:
//   created → weight → prepared → quantized; packedOnly once the float weight was given up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nn/activation_quantizer.h"
#include "nn/conv2d_product.h"
#include "nn/input_shift.h"
#include "nn/types.h"
#include "nn/weight_product.h"
#include "nn/weight_rule.h"
#include "quant/packing.h"
#include "runtime/aligned.h"
#include "runtime/cancel.h"

namespace qat {

class OscillationTracker;

enum class LayerState { kCreated, kWeight, kPrepared, kQuantized, kPackedOnly };

const char* to_string(LayerState state);  // "created", "weight", "prepared", "quantized", "packedOnly"

// What opt_weight() shows: exactly one is set. Borrowed, valid until the layer's next non-const call.
struct OptWeight {
  const float* weight = nullptr;            // [rows, cols]: in training, and always for 32 bits
  const QuantizedWeight* packed = nullptr;  // in inference
};

// Gradients of the last backward. Borrowed, valid until the next one; the borrower may scale them.
struct LayerGradients {
  float* dweight = nullptr;        // [rows, cols], straight-through mask applied
  float* dbias = nullptr;          // [rows]; null without bias
  float* dscale_weight = nullptr;  // LSQ gradient scale applied
  float* dnegative_scale_weight = nullptr;  // ternary with two learned levels; else null
  float* dparameters_weight = nullptr;      // [scales, further parameters] of the user grid; else null
  int64_t scale_count = 0;         // 0 where weight scales are not learned
};

class NBitLayer {
 public:
  // Throws E-NATIVE-ARGUMENT | E-QUANTIZER-INVALID for bits, device or dtype it cannot do.
  NBitLayer(const LayerOptions& options, std::unique_ptr<WeightProduct> product);
  ~NBitLayer();
  NBitLayer(const NBitLayer&) = delete;
  NBitLayer& operator=(const NBitLayer&) = delete;

  const LayerOptions& options() const { return options_; }
  // Of the weight matrix: one row per output channel.
  int64_t rows() const { return product_->rows(); }
  int64_t cols() const { return product_->cols(); }
  int64_t weight_count() const { return rows() * cols(); }
  // Elements of one sample.
  int64_t input_size() const { return product_->input_size(); }
  int64_t output_size() const { return product_->output_size(); }
  int w_bit() const { return options_.weight.quantizer.bits; }
  int a_bit() const { return options_.activation.bits; }
  bool is_float() const { return !rule_; }
  // Only the signs of the weight count.
  bool is_binary() const { return rule_ && quantizer().grid == Grid::kBinary; }
  const char* kind() const { return rule_ ? rule_->name() : "float"; }  // of the weight
  bool training() const { return training_; }
  LayerState state() const;
  // Bytes held: parameters, scales, packed codes, gradients and work buffers.
  int64_t native_bytes() const;

  // --- life cycle; an illegal transition throws E-LAYER-STATE naming state, call and remedy --------
  // Weight and bias Kaiming uniform with a = √5: U(−1/√cols, 1/√cols). → weight
  void reset_parameters(uint64_t seed);
  // count = rows·cols, else E-WEIGHT-SHAPE; NaN or infinity: E-WEIGHT-NOT-FINITE. → weight
  void set_weight_data(const float* weight, size_t count);
  void set_bias_data(const float* bias, size_t count);
  // Weight scales by the range estimator and, when calibration [batch, input_size] is given, the activation
  // scale. From weight, prepared, quantized. → prepared
  void prepare_params(const float* calibration = nullptr, int64_t batch = 0,
                      const CancelToken* cancel = nullptr);
  // Packs the float weight under its scales. → quantized; with qweight_only the float weight is given
  // up and training mode left → packedOnly
  void generate_quantized_weight(bool qweight_only = false, const CancelToken* cancel = nullptr);
  // Takes a packed weight of this layer's bits, grid and shape; gives the float weight up and leaves
  // training mode. → packedOnly
  void set_quantized_weight_data(const QuantizedWeight& weight);
  // Packs lazily in inference. Never stale: every write of weight or scales counts a version.
  OptWeight opt_weight();
  Scales scales();
  // Scales from elsewhere (a checkpoint, a file) in place of prepare_params. → prepared; a packedOnly
  // layer keeps its codes under the new scales.
  void set_scales(const Scales& scales);
  // 0 when it was not set yet.
  float activation_scale() const { return activation_.scale(); }
  const ActivationState& activation_state() const { return activation_.state(); }
  // Float activations, or a scale is set.
  bool activation_ready() const { return activation_.ready(); }
  void set_activation_scale(float scale) { set_activation_state({scale}); }
  void set_activation_state(const ActivationState& state);
  // Scale of the activations alone, from x [batch, input_size].
  void prepare_activation(const float* x, int64_t batch, const CancelToken* cancel = nullptr);
  // A packedOnly layer gets a float weight back: exactly the dequantized one, under the scales it has.
  // → quantized. E-LAYER-STATE where the method gives that weight other codes (DoReFa, IR-Net).
  void train();
  void eval();

  // y [batch, output_size] = x̂ ∗ ŵ + b, x [batch, input_size]. In training by integer codes
  // where both sides have them and that is faster, else in fake-quantized floats; a copy of x is kept for
  // backward(). In inference by packed arithmetic.
  void forward(const float* x, int64_t batch, float* y);
  // Gradients for the last training forward(); dx [batch, input_size] may be null.
  LayerGradients backward(const float* dy, float* dx);

  // --- for networks: the same arithmetic on buffers that the caller keeps alive --------------------
  // x must stay unchanged until backward_borrowed(). No allocation once a batch of this size was seen.
  void forward_borrowed(const float* x, int64_t batch, float* y, bool for_backward);
  LayerGradients backward_borrowed(const float* dy, float* dx);
  void forward_packed(const float* x, int64_t batch, float* y);
  void reserve_batch(int64_t batch, bool for_backward);

  // Parameters to write to; each call counts a version. The writer keeps scales positive.
  float* mutable_weight();
  float* mutable_bias();
  float* mutable_scales();
  float* mutable_negative_scales();
  float* mutable_scale_parameters();
  // What is learned of the activations, with the gradients of the last backward.
  ActivationQuantizer& activation() { return activation_; }
  const ActivationQuantizer& activation() const { return activation_; }
  // Null without one.
  InputShift* input_shift() { return input_shift_.get(); }
  const InputShift* input_shift() const { return input_shift_.get(); }
  // An optimizer has written what it updates.
  void after_update();
  const float* scale_values() const { return scales_.scales.data(); }
  const float* negative_scale_values() const { return scales_.negative_scales.data(); }
  const float* scale_parameter_values() const { return scales_.parameters.data(); }
  // Null in created and packedOnly; null without bias; null for the float layer.
  const float* weight() const;
  const float* bias() const;
  ScaleLayout scale_layout() const;
  int64_t scale_count() const { return rule_ ? rule_->layout().count() : 0; }
  bool weight_scales_learned() const;
  bool negative_scales_learned() const { return rule_ && rule_->negative_scales_learned(); }
  // Of all scales together: those that the user grid has behind each scale.
  int64_t scale_parameter_count() const {
    return rule_ ? scale_count() * rule_->further_parameters() : 0;
  }
  // False: weight and input are used as they are, as if both had 32 bits (a float start of training).
  void set_quantizing(bool quantizing);
  bool quantizing() const { return quantizing_; }
  // Strength of the pull to the levels that backward() adds to the weight's gradient; affine grids only.
  void set_dampening(double strength) { dampening_ = strength; }
  // The values [rows, cols] that are rounded: the weight, unless the method changes it first. Not for
  // float weights. Borrowed, valid until the layer's next non-const call.
  const float* rounded_weight() { return rule_->rounded_values(weight_.data()); }
  // Codes [rows, cols] of the current weight, minus qmin. Not for float weights.
  void weight_codes(uint8_t* codes);
  // A weight put on a level stays on it: the nearest level of an affine or binary grid is that of w.
  bool can_be_frozen() const;
  // Writes the weights that the tracker holds.
  void hold_frozen(const OscillationTracker& tracker);
  // Share of the last training forward's inputs whose rounded code is outside the grid; none for float
  // inputs, for signs and without such a forward.
  std::optional<double> clipped_input_share();
  // Where a training stands, for gradients that change with it.
  void set_progress(double progress) {
    if (rule_) rule_->set_progress(progress);
  }
  // The packed weight, made from the current float weight when there is one.
  const QuantizedWeight& packed_weight(const CancelToken* cancel = nullptr);

 private:
  const QuantizerConfig& quantizer() const { return options_.weight.quantizer; }
  [[noreturn]] void refuse(const char* call, const std::string& why, const char* remedy) const;
  void require_weight(const char* call) const;
  void require_prepared(const char* call) const;
  void require_ready(const char* call) const;
  void keep_squares();
  void current_scales();
  const float* quantized_weight();
  // The current weight for products of codes; null where the float product must do, or is faster.
  const TiledWeight* training_tiles();
  const float* shifted_input(const float* x, int64_t batch);
  const float* quantized_input(const float* x, int64_t batch);
  void apply_gradient_scale(const std::vector<double>& sums, AlignedVector<float>& gradient,
                            int64_t per_scale = 1) const;
  void drop_packed();
  void restore_weight();

  LayerOptions options_;
  std::unique_ptr<WeightProduct> product_;
  std::unique_ptr<WeightRule> rule_;  // null: float weights
  ActivationQuantizer activation_;
  std::unique_ptr<InputShift> input_shift_;  // null: none
  bool training_ = true;
  bool quantizing_ = true;
  double dampening_ = 0;
  bool has_weight_ = false;
  bool prepared_ = false;
  AlignedVector<float> weight_;
  AlignedVector<float> bias_;
  Scales scales_;
  uint64_t weight_version_ = 1;  // counts writes of the weight
  uint64_t scaled_version_ = 0;  // weight version the scales were set for
  uint64_t version_ = 1;         // counts writes of weight or scales
  uint64_t refreshed_version_ = 0;  // version the rule has seen
  uint64_t packed_version_ = 0;  // version packed_ was made from; 0: none
  uint64_t float_version_ = 0;   // version quantized_weight_ was made from
  QuantizedWeight packed_;
  AlignedVector<float> quantized_weight_;  // ŵ
  std::unique_ptr<TiledWeight> tiles_;     // of the training forward; null: not used yet
  uint64_t tiled_version_ = 0;             // version tiles_ was set for
  AlignedVector<uint8_t> codes_;           // [rows, cols] minus qmin, on their way into tiles_
  AlignedVector<float> shifted_input_;     // x + input shift
  AlignedVector<float> quantized_input_;   // x̂
  AlignedVector<float> dweight_, dbias_, dscale_, dnegative_, dparameters_, dinput_;
  std::vector<double> dscale_sums_, dnegative_sums_, dparameter_sums_;
  AlignedVector<float> kept_input_;
  const float* last_input_ = nullptr;  // of the last training forward; null: no backward possible
  int64_t last_batch_ = 0;
  uint64_t last_version_ = 0;
};

// y = x·wᵀ + b.
std::unique_ptr<NBitLayer> make_linear(const LinearOptions& options);
// The convolution of conv2d_product.h.
std::unique_ptr<NBitLayer> make_conv2d(const Conv2dOptions& options);

}  // namespace qat
