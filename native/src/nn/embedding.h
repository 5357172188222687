// n-bit embedding: the quantized row of every id.
#pragma once

#include "nn/embedding_table.h"

namespace qat {

class Embedding final : public EmbeddingTable {
 public:
  explicit Embedding(const EmbeddingOptions& options) : EmbeddingTable(options) {}

  // ids [count] → y [count, dim]; rows of padding_idx are zeros. In training from the float table,
  // keeping the ids for backward(); in inference from the packed one. Throws E-NATIVE-ARGUMENT naming
  // an id outside the vocabulary, E-LAYER-STATE before there is a weight with scales.
  void forward(const int32_t* ids, int64_t count, float* y);
  // dy [count, dim] of the last training forward(), else E-LAYER-STATE. Contributions of an id sum in
  // the order of the ids.
  SparseGradient backward(const float* dy);

  // --- for networks, whatever mode the layer is in -------------------------------------------------
  // From the float table.
  void forward_borrowed(const int32_t* ids, int64_t count, float* y, bool for_backward);
  SparseGradient backward_borrowed(const float* dy) const;
  // From the packed table; a float table as it is.
  void forward_packed(const int32_t* ids, int64_t count, float* y);

 private:
  void look_up(const int32_t* ids, int64_t count, Rows from, float* y);
};

}  // namespace qat
