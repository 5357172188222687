#include "nn/embedding.h"

#include <utility>

#include "runtime/thread_pool.h"

namespace qat {
namespace {
constexpr int64_t kIdsPerRange = 32;
}

void Embedding::look_up(const int32_t* ids, int64_t count, Rows from, float* y) {
  begin_forward(from);
  require_ids(ids, count);
  const int64_t dim = embedding_dim();
  parallel_for(count, kIdsPerRange, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) read_row(ids[i], from, y + i * dim);
  });
}

void Embedding::forward(const int32_t* ids, int64_t count, float* y) {
  if (training()) {
    forward_borrowed(ids, count, y, true);
  } else {
    forward_packed(ids, count, y);
  }
}

void Embedding::forward_packed(const int32_t* ids, int64_t count, float* y) {
  look_up(ids, count, Rows::kPacked, y);
}

void Embedding::forward_borrowed(const int32_t* ids, int64_t count, float* y, bool for_backward) {
  look_up(ids, count, Rows::kFloat, y);
  if (!for_backward) return;
  std::vector<Use> uses;
  for (int64_t i = 0; i < count; ++i) {
    if (!is_padding(ids[i])) uses.push_back({ids[i], i, 1.0f});
  }
  keep_uses(std::move(uses));
}

SparseGradient Embedding::backward(const float* dy) {
  require_training();
  return backward_borrowed(dy);
}

SparseGradient Embedding::backward_borrowed(const float* dy) const {
  require_forward();
  return sparse_backward(dy, scales_learned());
}

}  // namespace qat
