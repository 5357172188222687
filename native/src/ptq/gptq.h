// GPTQ: quantizes a weight column by column, spreading each column's error over those not yet
// quantized so that the layer's output changes least (Frantar et al. 2023, arXiv:2210.17323).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ptq/linear_algebra.h"
#include "quant/packing.h"
#include "runtime/cancel.h"

namespace qat {

struct GptqOptions {
  double damping = 0.01;       // added to the diagonal, as a share of its mean; >= 0
  bool act_order = false;      // columns in descending order of the Hessian's diagonal
  bool static_groups = false;  // groups of neighbouring columns, scales from the weight as it was
  // Instead of those of the weight as it was: of a matrix that this one is some rows of. Not for
  // groups whose scales follow the corrected columns.
  std::optional<Scales> scales{};
};

struct GptqResult {
  QuantizedWeight weight;  // columns where they were, whatever the order of work
  // Group of each column [cols]: column c of row r uses scale r·groups + g_idx[c]. Empty: groups
  // are consecutive columns, as QuantizedWeight has them. Only act_order without static_groups on
  // a group granularity gives one.
  std::vector<int32_t> g_idx;
  std::vector<float> dequantized;  // [rows, cols]
  // ½ Σ_rows d·H·dᵀ with d the change of a row and H damped and without dead columns: the mean
  // squared output error on the calibration samples (see hessian.h).
  double loss = 0;
};

// weight [rows, cols] finite; h [cols, cols] symmetric, the Hessian of the layer's inputs.
// Columns whose diagonal is 0 (inputs that never were anything but 0) become 0, or the level next to
// it on a grid without zero.
// Scales come from `config.range`; with groups from the columns as corrected so far, unless
// static_groups. Rows are independent: threaded, the same bits on any number of threads. Reports
// progress. Throws Error("E-NATIVE-ARGUMENT") for a Hessian that is not one or not positive
// definite under this damping.
GptqResult gptq(const float* weight, int64_t rows, int64_t cols, SquareMatrix h,
                const QuantizerConfig& config, const GptqOptions& options,
                const CancelToken* cancel = nullptr);

}  // namespace qat
