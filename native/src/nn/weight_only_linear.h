// Linear layers with float activations and a weight of 1–8 bits in groups: the life cycle and the
// arithmetic that the uniform (MPQ) and the mixed-bit-row layer share.
//
// The state of training is a float weight w, nothing else: codes are derived from it, and the residual
// w − ŵ is what they do not show. Forward uses ŵ, the gradient passes straight through (Bengio et al.
// 2013, arXiv:1308.3432), the update goes to w. An update too small to move a code stays in w, down to
// w's last digit: s·2^(bits − 24) where |w| < 2^bits·s. Scales and zeros are learned as LSQ (Esser et al.
// 2020, arXiv:1902.08153, §2) and LSQ+ (Bhalgat et al. 2020, arXiv:2004.09576) do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/layer_life.h"
#include "nn/module.h"
#include "nn/types.h"
#include "quant/group_words.h"
#include "runtime/aligned.h"

namespace qat {

struct WeightOnlyOptions {
  int64_t in_channels = 0;
  int64_t out_channels = 0;
  bool bias = false;
  RangeEstimator range = RangeEstimator::kMse;  // or kAbsMax
  Method method = Method::kSte;                 // kLsq: scales and zeros are learned
};

// Gradients of the last backward. Borrowed, valid until the next one; the borrower may scale them.
struct WeightOnlyGradients {
  float* dweight = nullptr;  // [out, in], straight-through mask applied
  float* dbias = nullptr;    // [out]; null without bias
  float* dscales = nullptr;  // [groups, out], LSQ gradient scale applied; null where not learned
  float* dzeros = nullptr;   // the same
  int64_t scale_count = 0;   // groups·out, or 0
};

// What an optimizer adds to the parameters; null leaves one as it is.
struct WeightOnlyUpdate {
  const float* weight = nullptr;  // [out, in]
  const float* bias = nullptr;    // [out]
  const float* scales = nullptr;  // [groups, out]
  const float* zeros = nullptr;   // [groups, out]
};

class WeightOnlyLinear {
 public:
  virtual ~WeightOnlyLinear() = default;
  WeightOnlyLinear(const WeightOnlyLinear&) = delete;
  WeightOnlyLinear& operator=(const WeightOnlyLinear&) = delete;

  int64_t in_channels() const { return options_.in_channels; }
  int64_t out_channels() const { return options_.out_channels; }
  bool has_bias() const { return options_.bias; }
  bool scales_learned() const { return options_.method == Method::kLsq; }
  bool training() const { return life_.training(); }
  LayerState state() const { return life_.state(); }
  const GroupLayout& layout() const { return layout_; }
  int64_t native_bytes() const;

  // --- life cycle; an illegal transition throws E-LAYER-STATE naming state, call and remedy ------
  // Weight and bias Kaiming uniform with a = √5: U(−1/√in, 1/√in). → weight
  void reset_parameters(uint64_t seed);
  // count = out·in, else E-WEIGHT-SHAPE; NaN or infinity: E-WEIGHT-NOT-FINITE. → weight
  void set_weight_data(const float* weight, size_t count);
  void set_bias_data(const float* bias, size_t count);
  // Scales and zeros of a float weight by the range estimator. → prepared. A weight that came
  // packed brings its own: they are kept, so that a second call changes nothing.
  void prepare_params(const CancelToken* cancel = nullptr);
  // Packs the float weight under its scales. → quantized; with qweight_only the float weight is
  // given up and training mode left → packedOnly
  void generate_quantized_weight(bool qweight_only = false, const CancelToken* cancel = nullptr);
  // In use: zero points as integers, after double quantization.
  GroupScales scales();
  // In place of prepare_params. → prepared; a packedOnly layer keeps its codes under the new
  // scales.
  void set_scales(const GroupScales& scales);
  // A packedOnly layer gets its float weight back from the codes, the residual being 0. → quantized
  void train();
  void eval();

  // ŵ [out, in], from the packed weight in inference.
  std::vector<float> dequantized_weight();
  // w − ŵ [out, in]: the part of the float weight that the codes do not show. Zeros in packedOnly.
  std::vector<float> residual();

  // y [batch, out] = x·ŵᵀ + b, x [batch, in]. In training in float, keeping a copy of x for
  // backward(); in inference from the packed words.
  void forward(const float* x, int64_t batch, float* y);
  // Gradients for the last training forward(); dx [batch, in] may be null.
  WeightOnlyGradients backward(const float* dy, float* dx);

