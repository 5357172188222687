#include "nn/max_pool2d.h"

#include <algorithm>
#include <cstdint>

#include "qat/error.h"
#include "runtime/thread_pool.h"

namespace qat {

void validate(const Pool2dShape& s) {
  const bool good = s.planes > 0 && s.height > 0 && s.width > 0 && s.kernel > 0 && s.stride > 0 &&
                    s.kernel <= s.height && s.kernel <= s.width &&
                    s.height <= INT32_MAX / s.width;
  if (good) return;
  throw Error("E-NATIVE-ARGUMENT", "The pooling kernel does not fit the image.",
              "Use a kernel and a stride of at least 1, and a kernel no larger than the image.");
}

void max_pool2d(const float* x, const Pool2dShape& s, float* y, int32_t* taken) {
  const int64_t out_height = s.out_height(), out_width = s.out_width();
  parallel_for(s.planes, 4, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      const float* plane = x + p * s.height * s.width;
      int64_t at = p * out_height * out_width;
      for (int64_t oy = 0; oy < out_height; ++oy) {
        for (int64_t ox = 0; ox < out_width; ++ox, ++at) {
          int64_t best = oy * s.stride * s.width + ox * s.stride;
          for (int64_t ky = 0; ky < s.kernel; ++ky) {
            const int64_t first = (oy * s.stride + ky) * s.width + ox * s.stride;
            for (int64_t i = first; i < first + s.kernel; ++i) {
              if (plane[i] > plane[best]) best = i;
            }
          }
          y[at] = plane[best];
          if (taken) taken[at] = static_cast<int32_t>(best);
        }
      }
    }
  });
}

void max_pool2d_backward(const float* dy, const Pool2dShape& s, const int32_t* taken, float* dx) {
  const int64_t out = s.out_height() * s.out_width(), in = s.height * s.width;
  parallel_for(s.planes, 4, [&](int64_t begin, int64_t end) {
    std::fill(dx + begin * in, dx + end * in, 0.0f);
    for (int64_t i = begin * out; i < end * out; ++i) dx[i / out * in + taken[i]] += dy[i];
  });
}

}  // namespace qat
