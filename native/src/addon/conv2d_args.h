// The shape of a convolution out of JavaScript.
#pragma once

#include <string>

#include "addon/args.h"
#include "nn/im2col.h"

namespace qat::addon {

// inChannels, outChannels, kernel (a number or [height, width]); stride, padding, dilation and groups may
// be left out. Height and width of the image stay 0; the engine checks that all fit together.
Conv2dShape conv2d_shape(Napi::Object given, const std::string& what);

}  // namespace qat::addon
