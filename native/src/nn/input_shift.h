// A learned shift of every input channel: x + shift (BITorch's bias_a; ReActNet's sign with a learned
// threshold, Liu et al. 2020).
#pragma once

#include <cstdint>

#include "runtime/aligned.h"

namespace qat {

// x [batch, channels, inner].
class InputShift {
 public:
  InputShift(int64_t channels, int64_t inner);

  void forward(const float* x, int64_t batch, float* y) const;
  // From the gradient of y, which is that of x too. Every channel is summed in order by one thread.
  void backward(const float* dy, int64_t batch);

  AlignedVector<float> values, gradient;  // [channels]; values start at 0

 private:
  int64_t channels_, inner_;
};

}  // namespace qat
