// What one JavaScript environment (main thread or worker) owns of the addon. No statics: two
// workers may have the addon loaded at the same time.
#pragma once

#include <array>

#include "addon/napi_setup.h"

namespace qat::addon {

enum class HandleKind {
  kCancelToken,
  kTensor,
  kLayer,
  kDataset,
  kNetwork,
  kSession,
  kMpqLinear,
  kMixedRowLinear,
  kEmbedding,
  kEmbeddingBag,
  kPackedProduct,
  kCount
};

struct EnvData {
  std::array<Napi::FunctionReference, static_cast<size_t>(HandleKind::kCount)> constructors;
  // The native object for the handle being constructed; null when JavaScript itself says `new`.
  void* pending_native = nullptr;

  static EnvData& of(Napi::Env env) { return *env.GetInstanceData<EnvData>(); }
  Napi::FunctionReference& constructor(HandleKind kind) {
    return constructors[static_cast<size_t>(kind)];
  }
};

}  // namespace qat::addon
