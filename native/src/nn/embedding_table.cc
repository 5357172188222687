#include "nn/embedding_table.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "nn/layer_limits.h"
#include "nn/parameter_update.h"
#include "qat/error.h"
#include "qat/kernels.h"
#include "quant/range.h"
#include "runtime/rng.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kMaxRows = INT64_C(1) << 30;
constexpr int64_t kRowsPerRange = 16;

[[noreturn]] void refuse_two_levels() {
  throw Error("E-QUANTIZER-INVALID",
              "Ternary tables have one level per row; the range ttq gives each sign one of its own.",
              "Use the range twn or another one for ternary grids.");
}

EmbeddingOptions checked(const EmbeddingOptions& options) {
  const int64_t rows = options.num_embeddings, dim = options.embedding_dim;
  if (rows < 1 || dim < 1 || rows > kMaxRows || dim > kMaxRows || rows > kMaxWeights / dim) {
    throw Error("E-NATIVE-ARGUMENT",
                "An embedding of " + std::to_string(rows) + " rows of " + std::to_string(dim) +
                    " values cannot be made.",
                "Use at least one row and column and at most 4294967296 values.");
  }
  if (options.weight.method != Method::kLsq && options.weight.method != Method::kSte) {
    throw Error("E-QUANTIZER-INVALID", "Tables are trained by LSQ or straight through.",
                "Use the method lsq or ste.");
  }
  if (options.padding_idx < -1 || options.padding_idx >= rows) {
    throw Error("E-NATIVE-ARGUMENT",
                "paddingIdx " + std::to_string(options.padding_idx) + " is no row of " +
                    std::to_string(rows) + ".",
                "Use a row, or leave it out.");
  }
  EmbeddingOptions result = options;
  if (result.weight.quantizer.bits == kFloatBits) return result;
  result.weight.quantizer.granularity = Granularity::kChannel;
  if (result.weight.quantizer.grid == Grid::kUser) {
    throw Error("E-QUANTIZER-INVALID", "Embeddings have no form for the quantizer of a library.",
                "Use one of the built-in quantizers.");
  }
  validate(result.weight.quantizer);
  if (has_negative_scales(result.weight.quantizer)) refuse_two_levels();
  return result;
}

}  // namespace

EmbeddingTable::EmbeddingTable(const EmbeddingOptions& options)
    : options_(checked(options)) {
  if (!is_float()) layout_ = scale_layout(quantizer(), num_embeddings(), embedding_dim());
}

// --- life cycle ----------------------------------------------------------------------------------

void EmbeddingTable::reset_parameters(uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values(static_cast<size_t>(num_embeddings() * embedding_dim()));
  for (float& value : values) value = static_cast<float>(rng.normal());
  if (options_.padding_idx >= 0) {
    const auto first = values.begin() + options_.padding_idx * embedding_dim();
    std::fill(first, first + embedding_dim(), 0.0f);
  }
  set_weight_data(values.data(), values.size());
}

void EmbeddingTable::set_weight_data(const float* weight, size_t count) {
  require_weight_values("The table", weight, count,
                        static_cast<size_t>(num_embeddings() * embedding_dim()));
  weight_.assign(weight, weight + count);
  clip_rows(0, num_embeddings());
  packed_ = QuantizedWeight();
  has_uses_ = false;
  life_.weight_set();
  if (is_float()) life_.scales_set();
}

void EmbeddingTable::prepare_params(const CancelToken* cancel) {
  if (life_.keeps_scales()) return;
  life_.require_weight("prepareParams");
  if (is_float()) return;
  scales_ = estimate_scales(weight_.data(), num_embeddings(), embedding_dim(), quantizer(), cancel);
  halve_learned_thresholds(0, num_embeddings());
  life_.scales_set();
}

const QuantizedWeight& EmbeddingTable::packed_weight(const CancelToken* cancel) {
  require_codes();
  if (life_.packed_only()) return packed_;
  life_.require_prepared("optWeight");
  if (!life_.packed_is_current()) {
    packed_ = quantize_weight(weight_.data(), num_embeddings(), embedding_dim(), quantizer(),
                              scales_, cancel);
    life_.packed_made();
  }
  return packed_;
}

void EmbeddingTable::require_codes() const {
  if (!is_float()) return;
  throw Error("E-QUANTIZER-INVALID", "A float table has neither codes nor scales.",
              "Create the table with 1 to 8 bits.");
}

void EmbeddingTable::generate_quantized_weight(bool qweight_only, const CancelToken* cancel) {
  life_.require_prepared("generateQuantizedWeight");
  packed_weight(cancel);
  if (!qweight_only) return;
  life_.weight_given_up();
  has_uses_ = false;
  AlignedVector<float>().swap(weight_);
}

