#include "addon/embedding_handle.h"

namespace qat::addon {
namespace {

constexpr BagMode kModes[] = {BagMode::kSum, BagMode::kMean, BagMode::kVote};
constexpr const char* kModeNames[] = {"sum", "mean", "vote"};

}  // namespace

EmbeddingOptions table_shape(Napi::Object given) {
  EmbeddingOptions options;
  options.num_embeddings = extent(given.Get("numEmbeddings"), "numEmbeddings");
  options.embedding_dim = extent(given.Get("embeddingDim"), "embeddingDim");
  element_count(options.num_embeddings, options.embedding_dim, "the table");
  const Napi::Value padding = given.Get("paddingIdx");
  if (!is_absent(padding)) {
    options.padding_idx = integer_in(padding, "paddingIdx", 0, options.num_embeddings - 1);
  }
  return options;
}

BagMode bag_mode(Napi::Object given) {
  const Napi::Value mode = given.Get("mode");
  return mode.IsUndefined() ? BagMode::kMean
                            : kModes[choice(mode, "mode", {"sum", "mean", "vote"})];
}

EmbeddingOptions embedding_options(Napi::Object given) {
  EmbeddingOptions options = table_shape(given);
  QuantizerConfig& quantizer = options.weight.quantizer;
  quantizer.bits = static_cast<int>(optional_integer(given, "wBit", 1, 8, quantizer.bits));
  if (quantizer.bits == 1) quantizer.grid = Grid::kBinary;
  const Napi::Value weight = given.Get("weight");
  if (!weight.IsUndefined()) {
    read_weight_fields(object(weight, "weight"), "weight", true, &options.weight);
  }
  return options;
}

Napi::Object sparse_gradient_to_js(Napi::Env env, const SparseGradient& gradient) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("rows", to_js(env, gradient.rows));
  result.Set("dWeight", to_js(env, gradient.dweight));
  result.Set("dScales", to_js(env, gradient.dscales));
  return result;
}

void EmbeddingHandle::define_class(Napi::Env env) {
  std::vector<Property> properties = table_properties();
  properties.push_back(method_of<&EmbeddingHandle::forward>("forward"));
  define(env, properties);
}

Napi::Value EmbeddingHandle::forward(const Napi::CallbackInfo& info) {
  const std::vector<int32_t> ids = ints(info[0], "ids").copy();
  const auto count = static_cast<int64_t>(ids.size());
  return forward_rows(info, count, [&](Embedding& layer, float* y) {
    layer.forward(ids.data(), count, y);
  });
}

void EmbeddingBagHandle::define_class(Napi::Env env) {
  std::vector<Property> properties = table_properties();
  properties.push_back(getter_of<&EmbeddingBagHandle::mode>("mode"));
  properties.push_back(method_of<&EmbeddingBagHandle::forward>("forward"));
  define(env, properties);
}

Napi::Value EmbeddingBagHandle::mode(const Napi::CallbackInfo& info) {
  const auto mode = static_cast<size_t>(native()->layer->mode());
  return Napi::String::New(info.Env(), kModeNames[mode]);
}

Napi::Value EmbeddingBagHandle::forward(const Napi::CallbackInfo& info) {
  const std::vector<int32_t> ids = ints(info[0], "ids").copy();
  const std::vector<int32_t> offsets = ints(info[1], "offsets").copy();
  const auto bags = static_cast<int64_t>(offsets.size());
  return forward_rows(info, bags, [&](EmbeddingBag& layer, float* y) {
    layer.forward(ids.data(), static_cast<int64_t>(ids.size()), offsets.data(), bags, y);
  });
}

Napi::Value create_embedding(const Napi::CallbackInfo& info) {
  const EmbeddingOptions options = embedding_options(object(info[0], "options"));
  return EmbeddingHandle::create_from(info.Env(), std::make_unique<Embedding>(options));
}

Napi::Value create_embedding_bag(const Napi::CallbackInfo& info) {
  const Napi::Object given = object(info[0], "options");
  const EmbeddingOptions options = embedding_options(given);
  return EmbeddingBagHandle::create_from(info.Env(),
                                         std::make_unique<EmbeddingBag>(options, bag_mode(given)));
}

}  // namespace qat::addon
