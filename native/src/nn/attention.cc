#include "nn/attention.h"

#include <algorithm>
#include <cmath>

#include "qat/error.h"
#include "qat/kernels.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

// Over the scores of one query, in place; sums in double.
void softmax_row(float* scores, int64_t n, double scale) {
  const double top = static_cast<double>(*std::max_element(scores, scores + n)) * scale;
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += std::exp(scores[i] * scale - top);
  for (int64_t i = 0; i < n; ++i) {
    scores[i] = static_cast<float>(std::exp(scores[i] * scale - top) / sum);
  }
}

// In place: dp → scale·p·(dp − Σ p·dp).
void softmax_row_backward(const float* p, float* dp, int64_t n, double scale) {
  double dot = 0;
  for (int64_t i = 0; i < n; ++i) dot += static_cast<double>(p[i]) * dp[i];
  for (int64_t i = 0; i < n; ++i) dp[i] = static_cast<float>(scale * p[i] * (dp[i] - dot));
}

}  // namespace

Attention::Attention(const AttentionShape& shape) : shape_(shape) {
  if (shape.heads < 1 || shape.queries < 1 || shape.keys < 1 || shape.depth < 1) {
    throw Error("E-NATIVE-ARGUMENT", "Attention needs at least one head, token and channel.",
                "Check the node's shape.");
  }
  probabilities_.resize(static_cast<size_t>(shape.heads * shape.queries * shape.keys));
}

void Attention::forward(const float* q, const float* k, const float* v, float* y) {
  q_ = q;
  k_ = k;
  v_ = v;
  const int64_t queries = shape_.queries, keys = shape_.keys, depth = shape_.depth;
  const double scale = 1.0 / std::sqrt(static_cast<double>(depth));
  parallel_for(shape_.heads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t h = begin; h < end; ++h) {
      float* p = probabilities_.data() + h * queries * keys;
      kernels().gemm(false, true, queries, keys, depth, q + h * queries * depth, depth,
                     k + h * keys * depth, depth, p, keys, false);
      for (int64_t i = 0; i < queries; ++i) softmax_row(p + i * keys, keys, scale);
      kernels().gemm(false, false, queries, depth, keys, p, keys, v + h * keys * depth, depth,
                     y + h * queries * depth, depth, false);
    }
  });
}

void Attention::backward(const float* dy, float* dq, float* dk, float* dv) {
  if (!q_) {
    throw Error("E-LAYER-STATE", "Attention backward was called before a forward.",
                "Call forward first.");
  }
  const int64_t queries = shape_.queries, keys = shape_.keys, depth = shape_.depth;
  const double scale = 1.0 / std::sqrt(static_cast<double>(depth));
  dscores_.resize(probabilities_.size());
  parallel_for(shape_.heads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t h = begin; h < end; ++h) {
      const int64_t at_q = h * queries * depth, at_k = h * keys * depth;
      const float* p = probabilities_.data() + h * queries * keys;
      float* ds = dscores_.data() + h * queries * keys;
      kernels().gemm(true, false, keys, depth, queries, p, keys, dy + at_q, depth, dv + at_k, depth,
                     false);
      kernels().gemm(false, true, queries, keys, depth, dy + at_q, depth, v_ + at_k, depth, ds, keys,
                     false);
      for (int64_t i = 0; i < queries; ++i) {
        softmax_row_backward(p + i * keys, ds + i * keys, keys, scale);
      }
      kernels().gemm(false, false, queries, depth, keys, ds, keys, k_ + at_k, depth, dq + at_q,
                     depth, false);
      kernels().gemm(true, false, keys, depth, queries, ds, keys, q_ + at_q, depth, dk + at_k, depth,
                     false);
    }
  });
}

int64_t Attention::native_bytes() const {
  return static_cast<int64_t>((probabilities_.size() + dscores_.size()) * sizeof(float));
}

}  // namespace qat
