#include "quant/user_error.h"

#include <algorithm>
#include <cmath>

#include "quant/user_grid.h"

namespace qat {

void user_error_of_row(const QuantizerConfig& config, const ScaleLayout& layout,
                       const Scales& scales, const float* values, int64_t row, uint8_t* codes,
                       float* quantized, ErrorSums* sums, int64_t* counts) {
  user_codes_of_row(config, layout, scales, values, row, codes);
  user_levels_of_row(layout, scales, config.bits, row, codes, quantized);
  for (int64_t c = 0; c < layout.cols; ++c) {
    const double x = static_cast<double>(values[c]), y = static_cast<double>(quantized[c]);
    sums->x2 += x * x;
    sums->y2 += y * y;
    sums->xy += x * y;
    sums->e2 += (x - y) * (x - y);
    sums->max_error = std::max(sums->max_error, std::fabs(x - y));
    ++counts[codes[c]];
  }
}

}  // namespace qat
