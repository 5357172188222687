#include "addon/tensor_handle.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "addon/cancel_handle.h"
#include "addon/file_region.h"
#include "addon/job.h"
#include "quant/statistics.h"
#include "runtime/hash.h"

namespace qat::addon {

void TensorHandle::define_class(Napi::Env env) {
  define(env, {
                  getter_of<&TensorHandle::rows>("rows"),
                  getter_of<&TensorHandle::cols>("cols"),
                  method_of<&TensorHandle::copy_to>("copyTo"),
                  method_of<&TensorHandle::content_hash>("contentHash"),
                  dispose_method(),
              });
}

Napi::Object TensorHandle::create_from(Napi::Env env, std::shared_ptr<const TensorData> data) {
  const int64_t bytes = data->bytes();
  return create(env, std::move(data), bytes);
}

Napi::Value TensorHandle::rows(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(native()->rows));
}

Napi::Value TensorHandle::cols(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(native()->cols));
}

Napi::Value TensorHandle::copy_to(const Napi::CallbackInfo& info) {
  const TensorData& data = *native();
  floats(info[0], "target", data.count());
  Napi::Float32Array target = info[0].As<Napi::Float32Array>();
  std::memcpy(target.Data(), data.values.data(), data.values.size() * sizeof(float));
  return info.Env().Undefined();
}

Napi::Value TensorHandle::content_hash(const Napi::CallbackInfo& info) {
  const TensorData& data = *native();
  const uint64_t hash = xxh64(data.values.data(), data.values.size() * sizeof(float));
  return Napi::String::New(info.Env(), hash_hex(hash));
}

std::shared_ptr<const TensorData> tensor_argument(Napi::Value value, const std::string& what) {
  return TensorHandle::from(value, what).native();
}

FloatSource float_source(Napi::Value value, const std::string& what) {
  if (TensorHandle::is(value)) {
    std::shared_ptr<const TensorData> owner = tensor_argument(value, what);
    const Span<float> span{owner->values.data(), owner->values.size()};
    return {span, std::move(owner)};
  }
  return {floats(value, what), nullptr};
}

Napi::Value tensor_from_array(const Napi::CallbackInfo& info) {
  const int64_t rows = extent(info[1], "rows");
  const int64_t cols = extent(info[2], "cols");
  const int64_t count = element_count(rows, cols, "a tensor");
  const Span<float> values = floats(info[0], "values", count);
  auto data = std::make_shared<TensorData>();
  data->rows = rows;
  data->cols = cols;
  data->values.resize(values.size);
  std::memcpy(data->values.data(), values.data, values.size * sizeof(float));
  const int64_t bad = find_not_finite(data->values.data(), count);
  if (bad >= 0) {
    throw Error("E-WEIGHT-NOT-FINITE",
                "Element " + std::to_string(bad) + " (row " + std::to_string(bad / cols) +
                    ", column " + std::to_string(bad % cols) + ") is NaN or infinite.",
                "Repair the weights: a tensor with NaN or infinity cannot be quantized.");
  }
  return TensorHandle::create_from(info.Env(), std::move(data));
}

namespace {

FileRegion file_region(Napi::Value value) {
  const Napi::Object given = object(value, "region");
  FileRegion region;
  region.path = text(given.Get("path"), "region.path", 16384);
  if (region.path.find('\0') != std::string::npos) {
    fail_argument("region.path must not contain a NUL character.");
  }
  constexpr int64_t kMaxSafeInteger = (int64_t{1} << 53) - 1;
  region.offset = integer_in(given.Get("offset"), "region.offset", 0, kMaxSafeInteger);
  region.byte_length =
      integer_in(given.Get("byteLength"), "region.byteLength", 1, kMaxSafeInteger);
  constexpr FloatType kTypes[] = {FloatType::kF32, FloatType::kF16, FloatType::kBf16,
                                  FloatType::kF64};
  region.type =
      kTypes[choice(given.Get("dtype"), "region.dtype", {"F32", "F16", "BF16", "F64"})];
  return region;
}

}  // namespace

Napi::Value tensor_from_file(const Napi::CallbackInfo& info) {
  FileRegion region = file_region(info[0]);
  const int64_t rows = extent(info[1], "rows");
  const int64_t cols = extent(info[2], "cols");
  const int64_t count = element_count(rows, cols, "a tensor");
  const int64_t expected_bytes = count * float_type_bytes(region.type);
  if (region.byte_length != expected_bytes) {
    fail_argument("region.byteLength must be " + std::to_string(expected_bytes) + " for " +
                  std::to_string(rows) + " x " + std::to_string(cols) + " elements, not " +
                  std::to_string(region.byte_length) + ".");
  }
  std::shared_ptr<CancelToken> cancel = cancel_argument(info[3]);
  using Data = std::shared_ptr<const TensorData>;
  return Job<Data>::start(
      info.Env(), "qat.tensorFromFile", cancel,
      [region = std::move(region), rows, cols, cancel]() -> Data {
        auto data = std::make_shared<TensorData>();
        data->rows = rows;
        data->cols = cols;
        data->values = read_file_region(region, cols, cancel.get());
        return data;
      },
      [](Napi::Env env, Data& data) -> Napi::Value {
        return TensorHandle::create_from(env, std::move(data));
      });
}

}  // namespace qat::addon
