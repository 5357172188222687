// What a row's values and its scale say of each other, as in n-bit layers.
#include <algorithm>

#include "nn/embedding_table.h"
#include "quant/range.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kRowsPerRange = 16;

template <typename T>
void put_row(const std::vector<T>& of_row, int64_t row, std::vector<T>* all) {
  if (!of_row.empty()) (*all)[static_cast<size_t>(row)] = of_row[0];
}

}  // namespace

void EmbeddingTable::after_update() {
  if (is_float() || !life_.has_weight()) return;
  clip_rows(0, num_embeddings());
  if (scales_.scales.empty()) return;
  if (scales_follow()) {
    scales_ = estimate_scales(weight_.data(), num_embeddings(), embedding_dim(), quantizer());
  }
  halve_learned_thresholds(0, num_embeddings());
}

void EmbeddingTable::row_written(int64_t row) {
  if (is_float()) return;
  clip_rows(row, row + 1);
  if (scales_follow()) {
    const Scales now =
        estimate_scales(weight_.data() + row * embedding_dim(), 1, embedding_dim(), quantizer());
    put_row(now.scales, row, &scales_.scales);
    put_row(now.zero_points, row, &scales_.zero_points);
    put_row(now.thresholds, row, &scales_.thresholds);
  }
  halve_learned_thresholds(row, row + 1);
}

// Frozen, the abs-max of the first values would stop every one that outgrows it for good. Other
// estimators clip on purpose, and a search costs too much at every step.
bool EmbeddingTable::scales_follow() const {
  if (is_float() || scales_learned()) return false;
  return is_binary() || quantizer().grid == Grid::kTernary ||
         quantizer().range == RangeEstimator::kAbsMax;
}

// BinaryConnect (Courbariaux et al. 2015): beyond 1 a value would get no gradient ever again.
void EmbeddingTable::clip_rows(int64_t begin, int64_t end) {
  if (!is_binary()) return;
  const int64_t dim = embedding_dim();
  parallel_for(end - begin, kRowsPerRange, [&](int64_t first, int64_t last) {
    for (int64_t i = (begin + first) * dim; i < (begin + last) * dim; ++i) {
      weight_[static_cast<size_t>(i)] = std::clamp(weight_[static_cast<size_t>(i)], -1.0f, 1.0f);
    }
  });
}

void EmbeddingTable::complete_thresholds(Scales* scales) const {
  if (is_float() || quantizer().grid != Grid::kTernary || !scales->thresholds.empty()) return;
  scales->thresholds =
      estimate_scales(weight_.data(), num_embeddings(), embedding_dim(), quantizer()).thresholds;
}

// A learned scale is a step: a value takes the nearest of its three levels.
void EmbeddingTable::halve_learned_thresholds(int64_t begin, int64_t end) {
  if (!scales_learned() || scales_.thresholds.empty()) return;
  for (auto row = static_cast<size_t>(begin); row < static_cast<size_t>(end); ++row) {
    scales_.thresholds[row] = scales_.scales[row] / 2;
  }
}

}  // namespace qat
