#include "nn/modules/embedding_modules.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>
#include <utility>

#include "nn/layer_limits.h"
#include "qat/error.h"
#include "quant/error_measures.h"

namespace qat {
namespace {

[[noreturn]] void no_row(float value, int64_t at, int64_t rows) {
  char text[40];
  std::snprintf(text, sizeof text, "%.9g", static_cast<double>(value));
  throw Error("E-DATASET-MISMATCH",
              "Value " + std::string(text) + " at index " + std::to_string(at) +
                  " of a batch is no row of a table of " + std::to_string(rows) + ".",
              "Use data whose values are whole numbers from 0 to the number of rows less 1.");
}

}  // namespace

TableModule::TableModule(std::unique_ptr<EmbeddingTable> table, int64_t tokens, SampleShape output)
    : Module(std::move(output)), table_(std::move(table)), tokens_(tokens) {
  using Role = ModuleParameter::Role;
  const int64_t rows = table_->num_embeddings();
  parameters_ = {{"weight", rows, table_->embedding_dim()}};
  parameters_[kWeight].binary = table_->is_binary();
  if (table_->is_float()) return;
  constexpr float kPositive = std::numeric_limits<float>::denorm_min();
  parameters_.push_back({"scales", 1, rows, Role::kScale, kPositive});
  if (table_->options().weight.quantizer.grid == Grid::kUnsigned) {
    parameters_.push_back({"zeroPoints", 1, rows, Role::kOffset});
  }
}

const float* TableModule::value(size_t index) const {
  const Scales& scales = table_->current_scales();
  if (index == kWeight) return table_->weight();
  if (index == kScales) return scales.scales.empty() ? nullptr : scales.scales.data();
  if (scales.zero_points.empty()) return nullptr;
  zero_points_.assign(scales.zero_points.begin(), scales.zero_points.end());
  return zero_points_.data();
}

void TableModule::set_value(size_t index, const float* values, size_t count) {
  if (index == kWeight) {
    table_->set_weight_data(values, count);
    return;
  }
  const std::string what = index == kScales ? "Scales" : "Zero points";
  require_count(what.c_str(), count, static_cast<size_t>(table_->num_embeddings()));
  require_finite_values(what, values, count);
  Scales scales = table_->current_scales();
  if (index == kScales) {
    scales.scales.assign(values, values + count);
    scales.thresholds.clear();  // those of the weight before
  } else {
    if (scales.scales.empty()) scales.scales.assign(count, 1.0f);
    scales.zero_points.clear();
    for (size_t i = 0; i < count; ++i) {
      const float whole = std::nearbyint(values[i]);
      if (whole != values[i] || std::fabs(whole) > 255) {
        throw Error("E-NATIVE-ARGUMENT",
                    "Zero point " + std::to_string(i) + " is not the whole number of a code.",
                    "Pass the zero points of a prepared table.");
      }
      scales.zero_points.push_back(static_cast<int32_t>(whole));
    }
  }
  table_->set_scales(scales);
}

float* TableModule::mutable_value(size_t index) {
  return index == kWeight ? table_->mutable_weight() : table_->mutable_scales();
}

float* TableModule::gradient(size_t index) {
  if (index == kWeight) return dweight_.empty() ? nullptr : dweight_.data();
  const bool learned = index == kScales && table_->scales_learned();
  return learned && !dscales_.empty() ? dscales_.data() : nullptr;
}

bool TableModule::reset(uint64_t seed) {
  table_->reset_parameters(seed);
  return true;
}

bool TableModule::ready() const {
  const LayerState state = table_->state();
  return state == LayerState::kPrepared || state == LayerState::kQuantized;
}

std::optional<WeightFigures> TableModule::weight_figures() {
  if (table_->is_float() || !table_->quantizing()) return {};
  const Scales scales = table_->scales();
  const QuantizationError error =
      quantization_error(table_->weight(), table_->num_embeddings(), table_->embedding_dim(),
                         table_->options().weight.quantizer, scales);
  WeightFigures figures;
  for (const float scale : scales.scales) figures.scale_mean += scale;
  figures.scale_mean /= static_cast<double>(scales.scales.size());
  figures.clipped_share = error.clipped_share;
  if (!error.exact) figures.sqnr_db = error.sqnr_db;
  return figures;
}

int64_t TableModule::code_count() const {
  return table_->is_float() ? 0 : table_->num_embeddings() * table_->embedding_dim();
}

void TableModule::weight_codes(uint8_t* codes) {
  quantize_codes(table_->weight(), table_->num_embeddings(), table_->embedding_dim(),
                 table_->options().weight.quantizer, table_->scales(), codes);
}

void TableModule::set_packed_weight(const PackedWeight& weight) {
  table_->set_quantized_weight_data(require_form<QuantizedWeight>(weight));
  table_->train();
}

void TableModule::begin_step(const TrainingPosition& position) {
  table_->set_quantizing(position.quantizing());
}

const int32_t* TableModule::ids_of(const float* x, int64_t count) {
  const int64_t rows = table_->num_embeddings();
  ids_.resize(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    // Compared as floats first: the conversion of anything else is undefined.
    if (!(x[i] >= 0 && x[i] < static_cast<float>(rows)) || std::floor(x[i]) != x[i]) {
      no_row(x[i], i, rows);
    }
    ids_[static_cast<size_t>(i)] = static_cast<int32_t>(x[i]);
  }
  return ids_.data();
}

void TableModule::spread(const SparseGradient& sparse, int64_t rows, float* dx) {
  const int64_t dim = table_->embedding_dim();
  const auto all = static_cast<size_t>(table_->num_embeddings());
  if (dweight_.empty()) dweight_.assign(all * static_cast<size_t>(dim), 0.0f);
  if (dscales_.empty() && table_->scales_learned()) dscales_.assign(all, 0.0f);
  for (const int32_t row : touched_) {
    std::fill_n(dweight_.data() + row * dim, dim, 0.0f);
    if (!dscales_.empty()) dscales_[static_cast<size_t>(row)] = 0;
  }
  touched_ = sparse.rows;
  for (size_t i = 0; i < touched_.size(); ++i) {
    const auto from = static_cast<int64_t>(i) * dim;
    std::copy_n(sparse.dweight.data() + from, dim, dweight_.data() + touched_[i] * dim);
    if (!sparse.dscales.empty()) dscales_[static_cast<size_t>(touched_[i])] = sparse.dscales[i];
  }
  if (dx) std::fill_n(dx, rows * tokens_, 0.0f);
}

int64_t TableModule::native_bytes() const {
  const size_t words = dweight_.size() + dscales_.size() + ids_.size() + touched_.size();
  return table_->native_bytes() + static_cast<int64_t>(words * sizeof(float));
}

EmbeddingModule::EmbeddingModule(const EmbeddingOptions& options, int64_t tokens)
    : TableModule(std::make_unique<Embedding>(options), tokens, {{tokens, options.embedding_dim}}),
      layer_(static_cast<Embedding&>(table())) {}

void EmbeddingModule::forward(const float* const* x, int64_t rows, float* y, Pass pass) {
  const int64_t count = rows * tokens();
  const int32_t* ids = ids_of(x[0], count);
  if (pass == Pass::kPacked) {
    layer_.forward_packed(ids, count, y);
  } else {
    layer_.forward_borrowed(ids, count, y, pass == Pass::kTraining);
  }
}

void EmbeddingModule::backward(const float* const*, const float*, float* dy, int64_t rows,
                               float* const* dx) {
  spread(layer_.backward_borrowed(dy), rows, dx[0]);
}

EmbeddingBagModule::EmbeddingBagModule(const EmbeddingOptions& options, BagMode mode,
                                       int64_t tokens)
    : TableModule(std::make_unique<EmbeddingBag>(options, mode), tokens, {{options.embedding_dim}}),
      layer_(static_cast<EmbeddingBag&>(table())) {}

void EmbeddingBagModule::forward(const float* const* x, int64_t rows, float* y, Pass pass) {
  const int64_t count = rows * tokens();
  const int32_t* ids = ids_of(x[0], count);
  if (count > std::numeric_limits<int32_t>::max()) {
    throw Error("E-NATIVE-ARGUMENT", "A batch of bags has more than 2147483647 ids.",
                "Use a smaller batch size.");
  }
  while (static_cast<int64_t>(offsets_.size()) < rows) {
    offsets_.push_back(static_cast<int32_t>(static_cast<int64_t>(offsets_.size()) * tokens()));
  }
  if (pass == Pass::kPacked) {
    layer_.forward_packed(ids, count, offsets_.data(), rows, y);
  } else {
    layer_.forward_borrowed(ids, count, offsets_.data(), rows, y, pass == Pass::kTraining);
  }
}

void EmbeddingBagModule::backward(const float* const*, const float*, float* dy, int64_t rows,
                                  float* const* dx) {
  spread(layer_.backward_borrowed(dy), rows, dx[0]);
}

}  // namespace qat
