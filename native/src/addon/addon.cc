// The module: what `require` returns. One EnvData per environment, no statics.
#include <string>
#include <vector>

#include "addon/analysis.h"
#include "addon/args.h"
#include "addon/cancel_handle.h"
#include "addon/dataset_handle.h"
#include "addon/embedding_handle.h"
#include "addon/env_data.h"
#include "addon/exports.h"
#include "addon/layer_handle.h"
#include "addon/mixed_row_handle.h"
#include "addon/mpq_linear_handle.h"
#include "addon/network_handle.h"
#include "addon/ops.h"
#include "addon/packed_product_handle.h"
#include "addon/quantizer_args.h"
#include "addon/session_handle.h"
#include "addon/tensor_handle.h"
#include "addon/user_quantizer_loading.h"
#include "qat/kernels.h"
#include "runtime/cpu_features.h"
#include "runtime/thread_pool.h"

namespace qat::addon {
namespace {

constexpr const char* kVersion = "0.1.0";
constexpr int64_t kMaxThreads = 64;

Napi::Value info_object(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::vector<std::string> isas = available_isas();
  Napi::Array available = Napi::Array::New(env, isas.size());
  for (size_t i = 0; i < isas.size(); ++i) available.Set(static_cast<uint32_t>(i), isas[i]);
  Napi::Object result = Napi::Object::New(env);
  result.Set("version", kVersion);
  result.Set("isa", kernels().isa);
  result.Set("isaAvailable", available);
  result.Set("threads", thread_count());
  return result;
}

Napi::Value set_thread_count(const Napi::CallbackInfo& info) {
  set_threads(static_cast<int>(integer_in(info[0], "count", 1, kMaxThreads)));
  return info.Env().Undefined();
}

void define_classes(Napi::Env env) {
  CancelHandle::define_class(env);
  TensorHandle::define_class(env);
  LayerHandle::define_class(env);
  DatasetHandle::define_class(env);
  NetworkHandle::define_class(env);
  SessionHandle::define_class(env);
  MpqLinearHandle::define_class(env);
  MixedRowHandle::define_class(env);
  EmbeddingHandle::define_class(env);
  EmbeddingBagHandle::define_class(env);
  PackedProductHandle::define_class(env);
}

}  // namespace

Napi::Object init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new EnvData);
  define_classes(env);
  export_function<info_object>(exports, "info");
  export_function<set_thread_count>(exports, "setThreads");
  export_function<create_cancel_token>(exports, "createCancelToken");
  export_function<tensor_from_array>(exports, "tensorFromArray");
  export_promise<tensor_from_file>(exports, "tensorFromFile");
  export_promise<thumbnail>(exports, "thumbnail");
  export_promise<statistics>(exports, "statistics");
  export_promise<histogram>(exports, "histogram");
  export_promise<analyze_tensor>(exports, "analyze");
  export_promise<what_if_tensor>(exports, "whatIf");
  export_function<pack_codes_array>(exports, "packCodes");
  export_function<unpack_codes_array>(exports, "unpackCodes");
  export_function<quantizer_parts>(exports, "quantizerParts");
  export_function<load_quantizer>(exports, "loadQuantizer");
  export_function<create_linear>(exports, "createLinear");
  export_function<create_conv2d>(exports, "createConv2d");
  export_function<create_dataset_from_bytes>(exports, "createDatasetFromBytes");
  export_function<create_dataset_from_floats>(exports, "createDatasetFromFloats");
  export_function<create_network>(exports, "createNetwork");
  export_function<create_session>(exports, "createSession");
  export_function<create_mpq_linear>(exports, "createMpqLinear");
  export_function<create_mixed_row_linear>(exports, "createMixedRowLinear");
  export_function<create_embedding>(exports, "createEmbedding");
  export_function<create_embedding_bag>(exports, "createEmbeddingBag");
  export_function<create_packed_product>(exports, "createPackedProduct");
  exports.Set("ops", make_ops(env));
  return exports;
}

}  // namespace qat::addon

namespace {

Napi::Object init_module(Napi::Env env, Napi::Object exports) {
  return qat::addon::init(env, exports);
}

}  // namespace

NODE_API_MODULE(qat_native, init_module)
