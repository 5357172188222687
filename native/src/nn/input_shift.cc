#include "nn/input_shift.h"

#include <algorithm>

#include "runtime/thread_pool.h"

namespace qat {

InputShift::InputShift(int64_t channels, int64_t inner)
    : values(static_cast<size_t>(channels), 0.0f),
      gradient(static_cast<size_t>(channels), 0.0f),
      channels_(channels),
      inner_(inner) {}

void InputShift::forward(const float* x, int64_t batch, float* y) const {
  parallel_for(batch, 16, [&](int64_t begin, int64_t end) {
    for (int64_t line = begin * channels_; line < end * channels_; ++line) {
      const float shift = values[static_cast<size_t>(line % channels_)];
      for (int64_t i = line * inner_; i < (line + 1) * inner_; ++i) y[i] = x[i] + shift;
    }
  });
}

void InputShift::backward(const float* dy, int64_t batch) {
  parallel_for(channels_, 64, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      double sum = 0;
      for (int64_t b = 0; b < batch; ++b) {
        const float* line = dy + (b * channels_ + c) * inner_;
        for (int64_t i = 0; i < inner_; ++i) sum += line[i];
      }
      gradient[static_cast<size_t>(c)] = static_cast<float>(sum);
    }
  });
}

}  // namespace qat
