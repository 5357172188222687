#include "nn/modules/attention_module.h"

#include <algorithm>
#include <cstring>

#include "runtime/thread_pool.h"

namespace qat {

AttentionModule::AttentionModule(const SampleShape& q, const SampleShape& k, int64_t heads,
                                 const AttentionQuantizers& quantizers, const AttentionMask& mask)
    : Module(q),
      mask_(mask),
      queries_(q.extents[0]),
      keys_(k.extents[0]),
      heads_(heads),
      depth_(q.extents[1] / heads),
      attention_({heads, queries_, keys_, depth_, mask.causal, mask.key_ids}, quantizers) {
  parameters_.add("queries", attention_.queries());
  parameters_.add("keys", attention_.keys());
  parameters_.add("probabilities", attention_.probabilities());
  parameters_.add("values", attention_.values());
}

void AttentionModule::grow(int64_t rows) {
  if (rows <= rows_) return;
  rows_ = rows;
  const auto per_query = static_cast<size_t>(rows * queries_ * heads_ * depth_);
  const auto per_key = static_cast<size_t>(rows * keys_ * heads_ * depth_);
  for (auto* buffer : {&q_, &y_, &dq_, &dy_}) buffer->resize(per_query);
  for (auto* buffer : {&k_, &v_, &dk_, &dv_}) buffer->resize(per_key);
}

const uint8_t* AttentionModule::key_mask(const float* const* x, int64_t rows) {
  if (!mask_.key_ids) return nullptr;
  const auto padding = static_cast<float>(mask_.padding_idx);
  key_mask_.resize(static_cast<size_t>(rows * keys_));
  for (size_t i = 0; i < key_mask_.size(); ++i) key_mask_[i] = x[3][i] != padding;
  return key_mask_.data();
}

// The order of the values means nothing to an estimator: no heads are split for the inputs.
void AttentionModule::prepare(const float* const* x, int64_t rows, const CancelToken* cancel) {
  const int64_t features = heads_ * depth_;
  attention_.queries().estimate(x[0], rows * queries_ * features, cancel);
  attention_.keys().estimate(x[1], rows * keys_ * features, cancel);
  attention_.values().estimate(x[2], rows * keys_ * features, cancel);
  const int64_t some = std::min(rows, kProbabilityRows);
  grow(some);
  split_heads(x[0], some, queries_, q_.data());
  split_heads(x[1], some, keys_, k_.data());
  attention_.estimate_probabilities(some, q_.data(), k_.data(), key_mask(x, some), cancel);
}

void AttentionModule::split_heads(const float* x, int64_t rows, int64_t tokens,
                                  float* heads) const {
  parallel_for(rows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      for (int64_t t = 0; t < tokens; ++t) {
        for (int64_t h = 0; h < heads_; ++h) {
          std::memcpy(heads + ((r * heads_ + h) * tokens + t) * depth_,
                      x + ((r * tokens + t) * heads_ + h) * depth_,
                      static_cast<size_t>(depth_) * sizeof(float));
        }
      }
    }
  });
}

void AttentionModule::join_heads(const float* heads, int64_t rows, int64_t tokens,
                                 float* x) const {
  parallel_for(rows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      for (int64_t t = 0; t < tokens; ++t) {
        for (int64_t h = 0; h < heads_; ++h) {
          std::memcpy(x + ((r * tokens + t) * heads_ + h) * depth_,
                      heads + ((r * heads_ + h) * tokens + t) * depth_,
                      static_cast<size_t>(depth_) * sizeof(float));
        }
      }
    }
  });
}

void AttentionModule::forward(const float* const* x, int64_t rows, float* y, Pass pass) {
  grow(rows);
  split_heads(x[0], rows, queries_, q_.data());
  split_heads(x[1], rows, keys_, k_.data());
  split_heads(x[2], rows, keys_, v_.data());
  if (pass == Pass::kPacked) {
    attention_.forward_packed(rows, q_.data(), k_.data(), v_.data(), y_.data(), key_mask(x, rows));
  } else {
    attention_.forward(rows, q_.data(), k_.data(), v_.data(), y_.data(), key_mask(x, rows));
  }
  join_heads(y_.data(), rows, queries_, y);
}

void AttentionModule::backward(const float* const*, const float*, float* dy, int64_t rows,
                               float* const* dx) {
  split_heads(dy, rows, queries_, dy_.data());
  attention_.backward(dy_.data(), dq_.data(), dk_.data(), dv_.data());
  if (dx[0]) join_heads(dq_.data(), rows, queries_, dx[0]);
  if (dx[1]) join_heads(dk_.data(), rows, keys_, dx[1]);
  if (dx[2]) join_heads(dv_.data(), rows, keys_, dx[2]);
  if (mask_.key_ids && dx[3]) std::fill_n(dx[3], rows * keys_, 0.0f);
}

int64_t AttentionModule::native_bytes() const {
  const size_t floats = 4 * (q_.size() + k_.size());
  return static_cast<int64_t>(key_mask_.size()) + static_cast<int64_t>(floats * sizeof(float)) + attention_.native_bytes();
}

}  // namespace qat
