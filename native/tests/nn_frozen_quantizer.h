// Activation quantizers by their definition in double, for finite differences.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "nn/activation_quantizer.h"
#include "nn_test_util.h"

namespace nn_test {

inline qat::ActivationOptions operand(int bits, bool is_signed = true,
                               qat::Method method = qat::Method::kLsq) {
  qat::ActivationOptions options;
  options.bits = bits;
  options.is_signed = is_signed;
  options.method = method;
  return options;
}

// The quantizer by its definition in double, with rounding noise and clipping frozen where it was made:
// a smooth function whose derivative is the one that the gradient rule states.
struct Frozen {
  double noise = 0, clipped = 0;  // round(u) − u; the code when it was clipped
  bool inside = true, sign = false, passes = true;
  double sign_value = 1, base = 0;

  Frozen() = default;
  Frozen(float x, const qat::ActivationOptions& o, const qat::ActivationState& state) {
    base = x;
    sign = o.bits == 1 && o.is_signed;
    if (sign) {
      sign_value = x >= 0 ? 1 : -1;
      passes = std::fabs(x) <= 2 * state.scale;
      return;
    }
    const double qmin = o.is_signed ? -std::ldexp(1, o.bits - 1) : 0;
    const double qmax = o.is_signed ? std::ldexp(1, o.bits - 1) - 1 : std::ldexp(1, o.bits) - 1;
    const float moved = x - state.shift;
    const double code = std::nearbyint(moved / state.scale);
    inside = code >= qmin && code <= qmax;
    clipped = std::clamp(code, qmin, qmax);
    noise = code - (static_cast<double>(x) - state.shift) / state.scale;
  }
  double operator()(double x, double scale, double shift) const {
    // Straight through a sign: its slope is 1 inside the window, whatever the scale.
    if (sign) return scale * sign_value + (passes ? x - base : 0);
    return inside ? scale * ((x - shift) / scale + noise) + shift : scale * clipped + shift;
  }
};

struct Operand {
  qat::ActivationOptions options;
  double scale, shift;
  std::vector<double> x;
  std::vector<Frozen> frozen;

  Operand(const qat::ActivationOptions& o, const qat::ActivationState& state, int64_t count,
          uint64_t seed)
      : options(o), scale(state.scale), shift(state.shift) {
    for (const float v : random_values(count, seed)) {
      x.push_back(v);
      frozen.emplace_back(v, o, state);
    }
  }
  double value(int64_t i) const {
    const auto at = static_cast<size_t>(i);
    return options.bits == 32 ? x[at] : frozen[at](x[at], scale, shift);
  }
  std::vector<float> floats() const { return {x.begin(), x.end()}; }
};

}  // namespace nn_test
