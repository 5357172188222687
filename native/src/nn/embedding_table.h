// A table of vectors as 1–8 bit codes with a scale per row, or in float: the life cycle and the rows
// that embedding and embedding bag share. Training keeps a float table; only the rows a batch touches
// get a gradient. Rules of the rows are those of n-bit layers' channels: LSQ (Esser et al. 2020), signs
// (BinaryConnect, Courbariaux et al. 2015), three levels (TWN, Li et al. 2016).
#pragma once

#include <cstdint>
#include <vector>

#include "nn/layer_life.h"
#include "nn/types.h"
#include "quant/packing.h"
#include "runtime/aligned.h"

namespace qat {

struct EmbeddingOptions {
  int64_t num_embeddings = 0;  // rows
  int64_t embedding_dim = 0;   // columns
  // This row is zeros in every lookup, takes no part in a bag and gets no gradient; −1: none.
  int64_t padding_idx = -1;
  // Granularity is per row, whatever it says. kSte: scales of 1 bit follow mean|row|, abs-max and
  // ternary ones their row; others stay as prepared. kLsq: scales are learned, a ternary row's
  // threshold is half of its scale. kFloatBits: no scales, no codes; the table is prepared once it is set.
  WeightOptions weight;
};

// Of the rows that the last training forward touched, in rising order.
struct SparseGradient {
  std::vector<int32_t> rows;
  std::vector<float> dweight;  // [rows, dim]
  std::vector<float> dscales;  // [rows], LSQ gradient scale applied; empty where not learned
};

class EmbeddingTable {
 public:
  virtual ~EmbeddingTable() = default;
  EmbeddingTable(const EmbeddingTable&) = delete;
  EmbeddingTable& operator=(const EmbeddingTable&) = delete;

  const EmbeddingOptions& options() const { return options_; }
  int64_t num_embeddings() const { return options_.num_embeddings; }
  int64_t embedding_dim() const { return options_.embedding_dim; }
  int w_bit() const { return options_.weight.quantizer.bits; }
  bool is_float() const { return w_bit() == kFloatBits; }
  bool is_binary() const { return !is_float() && quantizer().grid == Grid::kBinary; }
  bool training() const { return life_.training(); }
  LayerState state() const { return life_.state(); }
  int64_t native_bytes() const;

  // --- life cycle; an illegal transition throws E-LAYER-STATE naming state, call and remedy ------
  // N(0, 1), the padding row 0. → weight
  void reset_parameters(uint64_t seed);
  // count = rows·dim, else E-WEIGHT-SHAPE; NaN or infinity: E-WEIGHT-NOT-FINITE. 1-bit tables keep
  // values within [−1, 1], here and after updates: beyond, none would get a gradient. → weight
  void set_weight_data(const float* weight, size_t count);
  // A scale per row by the range estimator; one that came packed keeps its own.
  // → prepared
  void prepare_params(const CancelToken* cancel = nullptr);
  // Packs the float table under its scales. → quantized; with qweight_only the float table is given
  // up and training mode left → packedOnly
  void generate_quantized_weight(bool qweight_only = false, const CancelToken* cancel = nullptr);
  // Takes a packed table of this shape (else E-WEIGHT-SHAPE), bits and grid with a scale per row
  // (else E-QUANTIZER-INVALID; so two levels per row). → packedOnly
  void set_quantized_weight_data(const QuantizedWeight& weight);
  const QuantizedWeight& packed_weight(const CancelToken* cancel = nullptr);
  Scales scales();
  // In place of prepare_params: rows positive scales, else E-NATIVE-ARGUMENT; a ternary row's
  // threshold is found where it is not given, two levels are E-QUANTIZER-INVALID. → prepared; a
  // packedOnly table keeps its codes under the new scales.
  void set_scales(const Scales& scales);
  // A packedOnly table gets its float weight back from the codes. → quantized
  void train();
  void eval();
  // E-LAYER-STATE for `call` where there is no float weight.
  void require_weight(const char* call) const { life_.require_weight(call); }
  const float* weight() const { return life_.has_weight() ? weight_.data() : nullptr; }

  // Adds to the float rows (dweight [count, dim]) and their scales (dscales [count], null: none).
  // Throws E-NATIVE-ARGUMENT for a row that does not exist or is given twice; E-TRAINING-DIVERGED,
  // and changes nothing, where a value would not be finite.
  void add_update(const int32_t* rows, int64_t count, const float* dweight, const float* dscales);

  bool scales_learned() const { return !is_float() && options_.weight.method == Method::kLsq; }

  // --- for networks: arrays to write to; after_update() once all values of a step are written ------
  float* mutable_weight();
  float* mutable_scales();
  void after_update();
  // Scales as they are; empty before they are set.
  const Scales& current_scales() const { return scales_; }
  // false: lookups give float rows, and the gradient passes as it is. Packed lookups stay packed.
  void set_quantizing(bool quantizing) { quantizing_ = quantizing; }
  bool quantizing() const { return quantizing_; }

 protected:
  // Throws E-NATIVE-ARGUMENT for sizes it cannot do; E-QUANTIZER-INVALID for bits, methods but lsq and
  // ste, the range ttq and a library's grid.
  explicit EmbeddingTable(const EmbeddingOptions& options);

  // What one row's quantized values contribute to: dŵ[id] += factor · dy[row].
  struct Use {
    int32_t id = 0;
    int64_t row = 0;  // of dy
    float factor = 1;
  };

  // Throws E-NATIVE-ARGUMENT naming the first id outside the vocabulary.
  void require_ids(const int32_t* ids, int64_t count) const;
  // Where a forward reads its rows: the float table through the quantizer, or the codes.
  enum class Rows { kFloat, kPacked };
  Rows rows_in_use() const { return training() ? Rows::kFloat : Rows::kPacked; }
  // Before the rows of a forward are read: a weight with scales, or the packed one.
  void begin_forward(Rows from);
  // Quantized values of a row [dim]; zeros for the padding row. Safe from several threads.
  void read_row(int32_t id, Rows from, float* values) const;
  bool is_padding(int32_t id) const { return id == options_.padding_idx; }
  // Remembers a training forward's uses (padding left out).
  void keep_uses(std::vector<Use> uses);
  // Gradient of the kept uses for dy [·, dim]; sums in the order of the uses, in double.
  SparseGradient sparse_backward(const float* dy, bool with_scales) const;
  // E-LAYER-STATE unless a training forward was kept and nothing was written since.
  void require_forward() const;
  void require_training() const;  // E-LAYER-STATE in inference

 private:
  const QuantizerConfig& quantizer() const { return options_.weight.quantizer; }
  void require_codes() const;
  QuantParams row_params(int64_t row) const;
  void row_written(int64_t row);
  bool scales_follow() const;
  void clip_rows(int64_t begin, int64_t end);
  void complete_thresholds(Scales* scales) const;
  void halve_learned_thresholds(int64_t begin, int64_t end);
  void read_packed_row(int64_t row, float* values) const;
  double row_backward(int64_t row, const float* dvalues, float* dweight) const;

  EmbeddingOptions options_;
  ScaleLayout layout_;
  LayerLife life_;
  AlignedVector<float> weight_;
  Scales scales_;
  QuantizedWeight packed_;
  std::vector<Use> uses_;
  bool has_uses_ = false;
  bool quantizing_ = true;
  uint64_t uses_version_ = 0;
};

}  // namespace qat
