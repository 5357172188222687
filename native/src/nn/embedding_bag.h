// n-bit embedding bag: one vector per bag of ids.
#pragma once

#include "nn/embedding_table.h"

namespace qat {

// kSum, kMean: over the members of a bag. kVote: of 1-bit rows, the sign that most of a bag have per column; +1 on a tie.
enum class BagMode { kSum, kMean, kVote };

class EmbeddingBag final : public EmbeddingTable {
 public:
  // Throws E-QUANTIZER-INVALID for a vote of more than one bit.
  EmbeddingBag(const EmbeddingOptions& options, BagMode mode);

  BagMode mode() const { return mode_; }
  // Bag b holds ids[offsets[b]] … ids[offsets[b + 1] − 1], the last one the rest of ids [count].
  // → y [bags, dim]. padding_idx takes no part; a bag without other ids is zeros. Throws
  // E-NATIVE-ARGUMENT unless offsets begin with 0, do not fall and end within count.
  void forward(const int32_t* ids, int64_t count, const int32_t* offsets, int64_t bags, float* y);
  // dy [bags, dim] of the last training forward(). A vote passes the gradient straight through as
  // if it were the mean of the signs; scales take no part in it.
  SparseGradient backward(const float* dy);

  // --- for networks, whatever mode the layer is in -------------------------------------------------
  // From the float table.
  void forward_borrowed(const int32_t* ids, int64_t count, const int32_t* offsets, int64_t bags,
                        float* y, bool for_backward);
  SparseGradient backward_borrowed(const float* dy) const;
  // From the packed table; a float table as it is.
  void forward_packed(const int32_t* ids, int64_t count, const int32_t* offsets, int64_t bags,
                      float* y);

 private:
  void reduce(const int32_t* ids, int64_t count, const int32_t* offsets, int64_t bags, Rows from,
              float* y);
  void reduce_bag(const int32_t* ids, int64_t count, Rows from, float* y) const;
  float use_factor(int64_t members) const;

  BagMode mode_;
};

}  // namespace qat
