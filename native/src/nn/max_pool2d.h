// 2-D max pooling over NCHW images, without padding.
#pragma once

#include <cstdint>
#include <vector>

namespace qat {

struct Pool2dShape {
  int64_t planes = 0;  // batch · channels
  int64_t height = 0, width = 0;
  int64_t kernel = 2, stride = 2;

  int64_t out_height() const { return (height - kernel) / stride + 1; }
  int64_t out_width() const { return (width - kernel) / stride + 1; }
  int64_t out_count() const { return planes * out_height() * out_width(); }
};

// Throws E-NATIVE-ARGUMENT unless every extent is positive and the kernel fits the image.
void validate(const Pool2dShape& shape);

// y [planes, out_height, out_width]; taken[i] is the index within its plane of the value y[i] came
// from, the first of equal ones (for the backward pass; may be null).
void max_pool2d(const float* x, const Pool2dShape& shape, float* y, int32_t* taken);
// dx [planes, height, width]: every dy goes to where its value came from.
void max_pool2d_backward(const float* dy, const Pool2dShape& shape, const int32_t* taken, float* dx);

}  // namespace qat
