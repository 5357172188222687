#include "ptq/column_quantizer.h"

#include <algorithm>
#include <utility>

#include "quant/packing.h"

namespace qat {
namespace {

template <typename T>
std::vector<T> values_of_rows(const std::vector<T>& values, const ScaleLayout& layout,
                              int64_t begin, int64_t end, int64_t group) {
  std::vector<T> rows;
  if (values.empty()) return rows;
  for (int64_t r = begin; r < end; ++r) {
    rows.push_back(values[static_cast<size_t>(r * layout.row_stride + group)]);
  }
  return rows;
}

template <typename T>
void store_rows(const std::vector<T>& rows, const ScaleLayout& layout, int64_t begin, int64_t group,
                std::vector<T>* values) {
  for (size_t i = 0; i < rows.size(); ++i) {
    const int64_t r = begin + static_cast<int64_t>(i);
    (*values)[static_cast<size_t>(r * layout.row_stride + group)] = rows[i];
  }
}

}  // namespace

Scales scales_of_rows(const Scales& scales, const ScaleLayout& layout, int64_t begin, int64_t end,
                      int64_t group) {
  Scales rows;
  rows.scales = values_of_rows(scales.scales, layout, begin, end, group);
  rows.zero_points = values_of_rows(scales.zero_points, layout, begin, end, group);
  rows.thresholds = values_of_rows(scales.thresholds, layout, begin, end, group);
  rows.negative_scales = values_of_rows(scales.negative_scales, layout, begin, end, group);
  return rows;
}

void store_scales_of_rows(const Scales& rows, const ScaleLayout& layout, int64_t begin,
                          int64_t group, Scales* scales) {
  store_rows(rows.scales, layout, begin, group, &scales->scales);
  store_rows(rows.zero_points, layout, begin, group, &scales->zero_points);
  store_rows(rows.thresholds, layout, begin, group, &scales->thresholds);
  store_rows(rows.negative_scales, layout, begin, group, &scales->negative_scales);
}

ColumnQuantizer::ColumnQuantizer(const QuantizerConfig& config) : config_(config) {
  config_.granularity = Granularity::kChannel;
}

void ColumnQuantizer::quantize(const float* x, int64_t rows, uint8_t* codes,
                               float* quantized) const {
  const QuantizedWeight column = quantize_weight(x, rows, 1, config_, scales_);
  const std::vector<uint8_t> unpacked = unpack_codes(column.packed.data(), rows, 1, config_.bits);
  std::copy(unpacked.begin(), unpacked.end(), codes);
  dequantize_weight(column, quantized);
}

}  // namespace qat
