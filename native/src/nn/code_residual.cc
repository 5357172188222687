#include "nn/code_residual.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "runtime/thread_pool.h"

namespace qat {

int64_t carry_residual(float* residual, uint8_t* codes, int64_t rows, int64_t cols,
                       const QuantParams& p) {
  const float last = static_cast<float>(p.qmax - p.qmin);
  std::atomic<int64_t> changed{0};
  parallel_for(rows, std::max<int64_t>(1, 16384 / cols), [&](int64_t begin, int64_t end) {
    int64_t here = 0;
    for (int64_t r = begin; r < end; ++r) {
      for (int64_t c = 0; c < cols; ++c) {
        const float scale = p.scale[r * p.row_stride + c / p.group_cols];
        float& rest = residual[r * cols + c];
        uint8_t& code = codes[r * cols + c];
        const float wanted = static_cast<float>(code) + std::nearbyint(rest / scale);
        const auto next = static_cast<uint8_t>(std::clamp(wanted, 0.0f, last));
        if (next != code) {
          rest -= static_cast<float>(next - code) * scale;
          code = next;
          ++here;
        }
        rest = std::clamp(rest, -scale / 2, scale / 2);
      }
    }
    changed += here;
  });
  return changed;
}

}  // namespace qat