  // --- for networks: the same arithmetic on buffers that the caller keeps alive ------------------
  // x must stay unchanged until backward_borrowed().
  void forward_borrowed(const float* x, int64_t batch, float* y, bool for_backward);
  WeightOnlyGradients backward_borrowed(const float* dy, float* dx);
  void forward_packed(const float* x, int64_t batch, float* y);

  // Adds to the float parameters. A scale keeps its sign: one that would cross 0 is mirrored, its
  // magnitude kept within 1e−20 … 1e20. Throws E-TRAINING-DIVERGED, and changes nothing, where a
  // parameter would not be finite.
  void add_update(const WeightOnlyUpdate& update);

  // Parameters to write to; each call counts a version.
  float* mutable_weight();
  float* mutable_bias() { return bias_.empty() ? nullptr : bias_.data(); }
  float* mutable_scales();
  float* mutable_zeros();
  // Learned scales and zeros as an optimizer left them: zero points need not be whole numbers. Null:
  // keeps those it has (at first 1 and 0). E-WEIGHT-SHAPE | E-WEIGHT-NOT-FINITE. → prepared
  void set_learned_scales(const float* scales, const float* zeros, size_t count);
  // E-LAYER-STATE unless prepared. clipped_share: where the straight-through mask is 0.
  WeightFigures figures();
  // [out, in], of the float weight.
  void weight_codes(uint8_t* codes);
  // Empty before they are set.
  const GroupScales& learned_scales() const { return learned_; }
  // false: forward uses the float weight, and its gradient passes as it is.
  void set_quantizing(bool quantizing);
  bool quantizing() const { return quantizing_; }
  // E-LAYER-STATE for `call` where there is no float weight.
  void require_weight(const char* call) const { life_.require_weight(call); }
  const float* weight() const { return life_.has_weight() ? weight_.data() : nullptr; }
  const float* bias() const { return bias_.empty() ? nullptr : bias_.data(); }

 protected:
  // Throws E-NATIVE-ARGUMENT for sizes it cannot do. layout and rows have an entry per input.
  WeightOnlyLinear(const WeightOnlyOptions& options, GroupLayout layout, std::vector<CodeRow> rows);

  // What the learned float scales and zeros are computed with; itself unless a subclass rounds
  // them.
  virtual GroupScales scales_in_use(const GroupScales& learned) { return learned; }
  // Of scales that were estimated anew: throws where the format cannot hold them.
  virtual void check_prepared(const GroupScales& /*learned*/) {}

  // Takes a packed weight: gives the float one up and leaves training mode. → packedOnly
  void load_packed(GroupLayout layout, std::vector<CodeRow> rows, std::vector<int32_t> words,
                   GroupScales scales);
  // The words, made from the current float weight where there is one.
  const std::vector<int32_t>& packed_words(const char* call, const CancelToken* cancel = nullptr);
  const GroupScales& used_scales();
  const std::vector<CodeRow>& code_rows() const { return rows_; }
  LayerLife& life() { return life_; }
  // Multiplied to the inputs, [in]; empty: none.
  std::vector<float>& input_scale() { return input_scale_; }
  const std::vector<float>& input_scale() const { return input_scale_; }
  // For a layer without any weight yet.
  void set_layout(GroupLayout layout, std::vector<CodeRow> rows);

 private:
  void require_groups(const char* call) const;
  const float* quantized_weight();
  const float* scaled_input(const float* x, int64_t batch);
  void scale_gradients(WeightOnlyGradients* gradients);
  WordMatrix word_matrix(const CancelToken* cancel);

  WeightOnlyOptions options_;
  GroupLayout layout_;
  std::vector<CodeRow> rows_;
  LayerLife life_;
  bool quantizing_ = true;
  AlignedVector<float> weight_, bias_;
  std::vector<float> input_scale_;
  GroupScales learned_, used_;
  uint64_t scales_version_ = 1;   // counts writes of the scales and zeros
  uint64_t used_version_ = 0;     // version used_ was made from
  std::vector<int32_t> words_;
  AlignedVector<float> quantized_weight_;  // ŵ
  uint64_t float_version_ = 0;             // version it was made from
  AlignedVector<float> kept_input_, scaled_input_, dweight_, dbias_, dscales_, dzeros_;
  std::vector<double> dscale_sums_, dzero_sums_;
  const float* last_input_ = nullptr;  // of the last training forward; null: no backward possible
  int64_t last_batch_ = 0;
  uint64_t last_version_ = 0;
};

}  // namespace qat
