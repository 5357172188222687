#include "addon/conv2d_args.h"

#include "addon/errors.h"

namespace qat::addon {
namespace {

void read_kernel(Napi::Value value, const std::string& what, Conv2dShape* shape) {
  if (!value.IsArray()) {
    shape->kernel_height = shape->kernel_width = extent(value, what);
    return;
  }
  const Napi::Array sides = array(value, what, 2);
  if (sides.Length() != 2) fail_argument(what + " must be a number or [height, width].");
  shape->kernel_height = extent(sides.Get(0u), what + "[0]");
  shape->kernel_width = extent(sides.Get(1u), what + "[1]");
}

}  // namespace

Conv2dShape conv2d_shape(Napi::Object given, const std::string& what) {
  Conv2dShape shape;
  shape.in_channels = extent(given.Get("inChannels"), what + ".inChannels");
  shape.out_channels = extent(given.Get("outChannels"), what + ".outChannels");
  read_kernel(given.Get("kernel"), what + ".kernel", &shape);
  const auto optional = [&](const char* name, int64_t low, int64_t* target) {
    const Napi::Value value = given.Get(name);
    if (value.IsUndefined()) return;
    *target = integer_in(value, what + "." + name, low, kMaxExtent);
  };
  optional("stride", 1, &shape.stride);
  optional("padding", 0, &shape.padding);
  optional("dilation", 1, &shape.dilation);
  optional("groups", 1, &shape.groups);
  return shape;
}

}  // namespace qat::addon
