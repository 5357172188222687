#include "nn/embedding_bag.h"

#include <algorithm>
#include <string>
#include <utility>

#include "qat/error.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kBagsPerRange = 8;

void require_offsets(const int32_t* offsets, int64_t bags, int64_t count) {
  for (int64_t b = 0; b < bags; ++b) {
    const int32_t least = b > 0 ? offsets[b - 1] : 0;
    if (offsets[b] >= least && offsets[b] <= count && (b > 0 || offsets[b] == 0)) continue;
    throw Error("E-NATIVE-ARGUMENT",
                "Offset " + std::to_string(offsets[b]) + " of bag " + std::to_string(b) +
                    " is not between the one before and the " + std::to_string(count) + " ids.",
                "Begin offsets with 0 and do not let them fall.");
  }
}

int64_t bag_end(const int32_t* offsets, int64_t bag, int64_t bags, int64_t count) {
  return bag + 1 < bags ? offsets[bag + 1] : count;
}

}  // namespace

EmbeddingBag::EmbeddingBag(const EmbeddingOptions& options, BagMode mode)
    : EmbeddingTable(options), mode_(mode) {
  if (mode == BagMode::kVote && w_bit() != 1) {
    throw Error("E-QUANTIZER-INVALID",
                "A vote counts signs; rows of " + std::to_string(w_bit()) + " bits have more.",
                "Use 1 bit, or the mode sum or mean.");
  }
}

float EmbeddingBag::use_factor(int64_t members) const {
  return mode_ == BagMode::kSum ? 1.0f : 1.0f / static_cast<float>(members);
}

void EmbeddingBag::reduce_bag(const int32_t* ids, int64_t count, Rows from, float* y) const {
  const int64_t dim = embedding_dim();
  std::vector<float> row(static_cast<size_t>(dim));
  std::vector<double> sums(row.size());
  int64_t members = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (is_padding(ids[i])) continue;
    ++members;
    read_row(ids[i], from, row.data());
    for (size_t c = 0; c < row.size(); ++c) {
      sums[c] += mode_ != BagMode::kVote ? row[c] : row[c] >= 0 ? 1.0f : -1.0f;
    }
  }
  for (int64_t c = 0; c < dim; ++c) {
    const double sum = sums[static_cast<size_t>(c)];
    if (members == 0) y[c] = 0;
    else if (mode_ == BagMode::kVote) y[c] = sum >= 0 ? 1.0f : -1.0f;
    else if (mode_ == BagMode::kMean) y[c] = static_cast<float>(sum / static_cast<double>(members));
    else y[c] = static_cast<float>(sum);
  }
}

void EmbeddingBag::reduce(const int32_t* ids, int64_t count, const int32_t* offsets, int64_t bags,
                          Rows from, float* y) {
  begin_forward(from);
  require_ids(ids, count);
  require_offsets(offsets, bags, count);
  parallel_for(bags, kBagsPerRange, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      const int64_t first = offsets[b];
      reduce_bag(ids + first, bag_end(offsets, b, bags, count) - first, from,
                 y + b * embedding_dim());
    }
  });
}

void EmbeddingBag::forward(const int32_t* ids, int64_t count, const int32_t* offsets, int64_t bags,
                           float* y) {
  if (training()) {
    forward_borrowed(ids, count, offsets, bags, y, true);
  } else {
    forward_packed(ids, count, offsets, bags, y);
  }
}

void EmbeddingBag::forward_packed(const int32_t* ids, int64_t count, const int32_t* offsets,
                                  int64_t bags, float* y) {
  reduce(ids, count, offsets, bags, Rows::kPacked, y);
}

void EmbeddingBag::forward_borrowed(const int32_t* ids, int64_t count, const int32_t* offsets,
                                    int64_t bags, float* y, bool for_backward) {
  reduce(ids, count, offsets, bags, Rows::kFloat, y);
  if (!for_backward) return;
  std::vector<Use> uses;
  for (int64_t b = 0; b < bags; ++b) {
    const int64_t end = bag_end(offsets, b, bags, count);
    const int64_t members = std::count_if(ids + offsets[b], ids + end,
                                          [this](int32_t id) { return !is_padding(id); });
    for (int64_t i = offsets[b]; i < end; ++i) {
      if (!is_padding(ids[i])) uses.push_back({ids[i], b, use_factor(members)});
    }
  }
  keep_uses(std::move(uses));
}

SparseGradient EmbeddingBag::backward(const float* dy) {
  require_training();
  return backward_borrowed(dy);
}

SparseGradient EmbeddingBag::backward_borrowed(const float* dy) const {
  require_forward();
  return sparse_backward(dy, scales_learned() && mode_ != BagMode::kVote);
}

}  // namespace qat
