#include "nn/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "nn/layer_limits.h"
#include "qat/error.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kRowGrain = 16;  // queries that one thread takes at a time

// Over the scores of one query, in place; sums in double. Of −∞, no key seen: exactly 0.
void softmax_row(float* scores, int64_t n, double scale) {
  const double top = static_cast<double>(*std::max_element(scores, scores + n)) * scale;
  if (top == -std::numeric_limits<double>::infinity()) {  // −∞ − (−∞) would be no number
    std::fill(scores, scores + n, 0.0f);
    return;
  }
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += std::exp(scores[i] * scale - top);
  for (int64_t i = 0; i < n; ++i) {
    scores[i] = static_cast<float>(std::exp(scores[i] * scale - top) / sum);
  }
}

// Keys that a query does not see: those behind `seen`, and those of mask 0 (null: none).
void hide_keys(float* scores, int64_t keys, int64_t seen, const uint8_t* mask) {
  constexpr float kHidden = -std::numeric_limits<float>::infinity();
  if (mask) {
    for (int64_t j = 0; j < seen; ++j) scores[j] = mask[j] ? scores[j] : kHidden;
  }
  std::fill(scores + seen, scores + keys, kHidden);
}

// In place: dp → scale·p·(dp − Σ p·dp).
void softmax_row_backward(const float* p, float* dp, int64_t n, double scale) {
  double dot = 0;
  for (int64_t i = 0; i < n; ++i) dot += static_cast<double>(p[i]) * dp[i];
  for (int64_t i = 0; i < n; ++i) dp[i] = static_cast<float>(scale * p[i] * (dp[i] - dot));
}

const AttentionShape& checked(const AttentionShape& s) {
  if (s.heads < 1 || s.queries < 1 || s.keys < 1 || s.depth < 1) {
    throw Error("E-NATIVE-ARGUMENT", "Attention needs at least one head, token and channel.",
                "Check the node's shape.");
  }
  if (s.causal && s.queries != s.keys) {
    throw Error("E-NATIVE-ARGUMENT",
                "Causal attention of " + std::to_string(s.queries) + " queries to " +
                    std::to_string(s.keys) + " keys does not say which are later.",
                "Use as many keys as queries, or attention that is not causal.");
  }
  // Divisions, not products: these must not overflow.
  if (s.queries > kMaxWeights / s.keys || s.heads > kMaxWeights / (s.queries * s.keys)) {
    throw Error("E-NATIVE-ARGUMENT",
                "Attention of " + std::to_string(s.queries) + " by " + std::to_string(s.keys) +
                    " tokens in " + std::to_string(s.heads) + " heads cannot be made.",
                "Use at most 4294967296 scores per sample.");
  }
  return s;
}

const ActivationOptions& checked_probabilities(const AttentionShape& shape,
                                               const ActivationOptions& options) {
  if (options.method == Method::kLsqPlus && options.bits != kFloatBits &&
      (shape.causal || shape.key_mask)) {
    throw Error("E-QUANTIZER-INVALID",
                "With the offset of LSQ+ the probability of a masked key is not 0.",
                "Use lsq, ste or pact for the probabilities of masked attention.");
  }
  if (options.bits == kFloatBits || !options.is_signed) return options;
  throw Error("E-QUANTIZER-INVALID",
              "Attention probabilities lie in [0, 1]; half of a signed grid would never be used.",
              "Use the unsigned grid for them.");
}

}  // namespace

Attention::Attention(const AttentionShape& shape, const AttentionQuantizers& quantizers)
    : shape_(checked(shape)),
      score_scale_(1.0 / std::sqrt(static_cast<double>(shape.depth))),
      scores_(QuantizedMatmul::Right::kTransposed, quantizers.queries, quantizers.keys),
      mixture_(QuantizedMatmul::Right::kPlain, checked_probabilities(shape, quantizers.probabilities),
               quantizers.values) {}

MatmulShape Attention::scores_shape(int64_t samples) const {
  return {samples, shape_.heads, shape_.queries, shape_.keys, shape_.depth};
}

MatmulShape Attention::mixture_shape(int64_t samples) const {
  return {samples, shape_.heads, shape_.queries, shape_.depth, shape_.keys};
}

void Attention::find_probabilities(int64_t samples, const float* q, const float* k,
                                   const uint8_t* key_mask, Products products) {
  if (shape_.key_mask != (key_mask != nullptr)) {
    throw Error("E-NATIVE-ARGUMENT", "Attention needs a key mask exactly where its shape has one.",
                "Pass the mask of the keys of every sample.");
  }
  const MatmulShape shape = scores_shape(samples);
  grow(probabilities_, samples * shape.y_size());
  float* p = probabilities_.data();
  if (products == Products::kPacked) {
    scores_.forward_packed(shape, q, k, p);
  } else {
    scores_.forward(shape, q, k, p);
  }
  const int64_t keys = shape_.keys;
  parallel_for(shape.batch() * shape_.queries, kRowGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t seen = shape_.causal ? i % shape_.queries + 1 : keys;
      const int64_t sample = i / (shape_.heads * shape_.queries);
      hide_keys(p + i * keys, keys, seen, key_mask ? key_mask + sample * keys : nullptr);
      softmax_row(p + i * keys, keys, score_scale_);
    }
  });
}

void Attention::set_quantizing(bool quantizing) {
  scores_.set_quantizing(quantizing);
  mixture_.set_quantizing(quantizing);
}

void Attention::estimate_probabilities(int64_t samples, const float* q, const float* k,
                                       const uint8_t* key_mask, const CancelToken* cancel) {
  if (probabilities().is_float()) return;
  samples_ = 0;
  const bool kept = scores_.quantizing();
  scores_.set_quantizing(true);
  find_probabilities(samples, q, k, key_mask, Products::kFloat);
  scores_.set_quantizing(kept);
  throw_if_cancelled(cancel);
  probabilities().estimate(probabilities_.data(), samples * scores_shape(samples).y_size(), cancel);
}

void Attention::forward(int64_t samples, const float* q, const float* k, const float* v, float* y,
                        const uint8_t* key_mask) {
  samples_ = 0;
  find_probabilities(samples, q, k, key_mask, Products::kFloat);
  mixture_.forward(mixture_shape(samples), probabilities_.data(), v, y);
  samples_ = samples;
}

void Attention::forward_packed(int64_t samples, const float* q, const float* k, const float* v,
                               float* y, const uint8_t* key_mask) {
  samples_ = 0;
  find_probabilities(samples, q, k, key_mask, Products::kPacked);
  mixture_.forward_packed(mixture_shape(samples), probabilities_.data(), v, y);
}

void Attention::backward(const float* dy, float* dq, float* dk, float* dv) {
  if (!samples_) {
    throw Error("E-LAYER-STATE", "Attention backward was called before a forward.",
                "Call forward first.");
  }
  const MatmulShape shape = scores_shape(samples_);
  grow(dscores_, samples_ * shape.y_size());
  float* ds = dscores_.data();
  mixture_.backward(dy, ds, dv);
  const float* p = probabilities_.data();
  const int64_t keys = shape_.keys;
  parallel_for(shape.batch() * shape_.queries, kRowGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      softmax_row_backward(p + i * keys, ds + i * keys, keys, score_scale_);
    }
  });
  scores_.backward(ds, dq, dk);
}

int64_t Attention::native_bytes() const {
  return static_cast<int64_t>((probabilities_.size() + dscores_.size()) * sizeof(float)) +
         scores_.native_bytes() + mixture_.native_bytes();
}

}  // namespace qat
