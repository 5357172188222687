// Embedding and embedding bag as nodes.
//
// Their inputs are ids. Values between nodes are floats, which hold whole numbers up to 2^24 exactly: a
// table in a network has at most as many rows, and whatever is not the whole number of a row is
// refused. Ids have no gradient.
#pragma once

#include <memory>
#include <vector>

#include "nn/embedding.h"
#include "nn/embedding_bag.h"
#include "nn/module.h"
#include "runtime/aligned.h"

namespace qat {

constexpr int64_t kMaxTableRows = INT64_C(1) << 24;

// Parameters: weight [rows, dim]; of an n-bit table scales [1, rows], with gradients where they are
// learned, and on an unsigned grid zeroPoints [1, rows].
class TableModule : public Module {
 public:
  std::vector<ModuleParameter> parameters() const override { return parameters_; }
  const float* value(size_t index) const override;
  void set_value(size_t index, const float* values, size_t count) override;
  float* mutable_value(size_t index) override;
  float* gradient(size_t index) override;
  void after_update() override { table_->after_update(); }
  bool reset(uint64_t seed) override;
  void prepare(const float* const*, int64_t, const CancelToken* cancel) override {
    table_->prepare_params(cancel);
  }
  bool ready() const override;
  std::optional<WeightFigures> weight_figures() override;
  int64_t code_count() const override;
  void weight_codes(uint8_t* codes) override;
  PackedWeight packed_weight() override { return table_->packed_weight(); }
  // The float table is what the codes say, ready to be trained.
  void set_packed_weight(const PackedWeight& weight) override;
  void begin_step(const TrainingPosition& position) override;
  int64_t native_bytes() const override;

 protected:
  // tokens: ids of a sample.
  TableModule(std::unique_ptr<EmbeddingTable> table, int64_t tokens, SampleShape output);

  EmbeddingTable& table() { return *table_; }
  int64_t tokens() const { return tokens_; }
  // x [count] as ids. E-DATASET-MISMATCH naming the first value that is no row.
  const int32_t* ids_of(const float* x, int64_t count);
  // Before a forward: the first one that quantizes sets the scales anew.
  // Into the gradients of the whole table; dx of ids is 0.
  void spread(const SparseGradient& sparse, int64_t rows, float* dx);

 private:
  enum Index : size_t { kWeight, kScales, kZeroPoints };

  std::unique_ptr<EmbeddingTable> table_;
  int64_t tokens_;
  std::vector<ModuleParameter> parameters_;
  std::vector<int32_t> ids_;
  AlignedVector<float> dweight_, dscales_;  // zeros but in the rows of the last backward
  std::vector<int32_t> touched_;
  mutable std::vector<float> zero_points_;
};

// ids [tokens] → [tokens, dim]
class EmbeddingModule final : public TableModule {
 public:
  EmbeddingModule(const EmbeddingOptions& options, int64_t tokens);
  void forward(const float* const* x, int64_t rows, float* y, Pass pass) override;
  void backward(const float* const* x, const float* y, float* dy, int64_t rows,
                float* const* dx) override;

 private:
  Embedding& layer_;
};

// ids [tokens] → [dim]: the ids of a sample are one bag; shorter ones are filled up with the padding id.
class EmbeddingBagModule final : public TableModule {
 public:
  EmbeddingBagModule(const EmbeddingOptions& options, BagMode mode, int64_t tokens);
  void forward(const float* const* x, int64_t rows, float* y, Pass pass) override;
  void backward(const float* const* x, const float* y, float* dy, int64_t rows,
                float* const* dx) override;

 private:
  EmbeddingBag& layer_;
  std::vector<int32_t> offsets_;
};

}  // namespace qat
