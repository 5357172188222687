#include "nn/layer_norm.h"

#include <algorithm>
#include <cmath>

#include "qat/error.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

// Fixed, so that the sums over rows do not depend on the thread count.
constexpr int64_t kChunkRows = 32;

}  // namespace

LayerNorm::LayerNorm(int64_t features, float epsilon) : features_(features), epsilon_(epsilon) {
  if (features < 1 || !(epsilon > 0)) {
    throw Error("E-NATIVE-ARGUMENT", "Layer norm needs at least one feature and epsilon > 0.",
                "Check the node's features and settings.");
  }
  const auto n = static_cast<size_t>(features);
  gamma.assign(n, 1.0f);
  beta.assign(n, 0.0f);
  dgamma.assign(n, 0.0f);
  dbeta.assign(n, 0.0f);
}

void LayerNorm::forward(const float* x, float* y, int64_t rows) {
  x_ = x;
  rows_ = rows;
  mean_.resize(static_cast<size_t>(rows));
  inv_std_.resize(static_cast<size_t>(rows));
  const double n = static_cast<double>(features_);
  parallel_for(rows, kChunkRows, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const float* row = x + r * features_;
      float* out = y + r * features_;
      double mean = 0, var = 0;
      for (int64_t f = 0; f < features_; ++f) mean += row[f];
      mean /= n;
      for (int64_t f = 0; f < features_; ++f) var += (row[f] - mean) * (row[f] - mean);
      mean_[r] = static_cast<float>(mean);
      inv_std_[r] = static_cast<float>(1.0 / std::sqrt(var / n + epsilon_));
      for (int64_t f = 0; f < features_; ++f) {
        out[f] = (row[f] - mean_[r]) * inv_std_[r] * gamma[f] + beta[f];
      }
    }
  });
}

void LayerNorm::backward(const float* dy, float* dx) {
  if (!x_) {
    throw Error("E-LAYER-STATE", "Layer norm backward was called before a forward.",
                "Call forward first.");
  }
  const int64_t chunks = chunk_count(rows_, kChunkRows);
  sums_.assign(static_cast<size_t>(chunks * 2 * features_), 0.0);
  const double n = static_cast<double>(features_);
  parallel_chunks(rows_, kChunkRows, [&](int64_t chunk, int64_t begin, int64_t end) {
    double* sum_gamma = sums_.data() + chunk * 2 * features_;
    double* sum_beta = sum_gamma + features_;
    for (int64_t r = begin; r < end; ++r) {
      const float* row = x_ + r * features_;
      const float* dout = dy + r * features_;
      double mean_d = 0, mean_dx = 0;  // means over the row of gamma·dy and gamma·dy·x̂
      for (int64_t f = 0; f < features_; ++f) {
        const double normal = (row[f] - mean_[r]) * inv_std_[r];
        sum_gamma[f] += dout[f] * normal;
        sum_beta[f] += dout[f];
        mean_d += static_cast<double>(gamma[f]) * dout[f];
        mean_dx += static_cast<double>(gamma[f]) * dout[f] * normal;
      }
      if (!dx) continue;
      mean_d /= n;
      mean_dx /= n;
      for (int64_t f = 0; f < features_; ++f) {
        const double normal = (row[f] - mean_[r]) * inv_std_[r];
        dx[r * features_ + f] = static_cast<float>(
            inv_std_[r] * (static_cast<double>(gamma[f]) * dout[f] - mean_d - normal * mean_dx));
      }
    }
  });
  for (int64_t f = 0; f < features_; ++f) {
    double g = 0, b = 0;
    for (int64_t c = 0; c < chunks; ++c) {
      g += sums_[static_cast<size_t>(c * 2 * features_ + f)];
      b += sums_[static_cast<size_t>((c * 2 + 1) * features_ + f)];
    }
    dgamma[f] = static_cast<float>(g);
    dbeta[f] = static_cast<float>(b);
  }
}

int64_t LayerNorm::native_bytes() const {
  const size_t floats = 4 * gamma.size() + mean_.size() + inv_std_.size();
  return static_cast<int64_t>(floats * sizeof(float) + sums_.size() * sizeof(double));
}

}  // namespace qat
