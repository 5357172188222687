#include "nn/network_spec.h"

#include <cstdio>
#include <utility>

#include "nn/layer_limits.h"
#include "nn/modules/activation_modules.h"
#include "nn/modules/attention_module.h"
#include "nn/modules/embedding_modules.h"
#include "nn/modules/matmul_module.h"
#include "nn/modules/n_bit_module.h"
#include "nn/modules/norm_modules.h"
#include "nn/modules/pool_modules.h"
#include "nn/modules/weight_only_module.h"
#include "qat/error.h"
#include "quant/user_quantizer.h"
#include "runtime/hash.h"

namespace qat {
namespace {

using Op = NetworkNode::Op;
using Inputs = std::vector<SampleShape>;

std::string quoted(const NetworkNode& node) {
  return node.name.empty() ? "a node" : "\"" + node.name + "\"";
}

void require_rank(const NetworkNode& node, const SampleShape& shape, size_t rank,
                  const char* wanted) {
  if (shape.extents.size() == rank) return;
  bad_graph(quoted(node) + " takes " + wanted + " but gets [" + shape.text() + "]");
}

[[noreturn]] void bad_features(const NetworkNode& node, int64_t takes, int64_t gets) {
  bad_graph(quoted(node) + " takes " + std::to_string(takes) + " features but gets " +
            std::to_string(gets));
}

// [features] or [tokens, features] with another number of features.
SampleShape linear_output(const NetworkNode& node, const SampleShape& shape, int64_t in,
                          int64_t out) {
  if (shape.extents.size() > 2) {
    bad_graph(quoted(node) + " takes features but gets [" + shape.text() +
              "]: a flatten node belongs before it");
  }
  if (shape.extents.back() != in) bad_features(node, in, shape.extents.back());
  SampleShape output = shape;
  output.extents.back() = out;
  return output;
}

std::unique_ptr<Module> linear_module(const NetworkNode& node, const Inputs& in, size_t) {
  LinearOptions options = node.linear;
  SampleShape output = linear_output(node, in[0], options.in_channels, options.out_channels);
  options.tokens = output.extents.size() == 2 ? output.extents[0] : 1;
  return std::make_unique<NBitModule>(make_linear(options), std::move(output));
}

std::unique_ptr<Module> mpq_linear_module(const NetworkNode& node, const Inputs& in, size_t) {
  const WeightOnlyOptions& o = node.mpq.linear;
  SampleShape output = linear_output(node, in[0], o.in_channels, o.out_channels);
  return std::make_unique<MpqModule>(std::make_unique<MpqLinear>(node.mpq), std::move(output));
}

std::unique_ptr<Module> mixed_row_linear_module(const NetworkNode& node, const Inputs& in, size_t) {
  const WeightOnlyOptions& o = node.mixed_row.linear;
  SampleShape output = linear_output(node, in[0], o.in_channels, o.out_channels);
  if (node.mixed_row.widths.empty()) bad_graph(quoted(node) + " has no widths");
  return std::make_unique<MixedRowModule>(std::make_unique<MixedRowLinear>(node.mixed_row),
                                          std::move(output));
}

// Ids are floats: more rows than whole numbers that a float tells apart cannot be named.
int64_t tokens_of(const NetworkNode& node, const SampleShape& shape) {
  require_rank(node, shape, 1, "ids");
  if (node.embedding.num_embeddings > kMaxTableRows) {
    bad_graph(quoted(node) + " has " + std::to_string(node.embedding.num_embeddings) +
              " rows, more than " + std::to_string(kMaxTableRows));
  }
  return shape.extents[0];
}

std::unique_ptr<Module> embedding_module(const NetworkNode& node, const Inputs& in, size_t) {
  return std::make_unique<EmbeddingModule>(node.embedding, tokens_of(node, in[0]));
}

std::unique_ptr<Module> embedding_bag_module(const NetworkNode& node, const Inputs& in, size_t) {
  return std::make_unique<EmbeddingBagModule>(node.embedding, node.bag, tokens_of(node, in[0]));
}

std::unique_ptr<Module> conv2d_module(const NetworkNode& node, const Inputs& in, size_t) {
  require_rank(node, in[0], 3, "channels × height × width");
  Conv2dOptions options = node.conv2d;
  if (in[0].extents[0] != options.shape.in_channels) {
    bad_features(node, options.shape.in_channels, in[0].extents[0]);
  }
  options.shape.height = in[0].extents[1];
  options.shape.width = in[0].extents[2];
  std::unique_ptr<NBitLayer> layer = make_conv2d(options);
  const Conv2dShape& s = options.shape;
  return std::make_unique<NBitModule>(
      std::move(layer), SampleShape{{s.out_channels, s.out_height(), s.out_width()}});
}

std::unique_ptr<Module> batch_norm_module(const NetworkNode& node, const Inputs& in, size_t) {
  if (in[0].extents.size() == 2) require_rank(node, in[0], 3, "features or images");
  if (node.features && node.features != in[0].extents[0]) {
    bad_features(node, node.features, in[0].extents[0]);
  }
  return std::make_unique<BatchNormModule>(in[0]);
}

std::unique_ptr<Module> layer_norm_module(const NetworkNode& node, const Inputs& in, size_t) {
  if (in[0].extents.size() == 3) require_rank(node, in[0], 2, "features or tokens × features");
  if (node.features && node.features != in[0].extents.back()) {
    bad_features(node, node.features, in[0].extents.back());
  }
  return std::make_unique<LayerNormModule>(in[0]);
}

template <typename PoolModule>
std::unique_ptr<Module> pool_module(const NetworkNode& node, const Inputs& in, size_t) {
  require_rank(node, in[0], 3, "channels × height × width");
  return std::make_unique<PoolModule>(in[0], node.kernel, node.stride);
}

template <typename ShapelessModule>
std::unique_ptr<Module> shapeless_module(const NetworkNode&, const Inputs& in, size_t) {
  return std::make_unique<ShapelessModule>(in[0]);
}

std::unique_ptr<Module> add_module(const NetworkNode& node, const Inputs& in, size_t) {
  if (in[0].extents != in[1].extents) {
    bad_graph(quoted(node) + " adds [" + in[0].text() + "] and [" + in[1].text() + "]");
  }
  return std::make_unique<AddModule>(in[0]);
}

std::unique_ptr<Module> attention_module(const NetworkNode& node, const Inputs& in, size_t) {
  for (size_t i = 0; i < 3; ++i) require_rank(node, in[i], 2, "tokens × features");
  const int64_t features = in[0].extents[1];
  const bool key_ids = in.size() > 3;
  if (key_ids && in[3].extents != std::vector<int64_t>{in[1].extents[0]}) {
    bad_graph(quoted(node) + " has ids [" + in[3].text() + "] of " +
              std::to_string(in[1].extents[0]) + " keys");
  }
  if (node.causal && in[0].extents[0] != in[1].extents[0]) {
    bad_graph(quoted(node) + " is causal with " + std::to_string(in[0].extents[0]) +
              " queries and " + std::to_string(in[1].extents[0]) + " keys");
  }
  if (in[1].extents != in[2].extents || in[1].extents[1] != features) {
    bad_graph(quoted(node) + " has queries [" + in[0].text() + "], keys [" + in[1].text() +
              "] and values [" + in[2].text() + "]");
  }
  if (node.heads < 1 || features % node.heads != 0) {
    bad_graph(quoted(node) + " has " + std::to_string(node.heads) + " heads for " +
              std::to_string(features) + " features");
  }
  return std::make_unique<AttentionModule>(in[0], in[1], node.heads, node.attention,
                                           AttentionMask{node.causal, key_ids, node.padding_idx});
}

std::unique_ptr<Module> dropout_module(const NetworkNode& node, const Inputs& in, size_t index) {
  if (!(node.rate >= 0 && node.rate < 1)) {
    bad_graph(quoted(node) + " drops a share that is not in [0, 1)");
  }
  return std::make_unique<DropoutModule>(in[0], node.rate, index);
}

std::unique_ptr<Module> matmul_module(const NetworkNode& node, const Inputs& in, size_t) {
  for (const SampleShape& shape : in) require_rank(node, shape, 2, "matrices");
  const size_t inner = node.transposed ? 1 : 0;
  if (in[0].extents[1] != in[1].extents[inner]) {
    bad_graph(quoted(node) + " multiplies [" + in[0].text() + "] by [" + in[1].text() + "]" +
              (node.transposed ? " transposed" : ""));
  }
  require_weight_shape("product", in[0].extents[1], in[0].extents[0], in[1].extents[1 - inner]);
  return std::make_unique<MatmulModule>(
      in[0], in[1],
      node.transposed ? QuantizedMatmul::Right::kTransposed : QuantizedMatmul::Right::kPlain,
      node.matmul);
}

// One row per operation.
struct OpRow {
  Op op;
  const char* name;
  size_t inputs;
  std::unique_ptr<Module> (*make)(const NetworkNode& node, const Inputs& inputs, size_t index);
};
constexpr OpRow kOps[] = {
    {Op::kInput, "input", 0, nullptr},
    {Op::kLinear, "linear", 1, linear_module},
    {Op::kConv2d, "conv2d", 1, conv2d_module},
    {Op::kRelu, "relu", 1, shapeless_module<ReluModule>},
    {Op::kPrelu, "prelu", 1, shapeless_module<PreluModule>},
    {Op::kGelu, "gelu", 1, shapeless_module<GeluModule>},
    {Op::kBatchNorm, "batchNorm", 1, batch_norm_module},
    {Op::kLayerNorm, "layerNorm", 1, layer_norm_module},
    {Op::kMaxPool2d, "maxPool2d", 1, pool_module<MaxPool2dModule>},
    {Op::kAvgPool2d, "avgPool2d", 1, pool_module<AvgPool2dModule>},
    {Op::kFlatten, "flatten", 1, shapeless_module<FlattenModule>},
    {Op::kAdd, "add", 2, add_module},
    {Op::kAttention, "attention", 3, attention_module},
    {Op::kDropout, "dropout", 1, dropout_module},
    {Op::kMatmul, "matmul", 2, matmul_module},
    {Op::kEmbedding, "embedding", 1, embedding_module},
    {Op::kEmbeddingBag, "embeddingBag", 1, embedding_bag_module},
    {Op::kMpqLinear, "mpqLinear", 1, mpq_linear_module},
    {Op::kMixedRowLinear, "mixedRowLinear", 1, mixed_row_linear_module},
};

const OpRow& row_of(Op op) {
  for (const OpRow& row : kOps) {
    if (row.op == op) return row;
  }
  bad_graph("it has an unknown operation");
}

std::string number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}

// The words for lsq and ste are those of the first checkpoints.
std::string method_text(Method method) {
  if (method == Method::kLsq) return " lsq";
  if (method == Method::kSte) return " ste";
  return " method " + std::to_string(static_cast<int>(method));
}

std::string describe_activation(const ActivationOptions& o) {
  std::string text = std::to_string(o.bits);
  if (o.bits == kFloatBits) return text;
  return text + (o.is_signed ? " signed" : " unsigned") + method_text(o.method);
}

std::string describe_weight(const WeightOptions& o) {
  const QuantizerConfig& q = o.quantizer;
  std::string text = " weight " + std::to_string(q.bits);
  if (q.bits == kFloatBits) return text;
  text += " grid " + std::to_string(static_cast<int>(q.grid)) + " granularity " +
          std::to_string(static_cast<int>(q.granularity));
  if (q.granularity == Granularity::kGroup) text += " group " + std::to_string(q.group_size);
  text += method_text(o.method);
  if (q.user) text += " " + q.user->id() + " " + q.user->version();
  return text;
}

std::string describe_layer(const LayerOptions& o) {
  std::string text = o.bias ? " bias" : "";
  if (o.input_shift) text += " inputShift";
  return text + describe_weight(o.weight) + " activation " + describe_activation(o.activation);
}

std::string describe_table(const EmbeddingOptions& o) {
  WeightOptions weight = o.weight;
  weight.quantizer.granularity = Granularity::kChannel;
  return " rows " + std::to_string(o.num_embeddings) + " dim " + std::to_string(o.embedding_dim) +
         " padding " + std::to_string(o.padding_idx) + describe_weight(weight);
}

std::string describe_weight_only(const WeightOnlyOptions& o) {
  return " in " + std::to_string(o.in_channels) + " out " + std::to_string(o.out_channels) +
         (o.bias ? " bias" : "") + method_text(o.method);
}

// Long lists by their hash; none: what they are by default.
template <typename T>
std::string describe_list(const char* name, const std::vector<T>& values) {
  if (values.empty()) return "";
  return std::string(" ") + name + " " +
         std::to_string(xxh64(values.data(), values.size() * sizeof(T)));
}

std::string describe_mpq(const MpqOptions& o) {
  const MpqFormat& f = o.format;
  return describe_weight_only(o.linear) + " weight " + std::to_string(f.bits) + " group " +
         std::to_string(f.group_size) + (f.symmetric ? " symmetric" : "") + " zeros " +
         std::to_string(static_cast<int>(f.zero_format)) + " double " +
         std::to_string(f.double_group_size) + describe_list("gIdx", o.g_idx);
}

std::string describe_mixed_row(const MixedRowOptions& o) {
  return describe_weight_only(o.linear) + " group " + std::to_string(o.group_size) +
         describe_list("widths", o.widths) + describe_list("channelScale", o.channel_scale);
}

// Named only where it is quantized: attention was float when the first checkpoints were written.
std::string describe_operand(const char* operand, const ActivationOptions& options) {
  if (options.bits == kFloatBits) return "";
  return std::string(" ") + operand + " " + describe_activation(options);
}

std::string describe_operands(const AttentionQuantizers& q) {
  return describe_operand("queries", q.queries) + describe_operand("keys", q.keys) +
         describe_operand("probabilities", q.probabilities) + describe_operand("values", q.values);
}

std::string describe_details(const NetworkNode& node) {
  const auto n = [](int64_t value) { return std::to_string(value); };
  switch (node.op) {
    case Op::kInput: return " " + node.shape.text();
    case Op::kLinear:
      return " in " + n(node.linear.in_channels) + " out " + n(node.linear.out_channels) +
             describe_layer(node.linear);
    case Op::kConv2d: {
      const Conv2dShape& s = node.conv2d.shape;
      return " in " + n(s.in_channels) + " out " + n(s.out_channels) + " kernel " +
             n(s.kernel_height) + " " + n(s.kernel_width) + " stride " + n(s.stride) + " padding " +
             n(s.padding) + " dilation " + n(s.dilation) + " groups " + n(s.groups) +
             describe_layer(node.conv2d);
    }
    case Op::kBatchNorm:
    case Op::kLayerNorm: return node.features ? " " + n(node.features) : "";
    case Op::kMaxPool2d:
    case Op::kAvgPool2d: return " kernel " + n(node.kernel) + " stride " + n(node.stride);
    case Op::kAttention:
      return " heads " + n(node.heads) + (node.causal ? " causal" : "") +
             (node.inputs.size() > 3 ? " padding " + n(node.padding_idx) : "") +
             describe_operands(node.attention);
    case Op::kMatmul:
      return std::string(node.transposed ? " transposed" : "") +
             describe_operand("a", node.matmul.a) + describe_operand("b", node.matmul.b);
    case Op::kDropout: return " rate " + number(node.rate);
    case Op::kEmbedding: return describe_table(node.embedding);
    case Op::kEmbeddingBag:
      return " mode " + n(static_cast<int64_t>(node.bag)) + describe_table(node.embedding);
    case Op::kMpqLinear: return describe_mpq(node.mpq);
    case Op::kMixedRowLinear: return describe_mixed_row(node.mixed_row);
    default: return "";
  }
}

}  // namespace

