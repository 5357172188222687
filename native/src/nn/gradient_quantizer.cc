#include "nn/gradient_quantizer.h"

#include <algorithm>
#include <cmath>

#include "qat/error.h"
#include "runtime/rng.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

void quantize_sample(float* g, int64_t width, double levels, uint64_t key, uint64_t first) {
  float largest = 0;
  for (int64_t c = 0; c < width; ++c) largest = std::max(largest, std::fabs(g[c]));
  if (!(largest > 0)) return;
  const double span = 2.0 * largest;
  for (int64_t c = 0; c < width; ++c) {
    const double noise = uniform_at(key, first + static_cast<uint64_t>(c)) - 0.5;
    const double place = std::clamp(g[c] / span + 0.5 + noise / levels, 0.0, 1.0);
    g[c] = static_cast<float>(span * (std::nearbyint(place * levels) / levels - 0.5));
  }
}

}  // namespace

void quantize_gradient(float* gradient, int64_t samples, int64_t width, int bits, uint64_t key) {
  if (samples < 1 || width < 1 || bits < 1 || bits > 16) {
    throw Error("E-NATIVE-ARGUMENT",
                "A gradient quantizer needs at least one value and 1 to 16 bits.",
                "Correct the bits of the gradients.");
  }
  const double levels = static_cast<double>((1 << bits) - 1);
  parallel_for(samples, std::max<int64_t>(1, 4096 / width), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      quantize_sample(gradient + r * width, width, levels, key, static_cast<uint64_t>(r * width));
    }
  });
}

}  // namespace qat
