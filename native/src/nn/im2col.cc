#include "nn/im2col.h"

#include <algorithm>
#include <string>

#include "nn/layer_limits.h"
#include "qat/error.h"

namespace qat {
namespace {

// fn(row of `columns`, first position of an output row, image row or -1, column offset) for every
// kernel element and output row of a group.
template <typename Fn>
void for_each_line(const Conv2dShape& s, int64_t group, Fn&& fn) {
  const int64_t out_height = s.out_height(), out_width = s.out_width();
  int64_t row = 0;
  for (int64_t c = group * s.group_in(); c < (group + 1) * s.group_in(); ++c) {
    for (int64_t ky = 0; ky < s.kernel_height; ++ky) {
      for (int64_t kx = 0; kx < s.kernel_width; ++kx, ++row) {
        for (int64_t oy = 0; oy < out_height; ++oy) {
          const int64_t y = oy * s.stride - s.padding + ky * s.dilation;
          const bool inside = y >= 0 && y < s.height;
          fn(row, oy * out_width, inside ? (c * s.height + y) * s.width : -1,
             kx * s.dilation - s.padding);
        }
      }
    }
  }
}

}  // namespace

void validate(const Conv2dShape& s) {
  require_layer_size("input channels", s.in_channels);
  require_layer_size("output channels", s.out_channels);
  require_layer_size("height", s.height);
  require_layer_size("width", s.width);
  require_layer_size("kernel height", s.kernel_height);
  require_layer_size("kernel width", s.kernel_width);
  require_layer_size("stride", s.stride);
  require_layer_size("dilation", s.dilation);
  require_layer_size("groups", s.groups);
  const auto refuse = [](const std::string& what, const char* remedy) {
    throw Error("E-NATIVE-ARGUMENT", "A convolution cannot be made: " + what + ".", remedy);
  };
  if (s.padding < 0 || s.padding > kMaxChannels) {
    refuse("its padding is " + std::to_string(s.padding), "Use a padding of 0 or more.");
  }
  if (s.in_channels % s.groups != 0 || s.out_channels % s.groups != 0) {
    refuse(std::to_string(s.groups) + " groups do not divide " + std::to_string(s.in_channels) +
               " input and " + std::to_string(s.out_channels) + " output channels",
           "Use a number of groups that divides both.");
  }
  const auto fits = [&](int64_t size, int64_t kernel) {
    return kernel - 1 <= (size + 2 * s.padding - 1) / s.dilation;
  };
  if (!fits(s.height, s.kernel_height) || !fits(s.width, s.kernel_width)) {
    refuse("its kernel of " + std::to_string(s.kernel_height) + " × " +
               std::to_string(s.kernel_width) + " is larger than the padded image of " +
               std::to_string(s.height) + " × " + std::to_string(s.width),
           "Use a smaller kernel or dilation, or more padding.");
  }
  // Products of extents stay far from overflow: none of these factors passes 2^24 alone.
  const auto product = [&](int64_t a, int64_t b, int64_t c) {
    if (a > kMaxWeights / b || a * b > kMaxWeights / c) {
      refuse("it has more than 4294967296 values", "Use fewer channels or a smaller image.");
    }
  };
  product(s.in_channels, s.height, s.width);
  product(s.out_channels, s.out_height(), s.out_width());
  product(s.group_in(), s.kernel_height, s.kernel_width);
  product(s.patch_size(), s.out_height(), s.out_width());
}

void im2col(const float* image, const Conv2dShape& s, int64_t group, float* columns) {
  const int64_t out_width = s.out_width(), positions = s.positions();
  for_each_line(s, group, [&](int64_t row, int64_t first, int64_t line, int64_t shift) {
    float* out = columns + row * positions + first;
    if (line < 0) {
      std::fill(out, out + out_width, 0.0f);
      return;
    }
    for (int64_t ox = 0; ox < out_width; ++ox) {
      const int64_t x = ox * s.stride + shift;
      out[ox] = x >= 0 && x < s.width ? image[line + x] : 0.0f;
    }
  });
}

void col2im_add(const float* columns, const Conv2dShape& s, int64_t group, float* image) {
  const int64_t out_width = s.out_width(), positions = s.positions();
  for_each_line(s, group, [&](int64_t row, int64_t first, int64_t line, int64_t shift) {
    if (line < 0) return;
    const float* in = columns + row * positions + first;
    for (int64_t ox = 0; ox < out_width; ++ox) {
      const int64_t x = ox * s.stride + shift;
      if (x >= 0 && x < s.width) image[line + x] += in[ox];
    }
  });
}

template <typename T>
void gather_patches(const T* image, const Conv2dShape& s, int64_t group, int64_t first,
                    int64_t count, T* patches) {
  const int64_t out_width = s.out_width();
  for (int64_t i = 0; i < count; ++i) {
    const int64_t oy = (first + i) / out_width, ox = (first + i) % out_width;
    for (int64_t c = group * s.group_in(); c < (group + 1) * s.group_in(); ++c) {
      for (int64_t ky = 0; ky < s.kernel_height; ++ky) {
        const int64_t y = oy * s.stride - s.padding + ky * s.dilation;
        for (int64_t kx = 0; kx < s.kernel_width; ++kx) {
          const int64_t x = ox * s.stride - s.padding + kx * s.dilation;
          const bool inside = y >= 0 && y < s.height && x >= 0 && x < s.width;
          *patches++ = inside ? image[(c * s.height + y) * s.width + x] : T{0};
        }
      }
    }
  }
}

template void gather_patches(const float*, const Conv2dShape&, int64_t, int64_t, int64_t, float*);
template void gather_patches(const int16_t*, const Conv2dShape&, int64_t, int64_t, int64_t,
                             int16_t*);

}  // namespace qat