void EmbeddingTable::set_quantized_weight_data(const QuantizedWeight& weight) {
  require_codes();
  validate_quantized_weight(weight);
  if (!weight.scales.negative_scales.empty()) refuse_two_levels();
  if (weight.config.bits != w_bit() || weight.config.grid != quantizer().grid ||
      weight.config.granularity != Granularity::kChannel) {
    throw Error("E-QUANTIZER-INVALID",
                "The packed table has " + std::to_string(weight.config.bits) +
                    " bits or another grid or granularity than the layer's " +
                    std::to_string(w_bit()) + " bits and a scale per row.",
                "Create the layer with the quantizer of the packed table.");
  }
  if (weight.rows != num_embeddings() || weight.cols != embedding_dim()) {
    throw Error("E-WEIGHT-SHAPE",
                "The packed table is " + std::to_string(weight.rows) + " × " +
                    std::to_string(weight.cols) + ", the layer " +
                    std::to_string(num_embeddings()) + " × " + std::to_string(embedding_dim()) +
                    ".",
                "Load the packed table of this layer.");
  }
  packed_ = weight;
  scales_ = weight.scales;
  has_uses_ = false;
  AlignedVector<float>().swap(weight_);
  life_.packed_loaded();
}

Scales EmbeddingTable::scales() {
  if (!life_.packed_only()) life_.require_prepared("scales");
  return scales_;
}

void EmbeddingTable::set_scales(const Scales& scales) {
  require_codes();
  if (!life_.packed_only()) life_.require_weight("setScales");
  Scales given = scales;
  if (quantizer().grid == Grid::kUnsigned && given.zero_points.empty()) {
    given.zero_points.assign(given.scales.size(), 0);
  }
  if (!given.negative_scales.empty()) refuse_two_levels();
  if (!life_.packed_only()) complete_thresholds(&given);
  validate_scales(quantizer(), layout_, given,
                  life_.packed_only() ? Thresholds::kOptional : Thresholds::kNeeded);
  scales_ = std::move(given);
  halve_learned_thresholds(0, num_embeddings());
  if (life_.packed_only()) packed_.scales = scales_;
  life_.scales_set();
}

void EmbeddingTable::train() {
  if (life_.packed_only()) {
    AlignedVector<float> weight(static_cast<size_t>(num_embeddings() * embedding_dim()));
    dequantize_weight(packed_, weight.data());
    weight_ = std::move(weight);
    complete_thresholds(&scales_);
    halve_learned_thresholds(0, num_embeddings());
    life_.weight_restored();
  }
  life_.train();
}

void EmbeddingTable::eval() {
  life_.eval();
  has_uses_ = false;
}

void EmbeddingTable::add_update(const int32_t* rows, int64_t count, const float* dweight,
                                const float* dscales) {
  life_.require_prepared("update");
  if (dscales) require_codes();
  require_ids(rows, count);
  const int64_t dim = embedding_dim();
  std::vector<int32_t> sorted(rows, rows + count);
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) {
    throw Error("E-NATIVE-ARGUMENT", "update: row " + std::to_string(*twice) + " is given twice.",
                "Add the updates of a row before.");
  }
  for (int64_t i = 0; i < count; ++i) {
    require_finite_update("column", weight_.data() + rows[i] * dim, dweight + i * dim, dim);
    if (dscales) {
      require_finite_update("row scale", &scales_.scales[static_cast<size_t>(rows[i])],
                            dscales + i, 1);
    }
  }
  for (int64_t i = 0; i < count; ++i) {
    float* row = weight_.data() + rows[i] * dim;
    for (int64_t c = 0; c < dim; ++c) row[c] += dweight[i * dim + c];
    if (dscales) {
      float& scale = scales_.scales[static_cast<size_t>(rows[i])];
      scale = updated_scale(scale, dscales[i]);
    }
    row_written(rows[i]);
  }
  life_.parameters_written();
}

float* EmbeddingTable::mutable_weight() {
  life_.require_weight("the update of the table");
  life_.parameters_written();
  return weight_.data();
}

float* EmbeddingTable::mutable_scales() {
  life_.require_prepared("the update of the scales");
  life_.parameters_written();
  return scales_.scales.data();
}

// --- rows ----------------------------------------------------------------------------------------

void EmbeddingTable::require_ids(const int32_t* ids, int64_t count) const {
  for (int64_t i = 0; i < count; ++i) {
    if (ids[i] >= 0 && ids[i] < num_embeddings()) continue;
    throw Error("E-NATIVE-ARGUMENT",
                "Id " + std::to_string(ids[i]) + " at index " + std::to_string(i) +
                    " is not in the vocabulary of " + std::to_string(num_embeddings()) + " rows.",
                "Use ids from 0 to the number of rows less 1.");
  }
}

void EmbeddingTable::begin_forward(Rows from) {
  has_uses_ = false;
  if (from == Rows::kFloat || is_float()) {
    life_.require_prepared("forward");
  } else {
    packed_weight();
  }
}

QuantParams EmbeddingTable::row_params(int64_t row) const {
  return params_from_scale(quant_params(quantizer(), layout_, scales_), row);
}

void EmbeddingTable::read_packed_row(int64_t row, float* values) const {
  const int64_t dim = embedding_dim();
  const QuantParams params = row_params(row);
  std::vector<uint8_t> codes(static_cast<size_t>(dim));
  kernels().unpack_row(packed_.packed.data() + row * packed_row_bytes(dim, w_bit()), codes.data(),
                       dim, w_bit());
  for (int64_t c = 0; c < dim; ++c) {
    values[c] = level_of_code(params, is_binary(), codes[static_cast<size_t>(c)]);
  }
}

