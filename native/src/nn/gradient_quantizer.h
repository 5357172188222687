// DoReFa-Net's quantizer of gradients (Zhou et al. 2016, eq. 12).
#pragma once

#include <cstdint>

namespace qat {

// gradient [samples, width], in place. For each sample, with m = max|g| of the sample and n = 2^bits − 1,
//   g ← 2m·( round(n·clamp(g/2m + ½ + u/n, 0, 1))/n − ½ ),   u uniform in [−½, ½):
// 2^bits levels from −m to +m without a zero, chosen at random so that the mean is g. A sample of zeros
// stays as it is. The noise of element (r, c) is number r·width + c of `key`, so the same key (of the
// seed, the layer and the step: random_key) gives the same bits on any number of threads and after a
// resume. bits 1–16; throws E-NATIVE-ARGUMENT otherwise.
void quantize_gradient(float* gradient, int64_t samples, int64_t width, int bits, uint64_t key);

}  // namespace qat
