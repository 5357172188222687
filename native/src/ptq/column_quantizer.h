// Quantizes a weight column by column, as methods do that correct later columns for earlier ones.
#pragma once

#include <cstdint>
#include <vector>

#include "quant/grid.h"

namespace qat {

// The scales of the elements (begin ... end-1, column) of a column of `group`, one per row.
Scales scales_of_rows(const Scales& scales, const ScaleLayout& layout, int64_t begin, int64_t end,
                      int64_t group);
// The reverse: writes the scales of those rows into `scales`, sized for the layout by make_scales().
void store_scales_of_rows(const Scales& rows, const ScaleLayout& layout, int64_t begin,
                          int64_t group, Scales* scales);

// One column of some rows, each with a scale of its own: the codes and values that quantize_weight
// gives for them, whatever the grid.
class ColumnQuantizer {
 public:
  explicit ColumnQuantizer(const QuantizerConfig& config);

  // One scale (and zero point, …) per row.
  void set_scales(Scales scales) { scales_ = std::move(scales); }
  // x [rows] → codes as stored (>= 0) and x̂, both [rows].
  void quantize(const float* x, int64_t rows, uint8_t* codes, float* quantized) const;

 private:
  QuantizerConfig config_;  // a channel is a row
  Scales scales_;
};

}  // namespace qat
