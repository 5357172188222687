#include "addon/dataset_handle.h"

#include <utility>

namespace qat::addon {
namespace {

constexpr int64_t kMaxClasses = 256;  // labels are bytes

DatasetShape dataset_shape(Napi::Value value) {
  const Napi::Object given = object(value, "shape");
  DatasetShape shape;
  shape.count = extent(given.Get("count"), "shape.count");
  shape.features = extent(given.Get("features"), "shape.features");
  shape.classes = integer_in(given.Get("classes"), "shape.classes", 1, kMaxClasses);
  return shape;
}

Napi::Value wrap(Napi::Env env, std::shared_ptr<Dataset> dataset) {
  const int64_t bytes_held = dataset->native_bytes();
  return DatasetHandle::create(env, std::move(dataset), bytes_held);
}

}  // namespace

void DatasetHandle::define_class(Napi::Env env) {
  define(env, {
                  getter_of<&DatasetHandle::count>("count"),
                  getter_of<&DatasetHandle::features>("features"),
                  dispose_method(),
              });
}

Napi::Value DatasetHandle::count(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(native()->count()));
}

Napi::Value DatasetHandle::features(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(native()->features()));
}

Napi::Value create_dataset_from_bytes(const Napi::CallbackInfo& info) {
  const Span<uint8_t> images = bytes(info[0], "images");
  const Span<uint8_t> labels = bytes(info[1], "labels");
  const DatasetShape shape = dataset_shape(info[2]);
  const Napi::Object normalisation = object(info[3], "normalisation");
  const double mean = finite_number(normalisation.Get("mean"), "normalisation.mean");
  const double deviation = finite_number(normalisation.Get("std"), "normalisation.std");
  return wrap(info.Env(), Dataset::from_bytes(images.data, images.size, labels.data, labels.size,
                                              shape, mean, deviation));
}

Napi::Value create_dataset_from_floats(const Napi::CallbackInfo& info) {
  const Span<float> values = floats(info[0], "values");
  const Span<uint8_t> labels = bytes(info[1], "labels");
  const DatasetShape shape = dataset_shape(info[2]);
  return wrap(info.Env(),
              Dataset::from_floats(values.data, values.size, labels.data, labels.size, shape));
}

}  // namespace qat::addon