std::string SampleShape::text() const {
  std::string result;
  for (const int64_t extent : extents) {
    if (!result.empty()) result += " × ";
    result += std::to_string(extent);
  }
  return result;
}

void bad_graph(const std::string& what) {
  throw Error("E-MODEL-GRAPH", "The network cannot be built: " + what + ".",
              "Each node must take what the nodes before it give, and names are unique.");
}

size_t input_count(const NetworkNode& node) {
  const size_t count = row_of(node.op).inputs;
  return node.op == Op::kAttention && node.inputs.size() == count + 1 ? count + 1 : count;
}

SampleShape first_shape(const NetworkNode& node) {
  if (node.op == Op::kLinear) return {{node.linear.in_channels}};
  if (node.op == Op::kMpqLinear) return {{node.mpq.linear.in_channels}};
  if (node.op == Op::kMixedRowLinear) return {{node.mixed_row.linear.in_channels}};
  if ((node.op == Op::kBatchNorm || node.op == Op::kLayerNorm) && node.features > 0) {
    return {{node.features}};
  }
  bad_graph("it begins with " + std::string(row_of(node.op).name) +
            ", which does not say the shape of its input: an input node belongs before it");
}

std::unique_ptr<Module> make_module(const NetworkNode& node, const std::vector<SampleShape>& inputs,
                                    size_t index) {
  const OpRow& row = row_of(node.op);
  return row.make ? row.make(node, inputs, index) : nullptr;
}

std::string op_name(NetworkNode::Op op) { return row_of(op).name; }

std::string describe(const NetworkNode& node) {
  std::string text = row_of(node.op).name;
  if (!node.name.empty()) text += " " + node.name;
  text += describe_details(node);
  for (const std::string& input : node.inputs) text += " from " + input;
  return text + "\n";
}

}  // namespace qat
