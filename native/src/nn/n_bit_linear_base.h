// The n-bit linear layer's life cycle, shared by the float, LSQ and binary subclasses:
//   created → weight → prepared → quantized; packedOnly once the float weight was given up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nn/activation_quantizer.h"
#include "nn/types.h"
#include "quant/packing.h"
#include "runtime/aligned.h"
#include "runtime/cancel.h"

namespace qat {

enum class LinearKind { kFloat, kLsq, kBinary };
enum class LayerState { kCreated, kWeight, kPrepared, kQuantized, kPackedOnly };

const char* to_string(LinearKind kind);   // "float", "lsq", "binary"
const char* to_string(LayerState state);  // "created", "weight", "prepared", "quantized", "packedOnly"

// What opt_weight() shows: exactly one is set. Borrowed, valid until the layer's next non-const call.
struct OptWeight {
  const float* weight = nullptr;            // [out, in]: in training, and always for 32 bits
  const QuantizedWeight* packed = nullptr;  // in inference
};

// Gradients of the last backward. Borrowed, valid until the next one; the borrower may scale them.
struct LinearGradients {
  float* dweight = nullptr;        // [out, in], straight-through mask applied
  float* dbias = nullptr;          // [out]; null without bias
  float* dscale_weight = nullptr;  // LSQ gradient scale applied
  int64_t scale_count = 0;         // 0 where weight scales are not learned
  float* dscale_activation = nullptr;  // one value; null where it is not learned
};

class NBitLinearBase {
 public:
  virtual ~NBitLinearBase() = default;
  NBitLinearBase(const NBitLinearBase&) = delete;
  NBitLinearBase& operator=(const NBitLinearBase&) = delete;

  const LinearOptions& options() const { return options_; }
  int64_t in_channels() const { return options_.in_channels; }
  int64_t out_channels() const { return options_.out_channels; }
  int w_bit() const { return options_.weight.quantizer.bits; }
  int a_bit() const { return options_.activation.bits; }
  LinearKind kind() const { return kind_; }
  bool training() const { return training_; }
  LayerState state() const;
  // Bytes held: parameters, scales, packed codes, gradients and work buffers.
  int64_t native_bytes() const;

  // --- life cycle; an illegal transition throws E-LAYER-STATE naming state, call and remedy --------
  // Weight and bias Kaiming uniform with a = √5: U(−1/√in, 1/√in). → weight
  void reset_parameters(uint64_t seed);
  // count = out·in, else E-WEIGHT-SHAPE; NaN or infinity: E-WEIGHT-NOT-FINITE. → weight
  void set_weight_data(const float* weight, size_t count);
  void set_bias_data(const float* bias, size_t count);
  // Weight scales by the range estimator and, when calibration [batch, in] is given, the activation
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
  // Float activations, or a scale is set.
  bool activation_ready() const { return activation_.ready(); }
  void set_activation_scale(float scale);
  // Scale of the activations alone, from x [batch, in].
  void prepare_activation(const float* x, int64_t batch, const CancelToken* cancel = nullptr);
  void train();
  void eval();

  // y [batch, out] = x̂·ŵᵀ + b, x [batch, in]. In training by fake-quantized float arithmetic,
  // keeping a copy of x for backward(); in inference by packed arithmetic.
  void forward(const float* x, int64_t batch, float* y);
  // Gradients for the last training forward(); dx [batch, in] may be null.
  LinearGradients backward(const float* dy, float* dx);

  // --- for networks: the same arithmetic on buffers that the caller keeps alive --------------------
  // x must stay unchanged until backward_borrowed(). No allocation once a batch of this size was seen.
  void forward_borrowed(const float* x, int64_t batch, float* y, bool for_backward);
  LinearGradients backward_borrowed(const float* dy, float* dx);
  void forward_packed(const float* x, int64_t batch, float* y);
  void reserve_batch(int64_t batch, bool for_backward);

  // Parameters to write to; each call counts a version. The writer keeps scales positive.
  float* mutable_weight();
  float* mutable_bias();
  float* mutable_scales();
  float* mutable_activation_scale() { return activation_.mutable_scale(); }
  // Null in created and packedOnly; null without bias; null for the float layer.
  const float* weight() const;
  const float* bias() const;
  const ScaleLayout& scale_layout() const { return layout_; }
  int64_t scale_count() const { return kind_ == LinearKind::kFloat ? 0 : layout_.count(); }
  bool weight_scales_learned() const;
  bool activation_scale_learned() const { return activation_.learned(); }
  // The packed weight, made from the current float weight when there is one.
  const QuantizedWeight& packed_weight(const CancelToken* cancel = nullptr);

 protected:
  // Throws E-NATIVE-ARGUMENT | E-QUANTIZER-INVALID for sizes, bits, device or dtype it cannot do.
  NBitLinearBase(const LinearOptions& options, LinearKind kind);

  // Called when the float weight was written since the scales were last set (binary STE: α = mean|w|).
  virtual void refresh_scales() {}
  // ŵ [out, in] from the weight under the scales.
  virtual void quantize_weight_float(float* quantized) const = 0;
  // In place dŵ → dw. Fills dscale (one per scale, sums without gradient scale) unless null.
  virtual void weight_backward(float* dweight, double* dscale) = 0;
  // qmax of the LSQ gradient scale 1/√(N·qmax).
  virtual double gradient_qmax() const = 0;

  const QuantizerConfig& quantizer() const { return options_.weight.quantizer; }
  const float* weight_data() const { return weight_.data(); }
  Scales& scales_data() { return scales_; }
  // Kernel parameters of the rows from `first_row` on.
  QuantParams row_params(int64_t first_row) const;

 private:
  [[noreturn]] void refuse(const char* call, const std::string& why, const char* remedy) const;
  void require_weight(const char* call) const;
  void require_prepared(const char* call) const;
  void require_ready(const char* call) const;
  void current_scales();
  const float* quantized_weight();
  const float* quantized_input(const float* x, int64_t batch);
  void apply_gradient_scale();
  void drop_packed();

  LinearOptions options_;
  LinearKind kind_;
  ScaleLayout layout_;
  ActivationQuantizer activation_;
  bool training_ = true;
  bool has_weight_ = false;
  bool prepared_ = false;
  AlignedVector<float> weight_;
  AlignedVector<float> bias_;
  Scales scales_;
  uint64_t weight_version_ = 1;  // counts writes of the weight
  uint64_t scaled_version_ = 0;  // weight version the scales were set for
  uint64_t version_ = 1;         // counts writes of weight or scales
  uint64_t packed_version_ = 0;  // version packed_ was made from; 0: none
  uint64_t float_version_ = 0;   // version quantized_weight_ was made from
  QuantizedWeight packed_;
  AlignedVector<float> quantized_weight_;  // ŵ
  AlignedVector<float> quantized_input_;   // x̂
  AlignedVector<float> dweight_, dbias_, dscale_, dinput_;
  std::vector<double> dscale_sums_;
  float dscale_activation_ = 0;
  AlignedVector<float> kept_input_;
  const float* last_input_ = nullptr;  // of the last training forward; null: no backward possible
  int64_t last_batch_ = 0;
  uint64_t last_version_ = 0;
};

// wBit 1 makes the binary layer, 2–8 the LSQ layer, 32 the float layer.
std::unique_ptr<NBitLinearBase> make_linear(const LinearOptions& options);

}  // namespace qat
