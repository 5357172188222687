// The JavaScript Dataset: samples and labels held natively, never changed.
#pragma once

#include <memory>

#include "addon/handle.h"
#include "nn/dataset.h"

namespace qat::addon {

class DatasetHandle : public Handle<DatasetHandle, Dataset> {
 public:
  static constexpr HandleKind kKind = HandleKind::kDataset;
  static constexpr const char* kName = "Dataset";
  static constexpr napi_type_tag kTypeTag = {0x3c4f5a6b7d8e9fa0, 0xb1c2d3e4f5061728};

  using Handle::Handle;
  static void define_class(Napi::Env env);

  Napi::Value count(const Napi::CallbackInfo& info);
  Napi::Value features(const Napi::CallbackInfo& info);
};

// createDatasetFromBytes(images, labels, shape, normalisation)
Napi::Value create_dataset_from_bytes(const Napi::CallbackInfo& info);
// createDatasetFromFloats(values, labels, shape)
Napi::Value create_dataset_from_floats(const Napi::CallbackInfo& info);

}  // namespace qat::addon
