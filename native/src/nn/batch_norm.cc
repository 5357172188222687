#include "nn/batch_norm.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "qat/error.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

// Features per piece of work: sums of one feature always run over the rows in order.
constexpr int64_t kFeatureGrain = 64;

// Calls fn(feature, index) for features [begin, end) of every row, in row order.
template <typename Fn>
void for_each(int64_t rows, int64_t features, int64_t inner, int64_t begin, int64_t end, Fn&& fn) {
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t row = r * features * inner;
    if (inner == 1) {
      for (int64_t f = begin; f < end; ++f) fn(f, row + f);
    } else {
      for (int64_t f = begin; f < end; ++f) {
        for (int64_t i = 0; i < inner; ++i) fn(f, row + f * inner + i);
      }
    }
  }
}

}  // namespace

BatchNorm::BatchNorm(int64_t features, int64_t inner, float epsilon, float momentum)
    : features_(features), inner_(inner), epsilon_(epsilon), momentum_(momentum) {
  if (features < 1 || inner < 1 || !(epsilon > 0) || !(momentum >= 0 && momentum <= 1)) {
    throw Error("E-NATIVE-ARGUMENT",
                "Batch norm needs at least one feature, epsilon > 0 and momentum in [0, 1].",
                "Check the node's features and settings.");
  }
  const auto n = static_cast<size_t>(features);
  gamma.assign(n, 1.0f);
  beta.assign(n, 0.0f);
  running_mean.assign(n, 0.0f);
  running_var.assign(n, 1.0f);
  dgamma.assign(n, 0.0f);
  dbeta.assign(n, 0.0f);
  mean_.assign(n, 0.0f);
  inv_std_.assign(n, 0.0f);
  sum_a_.assign(n, 0.0);
  sum_b_.assign(n, 0.0);
}

void BatchNorm::forward_training(const float* x, float* y, int64_t rows) {
  const int64_t count = rows * inner_;
  if (count < 2) {
    throw Error("E-NATIVE-ARGUMENT",
                "Batch norm cannot train on a batch with one value per feature.",
                "Use a batch size of at least 2.");
  }
  x_ = x;
  rows_ = rows;
  frozen_ = false;
  const double n = static_cast<double>(count);
  parallel_for(features_, kFeatureGrain, [&](int64_t begin, int64_t end) {
    double* mean = sum_a_.data();
    double* var = sum_b_.data();
    std::fill(mean + begin, mean + end, 0.0);
    std::fill(var + begin, var + end, 0.0);
    for_each(rows, features_, inner_, begin, end, [&](int64_t f, int64_t i) { mean[f] += x[i]; });
    for (int64_t f = begin; f < end; ++f) mean[f] /= n;
    for_each(rows, features_, inner_, begin, end, [&](int64_t f, int64_t i) {
      const double d = x[i] - mean[f];
      var[f] += d * d;
    });
    for (int64_t f = begin; f < end; ++f) {
      mean_[f] = static_cast<float>(mean[f]);
      inv_std_[f] = static_cast<float>(1.0 / std::sqrt(var[f] / n + epsilon_));
      running_mean[f] = static_cast<float>((1.0 - momentum_) * running_mean[f] + momentum_ * mean[f]);
      running_var[f] =
          static_cast<float>((1.0 - momentum_) * running_var[f] + momentum_ * var[f] / (n - 1));
    }
    for_each(rows, features_, inner_, begin, end, [&](int64_t f, int64_t i) {
      y[i] = (x[i] - mean_[f]) * inv_std_[f] * gamma[f] + beta[f];
    });
  });
}

void BatchNorm::forward_inference(const float* x, float* y, int64_t rows) const {
  parallel_for(rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      for (int64_t f = 0; f < features_; ++f) {
        const float scale = gamma[f] / std::sqrt(running_var[f] + epsilon_);
        const int64_t at = (r * features_ + f) * inner_;
        for (int64_t i = at; i < at + inner_; ++i) y[i] = (x[i] - running_mean[f]) * scale + beta[f];
      }
    }
  });
}

void BatchNorm::forward_frozen(const float* x, float* y, int64_t rows) {
  x_ = x;
  rows_ = rows;
  frozen_ = true;
  for (size_t f = 0; f < mean_.size(); ++f) {
    mean_[f] = running_mean[f];
    inv_std_[f] = 1.0f / std::sqrt(running_var[f] + epsilon_);
  }
  forward_inference(x, y, rows);
}

void BatchNorm::backward(const float* dy, float* dx) {
  if (!x_) {
    throw Error("E-LAYER-STATE", "Batch norm backward was called before a training forward.",
                "Call forward in training first.");
  }
  const float* x = x_;
  const double n = static_cast<double>(rows_ * inner_);
  parallel_for(features_, kFeatureGrain, [&](int64_t begin, int64_t end) {
    double* sum_dy = sum_a_.data();
    double* sum_dy_xhat = sum_b_.data();
    std::fill(sum_dy + begin, sum_dy + end, 0.0);
    std::fill(sum_dy_xhat + begin, sum_dy_xhat + end, 0.0);
    for_each(rows_, features_, inner_, begin, end, [&](int64_t f, int64_t i) {
      sum_dy[f] += dy[i];
      sum_dy_xhat[f] += static_cast<double>(dy[i]) * ((x[i] - mean_[f]) * inv_std_[f]);
    });
    for (int64_t f = begin; f < end; ++f) {
      dbeta[f] = static_cast<float>(sum_dy[f]);
      dgamma[f] = static_cast<float>(sum_dy_xhat[f]);
    }
    if (!dx) return;
    if (frozen_) {
      for_each(rows_, features_, inner_, begin, end, [&](int64_t f, int64_t i) {
        dx[i] = gamma[f] * inv_std_[f] * dy[i];
      });
      return;
    }
    for_each(rows_, features_, inner_, begin, end, [&](int64_t f, int64_t i) {
      const float xhat = (x[i] - mean_[f]) * inv_std_[f];
      const float centred = dy[i] - static_cast<float>(sum_dy[f] / n) -
                            xhat * static_cast<float>(sum_dy_xhat[f] / n);
      dx[i] = gamma[f] * inv_std_[f] * centred;
    });
  });
}

int64_t BatchNorm::native_bytes() const {
  return features_ * static_cast<int64_t>(8 * sizeof(float) + 2 * sizeof(double));
}

}  // namespace qat
