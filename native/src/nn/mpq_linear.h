// MPQ linear: float activations, a weight of 1–8 bits in groups as GPTQ (Frantar et al. 2022) and
// bitorch-engine store it, trained with a float residual.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/weight_only_linear.h"
#include "quant/mpq_weight.h"

namespace qat {

struct MpqOptions {
  WeightOnlyOptions linear;
  MpqFormat format;
  std::vector<int32_t> g_idx;  // [in] group of each input (act-order); empty: k / group_size
};

class MpqLinear final : public WeightOnlyLinear {
 public:
  using PackedWeight = MpqWeight;

  // Throws E-NATIVE-ARGUMENT | E-QUANTIZER-INVALID for sizes, bits or groups it cannot do.
  explicit MpqLinear(const MpqOptions& options);

  const MpqFormat& format() const { return format_; }
  // The packed weight: in state packedOnly, quantized or (packing it) prepared.
  MpqWeight quantized_weight(const CancelToken* cancel = nullptr);
  // Takes a checkpoint's tensors with their g_idx; what is saved again before an update equals
  // them.
  // Throws as validate_mpq_weight; E-WEIGHT-SHAPE, E-QUANTIZER-INVALID where the layer is another.
  // → packedOnly
  void set_quantized_weight_data(const MpqWeight& weight);

 protected:
  // Integer zero points to the nearest that the format holds; double quantization.
  GroupScales scales_in_use(const GroupScales& learned) override;
  // Throws E-QUANTIZER-INVALID where double quantization would double a scale or halve it.
  void check_prepared(const GroupScales& learned) override;

 private:
  MpqFormat format_;
  DoubleQuantized double_scales_, double_zeros_;  // of the scales in use; empty without
};

}  // namespace qat
