// The JavaScript PackedProduct: a packed weight laid out for products.
#pragma once

#include "addon/handle.h"
#include "quant/tiled_weight.h"

namespace qat::addon {

class PackedProductHandle : public Handle<PackedProductHandle, const TiledWeight> {
 public:
  static constexpr HandleKind kKind = HandleKind::kPackedProduct;
  static constexpr const char* kName = "PackedProduct";
  static constexpr napi_type_tag kTypeTag = {0x6d1e4b7a92c35f08, 0xa4f0837be15d2c96};

  using Handle::Handle;
  static void define_class(Napi::Env env);

  Napi::Value rows(const Napi::CallbackInfo& info);
  Napi::Value cols(const Napi::CallbackInfo& info);
  // multiply(x, y, inputs)
  Napi::Value multiply(const Napi::CallbackInfo& info);
};

// createPackedProduct(weight)
Napi::Value create_packed_product(const Napi::CallbackInfo& info);

}  // namespace qat::addon
