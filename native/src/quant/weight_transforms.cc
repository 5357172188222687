#include "quant/weight_transforms.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "qat/error.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kChunk = 8192;  // elements per partial result
// Weights whose largest magnitude, or deviation, is below this count as equal: what they are divided by would make
// gradients that no float holds.
constexpr double kNoSpread = 1e-30;

// Place of the first largest |w|; n >= 1.
int64_t largest_magnitude(const float* w, int64_t n) {
  std::vector<int64_t> partials(static_cast<size_t>(chunk_count(n, kChunk)));
  parallel_chunks(n, kChunk, [&](int64_t chunk, int64_t begin, int64_t end) {
    int64_t best = begin;
    for (int64_t i = begin + 1; i < end; ++i) {
      if (std::fabs(w[i]) > std::fabs(w[best])) best = i;
    }
    partials[static_cast<size_t>(chunk)] = best;
  });
  return *std::max_element(partials.begin(), partials.end(), [&](int64_t a, int64_t b) {
    return std::fabs(w[a]) < std::fabs(w[b]);
  });
}

void libra_row(const float* w, int64_t cols, float* normalized, float* deviation, float* scale) {
  const auto n = static_cast<double>(cols);
  double sum = 0, square = 0, magnitude = 0;
  for (int64_t c = 0; c < cols; ++c) sum += w[c];
  const double mean = sum / n;
  for (int64_t c = 0; c < cols; ++c) square += (w[c] - mean) * (w[c] - mean);
  const double spread = cols > 1 ? std::sqrt(square / (n - 1)) : 0;
  const double by = spread > kNoSpread ? spread : 1;
  for (int64_t c = 0; c < cols; ++c) {
    const double value = spread > kNoSpread ? (w[c] - mean) / by : 0;
    magnitude += std::fabs(value);
    normalized[c] = static_cast<float>(value);
  }
  *deviation = static_cast<float>(by);
  *scale = magnitude > 0
               ? static_cast<float>(std::exp2(std::nearbyint(std::log2(magnitude / n))))
               : 1.0f;
}

}  // namespace

void dorefa_transform(const float* w, float* y, int64_t n) {
  if (n < 1) return;
  const double most = std::tanh(std::fabs(static_cast<double>(w[largest_magnitude(w, n)])));
  parallel_for(n, kChunk, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const double share = most > kNoSpread ? std::tanh(static_cast<double>(w[i])) / most : 0;
      y[i] = static_cast<float>(0.5 * share + 0.5);
    }
  });
}

// y = t/(2M) + ½ with t = tanh w and M = |t_k|: ∂y_i/∂t_i = 1/(2M), ∂y_i/∂M = −t_i/(2M²).
void dorefa_transform_backward(const float* w, const float* dy, float* dw, int64_t n) {
  if (n < 1) return;
  const int64_t at = largest_magnitude(w, n);
  const double top = std::tanh(static_cast<double>(w[at])), most = std::fabs(top);
  if (!(most > kNoSpread)) {
    std::fill_n(dw, n, 0.0f);
    return;
  }
  std::vector<double> partials(static_cast<size_t>(chunk_count(n, kChunk)));
  parallel_chunks(n, kChunk, [&](int64_t chunk, int64_t begin, int64_t end) {
    double sum = 0;
    for (int64_t i = begin; i < end; ++i) {
      const double t = std::tanh(static_cast<double>(w[i]));
      sum += dy[i] * t;
      if (i != at) dw[i] = static_cast<float>(dy[i] / (2 * most) * (1 - t * t));
    }
    partials[static_cast<size_t>(chunk)] = sum;
  });
  const double through_most = -std::accumulate(partials.begin(), partials.end(), 0.0) /
                              (2 * most * most) * (top < 0 ? -1 : 1);
  dw[at] = static_cast<float>((dy[at] / (2 * most) + through_most) * (1 - top * top));
}

void quantize_unit(const float* r, float* y, int64_t n, int bits) {
  if (bits < 1 || bits > 16) {
    throw Error("E-NATIVE-ARGUMENT", "Values in [0, 1] are quantized to 1 to 16 bits.",
                "Correct the bits.");
  }
  const double last = static_cast<double>((1 << bits) - 1);
  parallel_for(n, kChunk, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const double inside = std::clamp(static_cast<double>(r[i]), 0.0, 1.0);
      y[i] = static_cast<float>(std::nearbyint(inside * last) / last);
    }
  });
}

void libra_normalize(const float* w, int64_t rows, int64_t cols, float* normalized,
                     float* deviations, float* scales) {
  parallel_for(rows, std::max<int64_t>(1, kChunk / cols), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      libra_row(w + r * cols, cols, normalized + r * cols, deviations + r, scales + r);
    }
  });
}

// ŵ = (w − μ)/σ, ∂σ/∂w_i = ŵ_i/(n − 1): dw_i = (g_i − mean g − ŵ_i·Σ g·ŵ/(n − 1))/σ.
void libra_normalize_backward(const float* normalized, const float* deviations,
                              const float* dnormalized, int64_t rows, int64_t cols, float* dw) {
  parallel_for(rows, std::max<int64_t>(1, kChunk / cols), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const float *x = normalized + r * cols, *g = dnormalized + r * cols;
      double sum = 0, along = 0;
      for (int64_t c = 0; c < cols; ++c) {
        sum += g[c];
        along += static_cast<double>(g[c]) * x[c];
      }
      const double mean = sum / static_cast<double>(cols);
      const double slope = cols > 1 ? along / static_cast<double>(cols - 1) : 0;
      for (int64_t c = 0; c < cols; ++c) {
        dw[r * cols + c] = static_cast<float>((g[c] - mean - x[c] * slope) / deviations[r]);
      }
    }
  });
}

ErrorDecay error_decay(double progress, double first, double last) {
  if (!(progress >= 0 && progress <= 1 && first > 0 && last >= first && std::isfinite(last))) {
    throw Error("E-NATIVE-ARGUMENT",
                "The error decay needs a progress in [0, 1] and a range of t above 0 that grows.",
                "Correct the training settings.");
  }
  ErrorDecay decay;
  decay.t = first * std::pow(last / first, progress);
  decay.k = std::max(1 / decay.t, 1.0);
  return decay;
}

void error_decay_backward(const float* x, const float* dy, float* dx, int64_t n,
                          const ErrorDecay& decay) {
  parallel_for(n, kChunk, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const double bent = std::tanh(decay.t * x[i]);
      dx[i] = static_cast<float>(dy[i] * decay.k * decay.t * (1 - bent * bent));
    }
  });
}

}  // namespace qat
