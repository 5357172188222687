#include "addon/packed_product_handle.h"

#include "addon/quantizer_args.h"

namespace qat::addon {

void PackedProductHandle::define_class(Napi::Env env) {
  using H = PackedProductHandle;
  define(env, {
                  getter_of<&H::rows>("rows"),
                  getter_of<&H::cols>("cols"),
                  method_of<&H::multiply>("multiply"),
                  dispose_method(),
              });
}

Napi::Value PackedProductHandle::rows(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(native()->rows()));
}

Napi::Value PackedProductHandle::cols(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(native()->cols()));
}

Napi::Value PackedProductHandle::multiply(const Napi::CallbackInfo& info) {
  const TiledWeight& weight = *native();
  const Span<float> x = floats(info[0], "x");
  const auto size = static_cast<int64_t>(x.size);
  if (size == 0 || size % weight.cols() != 0) {
    fail_argument("x must hold one or more rows of " + std::to_string(weight.cols()) + " values; it holds " +
                  std::to_string(size) + " values.");
  }
  const int64_t count = size / weight.cols();
  floats(info[1], "y", count * weight.rows());
  float* y = info[1].As<Napi::Float32Array>().Data();
  if (x.data < y + count * weight.rows() && y < x.data + size) fail_argument("x and y must not share memory.");
  switch (choice(info[2], "inputs", {"float", "bytes", "signs"})) {
    case 0:
      tiled_product_f32(weight, x.data, count, nullptr, y, weight.rows());
      break;
    case 1:
      tiled_product_by_bytes(weight, x.data, count, nullptr, y, weight.rows());
      break;
    default:
      if (weight.view().bits != 1) fail_argument("inputs \"signs\" is for weights of 1 bit.");
      tiled_product_signs(weight, x.data, 1, count, nullptr, y, weight.rows());
  }
  return info.Env().Undefined();
}

Napi::Value create_packed_product(const Napi::CallbackInfo& info) {
  const QuantizedWeight weight = quantized_weight_from(info[0], "weight");
  validate_quantized_weight(weight);
  auto tiled = std::make_shared<const TiledWeight>(weight);
  const int64_t bytes = tiled->native_bytes();
  return PackedProductHandle::create(info.Env(), std::move(tiled), bytes);
}

}  // namespace qat::addon
