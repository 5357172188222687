// Scaled dot-product attention (Vaswani et al. 2017): softmax(Q·Kᵀ/√d)·V, with a quantizer on each of
// the four operands of its two products.
#pragma once

#include <cstdint>

#include "nn/quantized_matmul.h"
#include "runtime/aligned.h"

namespace qat {

struct AttentionShape {
  int64_t heads = 0;    // of one sample
  int64_t queries = 0;  // tokens that ask
  int64_t keys = 0;     // tokens that answer
  int64_t depth = 0;    // d of a head
  bool causal = false;  // query i sees the keys 0…i; as many queries as keys
  bool key_mask = false;  // forward() takes one
};

// One quantizer per operand, float unless told. Probabilities lie in [0, 1]: an unsigned grid.
struct AttentionQuantizers {
  ActivationOptions queries = float_operand(), keys = float_operand();
  ActivationOptions probabilities = float_operand(false), values = float_operand();
};

// Y = softmax(Q·Kᵀ/√d + M)·V (Vaswani et al. 2017), M being −∞ where a query does not see a key, else
// 0. q, y [samples, heads, queries, depth]; k, v [samples, heads, keys, depth]; key_mask [samples, keys]:
// keys of 0 are seen by no query, null where the shape has none. The probability of an unseen key is
// exactly 0; a query that sees no key has output 0 and passes no gradient.
class Attention {
 public:
  // Throws E-NATIVE-ARGUMENT unless every extent is positive and one sample's scores fit memory's
  // bounds and causal attention has as many queries as keys, E-QUANTIZER-INVALID for quantizers that
  // cannot be, among them signed probabilities and, with a mask, LSQ+ ones, whose codes have no 0.
  explicit Attention(const AttentionShape& shape, const AttentionQuantizers& quantizers = {});

  ActivationQuantizer& queries() { return scores_.a(); }
  ActivationQuantizer& keys() { return scores_.b(); }
  ActivationQuantizer& probabilities() { return mixture_.a(); }
  ActivationQuantizer& values() { return mixture_.b(); }
  bool ready() const { return scores_.ready() && mixture_.ready(); }

  // Of both products; the probabilities in between are float either way.
  void set_quantizing(bool quantizing);
  bool quantizing() const { return scores_.quantizing(); }

  // The state of the probabilities' quantizer from those of these samples; queries and keys are ready.
  void estimate_probabilities(int64_t samples, const float* q, const float* k,
                              const uint8_t* key_mask, const CancelToken* cancel);
  // q, k, v must stay unchanged until backward(). Throws E-LAYER-STATE while not ready().
  void forward(int64_t samples, const float* q, const float* k, const float* v, float* y,
               const uint8_t* key_mask = nullptr);
  // Both products in integers where both operands have codes; the softmax between them is float.
  void forward_packed(int64_t samples, const float* q, const float* k, const float* v, float* y,
                      const uint8_t* key_mask = nullptr);
  // Gradients in the shapes of q, k, v, for the last forward().
  void backward(const float* dy, float* dq, float* dk, float* dv);
  int64_t native_bytes() const;

 private:
  enum class Products { kFloat, kPacked };
  void find_probabilities(int64_t samples, const float* q, const float* k,
                          const uint8_t* key_mask, Products products);
  MatmulShape scores_shape(int64_t samples) const;
  MatmulShape mixture_shape(int64_t samples) const;

  AttentionShape shape_;
  double score_scale_;       // 1/√d
  QuantizedMatmul scores_;   // Q·Kᵀ
  QuantizedMatmul mixture_;  // P·V
  int64_t samples_ = 0;      // of the last forward(); 0: none
  AlignedVector<float> probabilities_;  // [samples, heads, queries, keys]
  AlignedVector<float> dscores_;        // the same shape
};

}  // namespace qat
