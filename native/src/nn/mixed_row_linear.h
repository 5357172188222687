// Mixed-bit-row linear: float activations, groups of inputs with widths of their own (8, 6, 5, 4, 3
// or 2 bits) in one packed weight. BITorch Engine's MBWQ layer over the format of ExLlamaV2 (both 2023–24);
// x [batch, in], weight [out, in], y [batch, out].
#pragma once

#include <cstdint>
#include <vector>

#include "nn/weight_only_linear.h"
#include "quant/mixed_rows.h"

namespace qat {

struct MixedRowOptions {
  WeightOnlyOptions linear;
  int64_t group_size = 32;
  // A width per group of consecutive inputs; empty: a packed weight brings them.
  std::vector<int32_t> widths;
  // [in], multiplied to the inputs before the weight; empty: none.
  std::vector<float> channel_scale;
};

class MixedRowLinear final : public WeightOnlyLinear {
 public:
  using PackedWeight = MixedRowWeight;

  // Throws E-NATIVE-ARGUMENT | E-QUANTIZER-INVALID for sizes or widths it cannot do.
  explicit MixedRowLinear(const MixedRowOptions& options);

  // The packed weight: in state packedOnly, quantized or (packing it) prepared.
  MixedRowWeight quantized_weight(const CancelToken* cancel = nullptr);
  // Takes a checkpoint's tensors with their widths, order and channel scale. Throws as
  // validate_mixed_row_weight; E-WEIGHT-SHAPE where the layer has another shape. → packedOnly
  void set_quantized_weight_data(const MixedRowWeight& weight);

  // Groups in stored order; without groups while no widths are known.
  const MixedRowPlan& plan() const { return plan_; }
  // Multiplied to the inputs, [in]; empty: none.
  const std::vector<float>& channel_scale() const { return input_scale(); }

 private:
  MixedRowPlan plan_;
};

}  // namespace qat
