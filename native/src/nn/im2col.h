// 2-D convolution as matrix products: shapes and the copies between images and patches.
#pragma once

#include <cstdint>

namespace qat {

// NCHW images; every group of output channels sees its own share of the input channels.
struct Conv2dShape {
  int64_t in_channels = 0, out_channels = 0;
  int64_t height = 0, width = 0;  // of the input
  int64_t kernel_height = 0, kernel_width = 0;
  int64_t stride = 1, padding = 0, dilation = 1, groups = 1;

  int64_t out_height() const { return extent(height, kernel_height); }
  int64_t out_width() const { return extent(width, kernel_width); }
  int64_t positions() const { return out_height() * out_width(); }
  int64_t input_size() const { return in_channels * height * width; }
  int64_t output_size() const { return out_channels * positions(); }
  int64_t group_in() const { return in_channels / groups; }
  int64_t group_out() const { return out_channels / groups; }
  // Values that one output value is computed from.
  int64_t patch_size() const { return group_in() * kernel_height * kernel_width; }
  bool is_padded() const { return padding > 0; }

 private:
  int64_t extent(int64_t size, int64_t kernel) const {
    return (size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
  }
};

// Throws E-NATIVE-ARGUMENT for extents that are not positive or too large, channels that the groups do
// not divide, and a kernel that does not fit the padded image.
void validate(const Conv2dShape& shape);

// columns [patch_size, positions] of one image [in_channels, height, width] and one group; 0 where the
// kernel meets padding.
void im2col(const float* image, const Conv2dShape& shape, int64_t group, float* columns);
// The transpose: adds columns to the image they came from.
void col2im_add(const float* columns, const Conv2dShape& shape, int64_t group, float* image);
// patches [count, patch_size] of the output positions first … first+count, of floats or codes.
template <typename T>
void gather_patches(const T* image, const Conv2dShape& shape, int64_t group, int64_t first,
                    int64_t count, T* patches);

}  // namespace qat
