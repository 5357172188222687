// Training pieces, written once for every vector width. Include after vec_*.h and quantize_impl.h.
// Multiplications and additions are kept apart: the results are bit-equal to the reference.
#pragma once

#include <cmath>
#include <cstdint>

#include "qat/kernels.h"

namespace qat::QAT_ISA {

void relu(const float* x, float* y, int64_t n) {
  for_each_vector(n, [&](int64_t i, vm mask, int64_t) QAT_INLINED {
    store(y + i, mask, max(load(x + i, mask), zero()));
  });
}

void relu_backward(const float* y, const float* dy, float* dx, int64_t n) {
  for_each_vector(n, [&](int64_t i, vm mask, int64_t) QAT_INLINED {
    store(dx + i, mask, keep(gt(load(y + i, mask), zero()), load(dy + i, mask)));
  });
}

void add_bias_rows(float* y, const float* bias, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; ++r) {
    float* row = y + r * cols;
    for_each_vector(cols, [&](int64_t i, vm mask, int64_t) QAT_INLINED {
      store(row + i, mask, add(load(row + i, mask), load(bias + i, mask)));
    });
  }
}

// In double, in the order of the rows, as the reference.
void sum_rows(const float* dy, float* dbias, int64_t rows, int64_t cols) {
  for_each_vector(cols, [&](int64_t i, vm mask, int64_t valid) QAT_INLINED {
    vd low = dzero(), high = dzero();
    for (int64_t r = 0; r < rows; ++r) {
      const vf v = load(dy + r * cols + i, mask);
      low = dadd(low, low_half(v));
      high = dadd(high, high_half(v));
    }
    double sums[kWidth];
    dstore(sums, low);
    dstore(sums + kDoubleWidth, high);
    for (int64_t j = 0; j < valid; ++j) dbias[i + j] = static_cast<float>(sums[j]);
  });
}

void sgd_step(float* p, const float* g, float* m, int64_t n, double lr, double momentum,
              double weight_decay, bool nesterov, bool first) {
  const float momentum_f = static_cast<float>(momentum);
  const vf rate = set1(static_cast<float>(lr)), mu = set1(momentum_f);
  const vf decay = set1(static_cast<float>(weight_decay));
  for_each_vector(n, [&](int64_t i, vm mask, int64_t) QAT_INLINED {
    const vf weight = load(p + i, mask);
    vf d = add(load(g + i, mask), mul(decay, weight));
    if (momentum_f != 0.0f) {
      const vf moment = first ? d : add(mul(mu, load(m + i, mask)), d);
      store(m + i, mask, moment);
      d = nesterov ? add(d, mul(mu, moment)) : moment;
    }
    store(p + i, mask, sub(weight, mul(rate, d)));
  });
}

void adam_step(float* p, const float* g, float* m, float* v, int64_t n, double lr, double beta1,
               double beta2, double eps, double weight_decay, bool decoupled, int64_t t) {
  const double correction1 = 1.0 - std::pow(beta1, static_cast<double>(t));
  const double correction2 = 1.0 - std::pow(beta2, static_cast<double>(t));
  const vf kept = set1(decoupled ? static_cast<float>(1.0 - lr * weight_decay) : 1.0f);
  const vf l2 = set1(decoupled ? 0.0f : static_cast<float>(weight_decay));
  const vf b1 = set1(static_cast<float>(beta1)), c1 = set1(static_cast<float>(1.0 - beta1));
  const vf b2 = set1(static_cast<float>(beta2)), c2 = set1(static_cast<float>(1.0 - beta2));
  const vf step = set1(static_cast<float>(lr / correction1));
  const vf root2 = set1(static_cast<float>(std::sqrt(correction2)));
  const vf epsilon = set1(static_cast<float>(eps));
  for_each_vector(n, [&](int64_t i, vm mask, int64_t) QAT_INLINED {
    const vf weight = mul(load(p + i, mask), kept);
    const vf gradient = add(load(g + i, mask), mul(l2, weight));
    const vf moment1 = add(mul(b1, load(m + i, mask)), mul(c1, gradient));
    const vf moment2 = add(mul(b2, load(v + i, mask)), mul(mul(c2, gradient), gradient));
    const vf denominator = add(div(sqrt(moment2), root2), epsilon);
    store(m + i, mask, moment1);
    store(v + i, mask, moment2);
    store(p + i, mask, sub(weight, mul(step, div(moment1, denominator))));
  });
}

}  // namespace qat::QAT_ISA
