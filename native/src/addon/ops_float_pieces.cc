// The float pieces of a network on arrays: forward and backward in one call.
#include <algorithm>
#include <string>
#include <vector>

#include "addon/errors.h"
#include "addon/ops_internal.h"
#include "nn/attention.h"
#include "nn/gelu.h"
#include "nn/layer_norm.h"
#include "nn/max_pool2d.h"

namespace qat::addon {
namespace {

int64_t field_extent(const Napi::Object& shape, const char* name) {
  return extent(shape.Get(name), std::string("shape.") + name);
}

}  // namespace

Napi::Value op_layer_norm(const Napi::CallbackInfo& info) {
  const int64_t rows = extent(info[2], "rows");
  const int64_t features = extent(info[3], "features");
  const int64_t count = element_count(rows, features, "x");
  const Span<float> x = finite_floats(info[0], "x", count);
  const Span<float> dy = finite_floats(info[1], "dy", count);
  const Span<float> gamma = finite_floats(info[4], "gamma", features);
  const Span<float> beta = finite_floats(info[5], "beta", features);
  const double epsilon = number_in(info[6], "epsilon", 1e-12, 1);
  LayerNorm norm(features, static_cast<float>(epsilon));
  std::copy(gamma.data, gamma.data + gamma.size, norm.gamma.begin());
  std::copy(beta.data, beta.data + beta.size, norm.beta.begin());
  std::vector<float> y(x.size), dx(x.size);
  norm.forward(x.data, y.data(), rows);
  norm.backward(dy.data, dx.data());
  const Napi::Env env = info.Env();
  Napi::Object result = passes_to_js(env, y, dx);
  result.Set("dGamma", to_js(env, norm.dgamma.data(), norm.dgamma.size()));
  result.Set("dBeta", to_js(env, norm.dbeta.data(), norm.dbeta.size()));
  return result;
}

Napi::Value op_gelu(const Napi::CallbackInfo& info) {
  const Span<float> x = floats(info[0], "x");
  require_finite(x, "x");
  const auto count = static_cast<int64_t>(x.size);
  const Span<float> dy = finite_floats(info[1], "dy", count);
  std::vector<float> y(x.size), dx(x.size);
  gelu(x.data, y.data(), count);
  gelu_backward(x.data, dy.data, dx.data(), count);
  return passes_to_js(info.Env(), y, dx);
}

Napi::Value op_max_pool2d(const Napi::CallbackInfo& info) {
  const Napi::Object given = object(info[2], "shape");
  Pool2dShape shape;
  shape.planes = field_extent(given, "planes");
  shape.height = field_extent(given, "height");
  shape.width = field_extent(given, "width");
  shape.kernel = field_extent(given, "kernel");
  shape.stride = field_extent(given, "stride");
  validate(shape);
  const int64_t count =
      element_count(element_count(shape.planes, shape.height, "x"), shape.width, "x");
  const Span<float> x = finite_floats(info[0], "x", count);
  const Span<float> dy = finite_floats(info[1], "dy", shape.out_count());
  std::vector<float> y(dy.size), dx(x.size);
  std::vector<int32_t> taken(dy.size);
  max_pool2d(x.data, shape, y.data(), taken.data());
  max_pool2d_backward(dy.data, shape, taken.data(), dx.data());
  return passes_to_js(info.Env(), y, dx);
}

Napi::Value op_attention(const Napi::CallbackInfo& info) {
  const Napi::Object given = object(info[4], "shape");
  AttentionShape shape;
  shape.heads = field_extent(given, "heads");
  shape.queries = field_extent(given, "queries");
  shape.keys = field_extent(given, "keys");
  shape.depth = field_extent(given, "depth");
  const int64_t heads_depth = element_count(shape.heads, shape.depth, "q");
  const int64_t asked = element_count(heads_depth, shape.queries, "q");
  const int64_t answering = element_count(heads_depth, shape.keys, "k");
  element_count(element_count(shape.heads, shape.queries, "the scores"), shape.keys, "the scores");
  const Span<float> q = finite_floats(info[0], "q", asked);
  const Span<float> k = finite_floats(info[1], "k", answering);
  const Span<float> v = finite_floats(info[2], "v", answering);
  const Span<float> dy = finite_floats(info[3], "dy", asked);
  Attention attention(shape);
  std::vector<float> y(q.size), dq(q.size), dk(k.size), dv(v.size);
  attention.forward(1, q.data, k.data, v.data, y.data());
  attention.backward(dy.data, dq.data(), dk.data(), dv.data());
  const Napi::Env env = info.Env();
  Napi::Object result = Napi::Object::New(env);
  result.Set("y", to_js(env, y));
  result.Set("dq", to_js(env, dq));
  result.Set("dk", to_js(env, dk));
  result.Set("dv", to_js(env, dv));
  return result;
}

}  // namespace qat::addon
