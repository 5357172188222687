// Estimating scales is in group_range.cc.
#include "quant/group_affine.h"

#include <string>

#include "quant/checkpoint_checks.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kOutputsPerRange = 16;

// The lowest and highest code bound all weights of a group.
void require_finite_weights(const GroupLayout& layout, const GroupScales& scales) {
  for (int64_t i = 0; i < layout.scale_count(); ++i) {
    const GroupAffine affine = group_affine(layout, scales, i / layout.out, i % layout.out);
    if (std::isfinite(affine.value(0)) && std::isfinite(affine.value(affine.top))) continue;
    fail_checkpoint("scales must give finite weights; element " + std::to_string(i) +
                    " overflows.");
  }
}

// dw of one output, and its sums per group.
struct OutputBackward {
  std::vector<GroupAffine> affines;
  std::vector<double> dscale, dzero;

  void run(const GroupLayout& layout, const float* weight, float* dweight) {
    dscale.assign(affines.size(), 0.0);
    dzero.assign(affines.size(), 0.0);
    for (int64_t k = 0; k < layout.in; ++k) {
      const auto group = static_cast<size_t>(layout.group_of[static_cast<size_t>(k)]);
      const GroupAffine& affine = affines[group];
      const double gradient = dweight[k];
      const float rounded = affine.rounded(weight[k]);
      const bool inside = affine.scale != 0 && rounded >= 0 && rounded <= affine.top;
      const double code = std::clamp(rounded, 0.0f, affine.top);
      const double centred = affine.integer_zero ? code - affine.zero : code;
      if (inside) {
        const double shifted = affine.integer_zero ? weight[k] : double{weight[k]} + affine.zero;
        dscale[group] += gradient * (centred - shifted / affine.scale);
      } else {
        dscale[group] += gradient * centred;
        dzero[group] -= gradient * (affine.integer_zero ? affine.scale : 1.0f);
        dweight[k] = 0;
      }
    }
  }
};

}  // namespace

std::vector<int32_t> consecutive_groups(int64_t in, int64_t size) {
  std::vector<int32_t> group_of(static_cast<size_t>(in));
  for (int64_t k = 0; k < in; ++k) {
    group_of[static_cast<size_t>(k)] = static_cast<int32_t>(k / size);
  }
  return group_of;
}

void output_affines(const GroupLayout& layout, const GroupScales& scales, int64_t output,
                    std::vector<GroupAffine>* affines) {
  affines->resize(static_cast<size_t>(layout.groups()));
  for (int64_t g = 0; g < layout.groups(); ++g) {
    (*affines)[static_cast<size_t>(g)] = group_affine(layout, scales, g, output);
  }
}

void fake_quantize_groups(const float* weight, const GroupLayout& layout, const GroupScales& scales,
                          float* quantized) {
  parallel_for(layout.out, kOutputsPerRange, [&](int64_t begin, int64_t end) {
    std::vector<GroupAffine> affines;
    for (int64_t n = begin; n < end; ++n) {
      output_affines(layout, scales, n, &affines);
      for (int64_t k = 0; k < layout.in; ++k) {
        const GroupAffine& affine =
            affines[static_cast<size_t>(layout.group_of[static_cast<size_t>(k)])];
        const int64_t at = n * layout.in + k;
        quantized[at] = affine.value(affine.code(weight[at]));
      }
    }
  });
}

void group_backward(const float* weight, const GroupLayout& layout, const GroupScales& scales,
                    float* dweight, double* dscales, double* dzeros) {
  parallel_for(layout.out, kOutputsPerRange, [&](int64_t begin, int64_t end) {
    OutputBackward backward;
    for (int64_t n = begin; n < end; ++n) {
      output_affines(layout, scales, n, &backward.affines);
      backward.run(layout, weight + n * layout.in, dweight + n * layout.in);
      for (int64_t g = 0; g < layout.groups(); ++g) {
        const int64_t at = g * layout.out + n;
        if (dscales) dscales[at] = backward.dscale[static_cast<size_t>(g)];
        if (dzeros) dzeros[at] = backward.dzero[static_cast<size_t>(g)];
      }
    }
  });
}

void validate_group_scales(const GroupLayout& layout, const GroupScales& scales) {
  require_size("scales", scales.scales.size(), layout.scale_count());
  require_size("zeros", scales.zeros.size(), layout.scale_count());
  require_finite("scales", scales.scales);
  require_finite("zeros", scales.zeros);
  require_finite_weights(layout, scales);
  if (!layout.integer_zeros) return;
  const int32_t low = lowest_zero_point(layout.zero_format);
  for (size_t i = 0; i < scales.zeros.size(); ++i) {
    const float zero = scales.zeros[i];
    const int bits = layout.bits[i / static_cast<size_t>(layout.out)];
    const int32_t high = highest_zero_point(layout.zero_format, bits);
    if (zero == std::nearbyint(zero) && zero >= static_cast<float>(low) &&
        zero <= static_cast<float>(high)) {
      continue;
    }
    fail_checkpoint("zeros must be whole numbers from " + std::to_string(low) + " to " +
                    std::to_string(high) + "; element " + std::to_string(i) + " is " +
                    std::to_string(zero) + ".");
  }
}

void validate_group_index(const std::vector<int32_t>& group_of, int64_t in, int64_t groups) {
  require_size("gIdx", group_of.size(), in);
  for (size_t k = 0; k < group_of.size(); ++k) {
    if (group_of[k] >= 0 && group_of[k] < groups) continue;
    fail_checkpoint("gIdx must hold groups from 0 to " + std::to_string(groups - 1) +
                    "; element " + std::to_string(k) + " is " + std::to_string(group_of[k]) + ".");
  }
}

}  // namespace qat