void EmbeddingTable::read_row(int32_t id, Rows from, float* values) const {
  const int64_t dim = embedding_dim();
  if (is_padding(id)) {
    std::fill(values, values + dim, 0.0f);
    return;
  }
  const float* row = weight_.data() + id * dim;
  if (is_float() || (from == Rows::kFloat && !quantizing_)) {
    std::copy(row, row + dim, values);
    return;
  }
  if (from == Rows::kPacked) {
    read_packed_row(id, values);
    return;
  }
  const auto quantize = is_binary() ? kernels().binarize : kernels().fake_quant;
  quantize(row, values, 1, dim, row_params(id));
}

// --- gradient ------------------------------------------------------------------------------------

void EmbeddingTable::keep_uses(std::vector<Use> uses) {
  uses_ = std::move(uses);
  has_uses_ = true;
  uses_version_ = life_.version();
}

void EmbeddingTable::require_training() const {
  if (training()) return;
  life_.refuse("backward", "the layer is in inference", "Call train() and forward first.");
}

void EmbeddingTable::require_forward() const {
  if (!has_uses_) {
    life_.refuse("backward", "there was no training forward before it",
                 "Call train() and forward first.");
  }
  if (uses_version_ != life_.version()) {
    life_.refuse("backward", "weight or scales were written since the forward",
                 "Call forward again.");
  }
}

// dŵ → dw of one row; returns ∂L/∂scale without gradient scale.
double EmbeddingTable::row_backward(int64_t row, const float* dvalues, float* dweight) const {
  const int64_t dim = embedding_dim();
  const float* weight = weight_.data() + row * dim;
  double dscale = 0;
  if (is_float() || !quantizing_) {
    std::copy(dvalues, dvalues + dim, dweight);
    return 0;
  }
  if (!is_binary()) {
    QuantParams params = row_params(row);
    // A learned ternary scale is the step of three levels, not the sum of both signs.
    if (scales_learned()) params.threshold = nullptr;
    kernels().fake_quant_backward(weight, dvalues, dweight, &dscale, 1, dim, params);
    return dscale;
  }
  for (int64_t c = 0; c < dim; ++c) {
    dscale += weight[c] >= 0 ? dvalues[c] : -dvalues[c];
    dweight[c] = std::fabs(weight[c]) <= 1 ? dvalues[c] : 0.0f;
  }
  return dscale;
}

SparseGradient EmbeddingTable::sparse_backward(const float* dy, bool with_scales) const {
  std::vector<Use> uses = uses_;
  std::stable_sort(uses.begin(), uses.end(),
                   [](const Use& a, const Use& b) { return a.id < b.id; });
  SparseGradient gradient;
  std::vector<size_t> first;  // use of each row
  for (size_t i = 0; i < uses.size(); ++i) {
    if (i > 0 && uses[i].id == uses[i - 1].id) continue;
    gradient.rows.push_back(uses[i].id);
    first.push_back(i);
  }
  first.push_back(uses.size());
  const int64_t dim = embedding_dim();
  const auto rows = static_cast<int64_t>(gradient.rows.size());
  gradient.dweight.resize(static_cast<size_t>(rows * dim));
  if (with_scales) gradient.dscales.resize(gradient.rows.size());
  const double qmax =
      is_binary() || !with_scales ? 1 : code_range(quantizer().grid, w_bit()).qmax;
  const double factor = 1 / std::sqrt(static_cast<double>(dim) * qmax);
  parallel_for(rows, kRowsPerRange, [&](int64_t begin, int64_t end) {
    std::vector<double> sums(static_cast<size_t>(dim));
    std::vector<float> dvalues(sums.size());
    for (int64_t r = begin; r < end; ++r) {
      const auto at = static_cast<size_t>(r);
      std::fill(sums.begin(), sums.end(), 0.0);
      for (size_t u = first[at]; u < first[at + 1]; ++u) {
        const float* from = dy + uses[u].row * dim;
        for (size_t c = 0; c < sums.size(); ++c) sums[c] += double{uses[u].factor} * from[c];
      }
      for (size_t c = 0; c < sums.size(); ++c) dvalues[c] = static_cast<float>(sums[c]);
      const double dscale =
          row_backward(gradient.rows[at], dvalues.data(), gradient.dweight.data() + r * dim);
      if (with_scales) gradient.dscales[at] = static_cast<float>(factor * dscale);
    }
  });
  return gradient;
}

int64_t EmbeddingTable::native_bytes() const {
  return static_cast<int64_t>(weight_.size() * sizeof(float) + packed_.packed.size() +
                              (scales_.scales.size() + scales_.zero_points.size() +
                               scales_.thresholds.size() + packed_.scales.thresholds.size() +
                               packed_.scales.scales.size() +
                               packed_.scales.zero_points.size()) * sizeof(float) +
                              uses_.size() * sizeof(Use));
}

}  // namespace qat
