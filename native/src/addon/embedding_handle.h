// The JavaScript Embedding and EmbeddingBag.
#pragma once

#include <utility>
#include <vector>

#include "addon/life_handle.h"
#include "addon/quantizer_args.h"
#include "nn/embedding.h"
#include "nn/embedding_bag.h"

namespace qat::addon {

// numEmbeddings, embeddingDim and paddingIdx of `given`.
EmbeddingOptions table_shape(Napi::Object given);
// mode of `given`.
BagMode bag_mode(Napi::Object given);
// The shape, wBit and weight of `given`.
EmbeddingOptions embedding_options(Napi::Object given);
// { rows, dWeight, dScales }
Napi::Object sparse_gradient_to_js(Napi::Env env, const SparseGradient& gradient);

// Derived has forward besides.
template <typename Derived, typename Layer>
class EmbeddingTableHandle : public LifeHandle<Derived, Layer> {
 public:
  using Shared = EmbeddingTableHandle<Derived, Layer>;
  using Property = typename LifeHandle<Derived, Layer>::Property;
  using LifeHandle<Derived, Layer>::LifeHandle;

  Napi::Value num_embeddings(const Napi::CallbackInfo& info) {
    return number(info.Env(), this->native()->layer->num_embeddings());
  }
  Napi::Value embedding_dim(const Napi::CallbackInfo& info) {
    return number(info.Env(), this->native()->layer->embedding_dim());
  }
  Napi::Value w_bit(const Napi::CallbackInfo& info) {
    return number(info.Env(), this->native()->layer->w_bit());
  }
  Napi::Value opt_weight(const Napi::CallbackInfo& info) {
    Use<Layer> layer = this->use();
    Napi::Object result = Napi::Object::New(info.Env());
    if (layer->training()) {
      layer->require_weight("optWeight");
      const auto count = static_cast<size_t>(layer->num_embeddings() * layer->embedding_dim());
      result.Set("kind", "float");
      result.Set("weight", to_js(info.Env(), layer->weight(), count));
    } else {
      result.Set("kind", "packed");
      result.Set("qweight", quantized_weight_to_js(info.Env(), layer->packed_weight()));
    }
    this->report_bytes(layer->native_bytes());
    return result;
  }
  Napi::Value set_quantized_weight_data(const Napi::CallbackInfo& info) {
    const QuantizedWeight weight = quantized_weight_from(info[0], "weight");
    return this->change(info, [&](Layer& layer) { layer.set_quantized_weight_data(weight); });
  }
  Napi::Value scales(const Napi::CallbackInfo& info) {
    return scales_to_js(info.Env(), this->use()->scales());
  }
  Napi::Value set_scales(const Napi::CallbackInfo& info) {
    const Scales scales = scales_from(info[0], info[1], "arguments");
    return this->change(info, [&](Layer& layer) { layer.set_scales(scales); });
  }
  Napi::Value update(const Napi::CallbackInfo& info) {
    const Napi::Object given = object(info[0], "update");
    return this->change(info, [&](Layer& layer) {
      const Span<int32_t> rows = ints(given.Get("rows"), "update.rows");
      const auto count = static_cast<int64_t>(rows.size);
      const Span<float> weight =
          floats(given.Get("weight"), "update.weight", count * layer.embedding_dim());
      require_finite(weight, "update.weight");
      const Napi::Value scales = given.Get("scales");
      Span<float> change_of_scales;
      if (!is_absent(scales)) {
        change_of_scales = floats(scales, "update.scales", count);
        require_finite(change_of_scales, "update.scales");
      }
      // Copied: rows in a SharedArrayBuffer could change between the check and the use.
      const std::vector<int32_t> kept = rows.copy();
      layer.add_update(kept.data(), count, weight.data, change_of_scales.data);
    });
  }
  Napi::Value backward(const Napi::CallbackInfo& info) {
    Use<Layer> layer = this->use();
    const Span<float> dy = floats(info[0], "dy");
    const int64_t kept = layer.held().kept_rows;
    // Without a forward the layer itself says so; the length can only be checked after one.
    if (kept > 0) floats(info[0], "dy", kept * layer->embedding_dim());
    require_finite(dy, "dy");
    return sparse_gradient_to_js(info.Env(), layer->backward(dy.data));
  }

 protected:
  // y [rows, dim] of `work(layer, y)`; remembers what a training forward needs.
  template <typename Work>
  Napi::Value forward_rows(const Napi::CallbackInfo& info, int64_t rows, Work&& work) {
    Use<Layer> layer = this->use();
    if (rows > 0) element_count(rows, layer->embedding_dim(), "the layer's output");
    Napi::Float32Array y = Napi::Float32Array::New(
        info.Env(), static_cast<size_t>(rows * layer->embedding_dim()));
    work(*layer, y.Data());
    if (layer->training()) layer.held().kept_rows = rows;
    this->report_bytes(layer->native_bytes());
    return y;
  }

  static std::vector<Property> table_properties() {
    std::vector<Property> properties = Shared::life_properties();
    const std::vector<Property> more = {
        Shared::template shared_getter<&Shared::num_embeddings>("numEmbeddings"),
        Shared::template shared_getter<&Shared::embedding_dim>("embeddingDim"),
        Shared::template shared_getter<&Shared::w_bit>("wBit"),
        Shared::template shared_method<&Shared::opt_weight>("optWeight"),
        Shared::template shared_method<&Shared::set_quantized_weight_data>(
            "setQuantizedWeightData"),
        Shared::template shared_method<&Shared::scales>("scales"),
        Shared::template shared_method<&Shared::set_scales>("setScales"),
        Shared::template shared_method<&Shared::update>("update"),
        Shared::template shared_method<&Shared::backward>("backward"),
    };
    properties.insert(properties.end(), more.begin(), more.end());
    return properties;
  }
};

class EmbeddingHandle : public EmbeddingTableHandle<EmbeddingHandle, Embedding> {
 public:
  static constexpr HandleKind kKind = HandleKind::kEmbedding;
  static constexpr const char* kName = "Embedding";
  static constexpr napi_type_tag kTypeTag = {0x51c7a90e3f2b6d84, 0xc80f471be69a25d3};

  using EmbeddingTableHandle::EmbeddingTableHandle;
  static void define_class(Napi::Env env);

  Napi::Value forward(const Napi::CallbackInfo& info);
};

class EmbeddingBagHandle : public EmbeddingTableHandle<EmbeddingBagHandle, EmbeddingBag> {
 public:
  static constexpr HandleKind kKind = HandleKind::kEmbeddingBag;
  static constexpr const char* kName = "EmbeddingBag";
  static constexpr napi_type_tag kTypeTag = {0x78e2d4b05c913fa6, 0xd13b6870f4ce295a};

  using EmbeddingTableHandle::EmbeddingTableHandle;
  static void define_class(Napi::Env env);

  Napi::Value mode(const Napi::CallbackInfo& info);
  Napi::Value forward(const Napi::CallbackInfo& info);
};

// createEmbedding(options) and createEmbeddingBag(options)
Napi::Value create_embedding(const Napi::CallbackInfo& info);
Napi::Value create_embedding_bag(const Napi::CallbackInfo& info);

}  // namespace qat::addon
