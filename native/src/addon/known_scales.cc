#include "addon/known_scales.h"

#include <atomic>
#include <utility>

#include "addon/tensor_handle.h"
#include "nn/types.h"

namespace qat::addon {

struct KnownScales {
  QuantizerConfig config;
  ValueRange range;  // of the histogram of all values
  std::vector<Scales> by_bits;
};

namespace {

// Equal at every bit-width.
bool same_family(const QuantizerConfig& a, const QuantizerConfig& b) {
  return a.grid == b.grid && a.user == b.user && a.granularity == b.granularity && a.range == b.range &&
         a.percentile == b.percentile && a.norm == b.norm &&
         (a.granularity != Granularity::kGroup || a.group_size == b.group_size);
}

}  // namespace

void remember_scales(const TensorData& tensor, const AnalyzeOptions& options, Analysis* analysis) {
  if (options.row >= 0 || analysis->scales_by_bits.empty()) return;
  const auto scales = static_cast<int64_t>(analysis->scales_by_bits[0].scales.size());
  const auto bit_widths = static_cast<int64_t>(analysis->scales_by_bits.size());
  if (scales * bit_widths > tensor.count() / 8) return;
  auto known = std::make_shared<KnownScales>();
  known->config = options.config;
  known->range = histogram_range(analysis->statistics.min, analysis->statistics.max);
  known->by_bits = std::move(analysis->scales_by_bits);
  std::atomic_store(&tensor.known, std::shared_ptr<const KnownScales>(std::move(known)));
}

void use_known_scales(const TensorData& tensor, AnalyzeOptions* options) {
  const std::shared_ptr<const KnownScales> known = std::atomic_load(&tensor.known);
  if (!known) return;
  if (options->row < 0 && !options->range) options->range = known->range;
  const int bits = options->config.bits;
  if (options->scales || bits == kFloatBits) return;
  if (!same_family(with_bits(known->config, bits), options->config)) return;
  options->scales = known->by_bits[static_cast<size_t>(bits - 1)];
}

}  // namespace qat::addon
