// n-bit embedding: the quantized row of every id.
#pragma once

#include "nn/embedding_table.h"

namespace qat {

class Embedding final : public EmbeddingTable {
 public:
  explicit Embedding(const EmbeddingOptions& options) : EmbeddingTable(options) {}

  // ids [count] → y [count, dim]; rows of padding_idx are zeros. In training from the float table,
  // keeping the ids for backward(); in inference from the packed one.
  void forward(const int32_t* ids, int64_t count, float* y);
  // dy [count, dim] of the last training forward().
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
