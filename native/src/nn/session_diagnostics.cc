#include <algorithm>

#include "nn/layer_monitor.h"
#include "nn/network_node.h"
#include "nn/session_state.h"
#include "qat/kernels.h"

namespace qat {
namespace {

// Share of codes that differ.
double flip_share(const QuantizedWeight& weight, const std::vector<uint8_t>& before) {
  if (before.size() != weight.packed.size()) return 0;
  const int bits = weight.config.bits;
  const int64_t row_bytes = packed_row_bytes(weight.cols, bits);
  std::vector<uint8_t> now_codes(static_cast<size_t>(weight.cols));
  std::vector<uint8_t> old_codes(static_cast<size_t>(weight.cols));
  int64_t flips = 0;
  for (int64_t row = 0; row < weight.rows; ++row) {
    const int64_t at = row * row_bytes;
    if (std::equal(before.begin() + at, before.begin() + at + row_bytes,
                   weight.packed.begin() + at)) {
      continue;
    }
    kernels().unpack_row(weight.packed.data() + at, now_codes.data(), weight.cols, bits);
    kernels().unpack_row(before.data() + at, old_codes.data(), weight.cols, bits);
    for (size_t c = 0; c < now_codes.size(); ++c) flips += now_codes[c] != old_codes[c];
  }
  return static_cast<double>(flips) / static_cast<double>(weight.rows * weight.cols);
}

}  // namespace

std::vector<LayerDiagnostics> diagnose_layers(Network& network,
                                              std::vector<std::vector<uint8_t>>& codes) {
  std::vector<LayerDiagnostics> all;
  std::vector<std::vector<uint8_t>> current;
  for (const auto& node : NetworkAccess::nodes(network)) {
    if (!node->layer()) continue;
    NBitLayer& layer = *node->layer();
    LayerDiagnostics one;
    one.name = node->spec.name;
    current.emplace_back();
    if (!layer.is_float()) {
      const QuantizedWeight& packed = layer.packed_weight();
      const QuantizationError error = rounding_error(layer);
      if (!error.exact) one.sqnr_db = error.sqnr_db;
      one.scale_mean = mean_scale(packed.scales);
      const size_t index = current.size() - 1;
      if (index < codes.size()) one.flip_share = flip_share(packed, codes[index]);
      current.back() = packed.packed;
    }
    all.push_back(std::move(one));
  }
  codes = std::move(current);
  return all;
}

}  // namespace qat
