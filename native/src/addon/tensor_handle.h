// The JavaScript Tensor: a float32 matrix held natively, never changed after it was made.
#pragma once

#include <cstdint>
#include <memory>

#include "addon/handle.h"
#include "addon/page_allocator.h"

namespace qat::addon {

struct KnownScales;  // known_scales.cc

struct TensorData {
  int64_t rows = 0;
  int64_t cols = 0;
  TensorValues values;  // row-major
  mutable std::shared_ptr<const KnownScales> known;  // by std::atomic_load and std::atomic_store

  int64_t count() const { return rows * cols; }
  int64_t bytes() const { return static_cast<int64_t>(values.size() * sizeof(float)); }
};

class TensorHandle : public Handle<TensorHandle, const TensorData> {
 public:
  static constexpr HandleKind kKind = HandleKind::kTensor;
  static constexpr const char* kName = "Tensor";
  static constexpr napi_type_tag kTypeTag = {0x1d6a0f5b2c9e4a11, 0x8f3c7b6a5d4e3f21};

  using Handle::Handle;
  static void define_class(Napi::Env env);
  static Napi::Object create_from(Napi::Env env, std::shared_ptr<const TensorData> data);

  Napi::Value rows(const Napi::CallbackInfo& info);
  Napi::Value cols(const Napi::CallbackInfo& info);
  Napi::Value copy_to(const Napi::CallbackInfo& info);
  Napi::Value content_hash(const Napi::CallbackInfo& info);
};

// The data behind a Tensor argument.
std::shared_ptr<const TensorData> tensor_argument(Napi::Value value, const std::string& what);

// A Float32Array or a Tensor: a view of its values and, for a Tensor, what keeps them alive.
struct FloatSource {
  Span<float> values;
  std::shared_ptr<const TensorData> owner;
};
FloatSource float_source(Napi::Value value, const std::string& what);

// tensorFromArray(values, rows, cols) and tensorFromFile(region, rows, cols, cancel?)
Napi::Value tensor_from_array(const Napi::CallbackInfo& info);
Napi::Value tensor_from_file(const Napi::CallbackInfo& info);

}  // namespace qat::addon
