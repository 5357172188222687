// The grid of weight-only layers: every group of inputs has, per output, an affine map between
// codes q = 0 … 2^b − 1 and weights,
//   integer zero point ("asymmetric" GPTQ):  w = s·(q − z)
//   float zero ("symmetric" in bitorch-engine): w = s·q − z
// Weights are [out, in], scales and zeros [groups, out]; a scale may be any finite number.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "quant/gptq_words.h"
#include "quant/grid.h"
#include "runtime/cancel.h"

namespace qat {

struct GroupLayout {
  int64_t in = 0, out = 0;
  std::vector<int32_t> group_of;  // [in]: group of each input, any order (GPTQ's g_idx)
  std::vector<int> bits;          // [groups], 1–8
  bool integer_zeros = false;
  ZeroFormat zero_format = ZeroFormat::kGptq;  // which integers a zero point may be

  int64_t groups() const { return static_cast<int64_t>(bits.size()); }
  int64_t scale_count() const { return groups() * out; }
};

// group_of for groups of `size` consecutive inputs; the last may be shorter.
std::vector<int32_t> consecutive_groups(int64_t in, int64_t size);

struct GroupScales {
  std::vector<float> scales, zeros;  // [groups, out]; integer zero points as floats
};

// One group and output.
struct GroupAffine {
  float scale = 1, zero = 0;
  float top = 15;  // 2^b − 1
  bool integer_zero = false;

  float value(float code) const {
    return integer_zero ? (code - zero) * scale : code * scale - zero;
  }
  // The code before clamping. One bit and a float zero: ties go up, so that 0 between −a and +a is
  // +a.
  float rounded(float w) const {
    if (scale == 0) return 0;
    if (integer_zero) return std::nearbyint(w / scale) + zero;
    const float position = (w + zero) / scale;
    if (top == 1) return std::floor(position + 0.5f);
    return std::nearbyint(position);
  }
  float code(float w) const { return std::clamp(rounded(w), 0.0f, top); }
};

inline GroupAffine group_affine(const GroupLayout& layout, const GroupScales& scales, int64_t group,
                                int64_t output) {
  const auto at = static_cast<size_t>(group * layout.out + output);
  const int bits = layout.bits[static_cast<size_t>(group)];
  return {scales.scales[at], scales.zeros[at], static_cast<float>((1 << bits) - 1),
          layout.integer_zeros};
}

// All groups of one output, for inner loops over inputs.
void output_affines(const GroupLayout& layout, const GroupScales& scales, int64_t output,
                    std::vector<GroupAffine>* affines);

// Scales and zeros from the float weight [out, in]: kAbsMax holds least and greatest weight
// (widened to hold 0 where zero points are integers), kMse searches the least Σ(w − ŵ)². Threaded.
// Throws E-QUANTIZER-INVALID for another estimator.
GroupScales estimate_group_scales(const float* weight, const GroupLayout& layout,
                                  RangeEstimator range, const CancelToken* cancel = nullptr);

// ŵ [out, in].
void fake_quantize_groups(const float* weight, const GroupLayout& layout, const GroupScales& scales,
                          float* quantized);

// Straight-through, in place: dŵ → dw where the rounded code is inside 0 … 2^b − 1, else 0. Sums
// per scale (overwritten, no gradient scale; both may be null) as LSQ+ takes them (Bhalgat et al.
// 2020):
//   inside   ∂ŵ/∂s = q − (w + z)/s | (q − z) − w/s for an integer z;  ∂ŵ/∂z = 0
//   clipped  ∂ŵ/∂s = q             | q − z;                          ∂ŵ/∂z = −1 | −s
void group_backward(const float* weight, const GroupLayout& layout, const GroupScales& scales,
                    float* dweight, double* dscales, double* dzeros);

// Throws E-NATIVE-ARGUMENT (what, expected, got) unless counts fit, values and the weights they
// give are finite and integer zero points are whole numbers that the zero format holds.
void validate_group_scales(const GroupLayout& layout, const GroupScales& scales);

// Throws E-NATIVE-ARGUMENT unless group_of has an entry below `groups` for each input.
void validate_group_index(const std::vector<int32_t>& group_of, int64_t in, int64_t groups);

}  // namespace qat
