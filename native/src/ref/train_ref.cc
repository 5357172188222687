#include <cmath>

#include "ref/ref_kernels.h"

namespace qat::ref {

void relu(const float* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] > 0.0f ? x[i] : 0.0f;
}

void relu_backward(const float* y, const float* dy, float* dx, int64_t n) {
  for (int64_t i = 0; i < n; ++i) dx[i] = y[i] > 0.0f ? dy[i] : 0.0f;
}

void add_bias_rows(float* y, const float* bias, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) y[r * cols + c] += bias[c];
  }
}

void sum_rows(const float* dy, float* dbias, int64_t rows, int64_t cols) {
  for (int64_t c = 0; c < cols; ++c) {
    double sum = 0;
    for (int64_t r = 0; r < rows; ++r) sum += static_cast<double>(dy[r * cols + c]);
    dbias[c] = static_cast<float>(sum);
  }
}

void sgd_step(float* p, const float* g, float* m, int64_t n, double lr, double momentum,
              double weight_decay, bool nesterov, bool first) {
  const float rate = static_cast<float>(lr), mu = static_cast<float>(momentum);
  const float decay = static_cast<float>(weight_decay);
  for (int64_t i = 0; i < n; ++i) {
    float d = g[i] + decay * p[i];
    if (mu != 0.0f) {
      m[i] = first ? d : mu * m[i] + d;
      d = nesterov ? d + mu * m[i] : m[i];
    }
    p[i] = p[i] - rate * d;
  }
}

void adam_step(float* p, const float* g, float* m, float* v, int64_t n, double lr, double beta1,
               double beta2, double eps, double weight_decay, bool decoupled, int64_t t) {
  const double correction1 = 1.0 - std::pow(beta1, static_cast<double>(t));
  const double correction2 = 1.0 - std::pow(beta2, static_cast<double>(t));
  const float keep = decoupled ? static_cast<float>(1.0 - lr * weight_decay) : 1.0f;
  const float l2 = decoupled ? 0.0f : static_cast<float>(weight_decay);
  const float b1 = static_cast<float>(beta1), c1 = static_cast<float>(1.0 - beta1);
  const float b2 = static_cast<float>(beta2), c2 = static_cast<float>(1.0 - beta2);
  const float step = static_cast<float>(lr / correction1);
  const float root2 = static_cast<float>(std::sqrt(correction2)), epsilon = static_cast<float>(eps);
  for (int64_t i = 0; i < n; ++i) {
    const float weight = p[i] * keep;
    const float gradient = g[i] + l2 * weight;
    m[i] = b1 * m[i] + c1 * gradient;
    v[i] = b2 * v[i] + c2 * gradient * gradient;
    const float denominator = std::sqrt(v[i]) / root2 + epsilon;
    p[i] = weight - step * (m[i] / denominator);
  }
}

}  // namespace qat::ref
