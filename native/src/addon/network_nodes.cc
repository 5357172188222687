// The description of a network out of JavaScript.
#include <initializer_list>
#include <string>
#include <vector>

#include "addon/conv2d_args.h"
#include "addon/embedding_handle.h"
#include "addon/errors.h"
#include "addon/memory.h"
#include "addon/mixed_row_handle.h"
#include "addon/mpq_linear_handle.h"
#include "addon/network_handle.h"
#include "addon/quantizer_args.h"

namespace qat::addon {
namespace {

using Op = NetworkNode::Op;

constexpr size_t kMaxNodes = 10'000;
constexpr size_t kMaxNameBytes = 4096;
constexpr size_t kMaxInputs = 4;

void read_layer(Napi::Object given, const std::string& what, LayerOptions* options) {
  options->bias = boolean(given.Get("bias"), what + ".bias");
  const Napi::Value shift = given.Get("inputShift");
  if (!shift.IsUndefined()) options->input_shift = boolean(shift, what + ".inputShift");
  options->weight = weight_quantizer(given.Get("weight"), what + ".weight");
  options->activation = activation_quantizer(given.Get("activation"), what + ".activation");
}

void read_input(Napi::Object given, const std::string& what, NetworkNode* node) {
  const Napi::Array shape = array(given.Get("shape"), what + ".shape", 3);
  for (uint32_t i = 0; i < shape.Length(); ++i) {
    node->shape.extents.push_back(
        extent(shape.Get(i), what + ".shape[" + std::to_string(i) + "]"));
  }
}

void read_linear(Napi::Object given, const std::string& what, NetworkNode* node) {
  node->linear.in_channels = extent(given.Get("inChannels"), what + ".inChannels");
  node->linear.out_channels = extent(given.Get("outChannels"), what + ".outChannels");
  element_count(node->linear.out_channels, node->linear.in_channels, what + "'s weight");
  read_layer(given, what, &node->linear);
}

void read_conv2d(Napi::Object given, const std::string& what, NetworkNode* node) {
  node->conv2d.shape = conv2d_shape(given, what);
  read_layer(given, what, &node->conv2d);
}

void read_features(Napi::Object given, const std::string& what, NetworkNode* node) {
  node->features = extent(given.Get("features"), what + ".features");
}

void read_pool(Napi::Object given, const std::string& what, NetworkNode* node) {
  node->kernel = extent(given.Get("kernel"), what + ".kernel");
  const Napi::Value stride = given.Get("stride");
  node->stride = stride.IsUndefined() ? node->kernel : extent(stride, what + ".stride");
}

struct Operand {
  const char* name;
  ActivationOptions* options;
};

// An operand without a quantizer stays float; a misspelt one is refused, not float in silence.
void read_operands(Napi::Object given, const std::string& what,
                   std::initializer_list<Operand> operands) {
  const Napi::Value quantizer = given.Get("quantizer");
  if (quantizer.IsUndefined()) return;
  const std::string at = what + ".quantizer";
  const Napi::Object of = object(quantizer, at);
  uint32_t known = 0;
  for (const Operand& operand : operands) {
    known += of.HasOwnProperty(operand.name);
    const Napi::Value value = of.Get(operand.name);
    if (value.IsUndefined()) continue;
    *operand.options = activation_quantizer(value, at + "." + operand.name);
  }
  if (of.GetPropertyNames().Length() > known) {
    fail_argument(at + " names an operand that " + what + " does not have.");
  }
}

void read_matmul(Napi::Object given, const std::string& what, NetworkNode* node) {
  const Napi::Value transposed = given.Get("transposed");
  if (!transposed.IsUndefined()) node->transposed = boolean(transposed, what + ".transposed");
  read_operands(given, what, {{"a", &node->matmul.a}, {"b", &node->matmul.b}});
}

void read_attention(Napi::Object given, const std::string& what, NetworkNode* node) {
  node->heads = extent(given.Get("heads"), what + ".heads");
  const Napi::Value causal = given.Get("causal"), padding = given.Get("paddingIdx");
  if (!causal.IsUndefined()) node->causal = boolean(causal, what + ".causal");
  if (!padding.IsUndefined()) {
    node->padding_idx = static_cast<int64_t>(integer_in(padding, what + ".paddingIdx", 0, 1 << 24));
  }
  AttentionQuantizers& operands = node->attention;
  read_operands(given, what,
                {{"queries", &operands.queries},
                 {"keys", &operands.keys},
                 {"probabilities", &operands.probabilities},
                 {"values", &operands.values}});
}

void read_dropout(Napi::Object given, const std::string& what, NetworkNode* node) {
  node->rate = number_in(given.Get("rate"), what + ".rate", 0, 1);
}

void read_embedding(Napi::Object given, const std::string& what, NetworkNode* node) {
  node->embedding = table_shape(given);
  node->embedding.weight = weight_quantizer(given.Get("weight"), what + ".weight");
}

void read_embedding_bag(Napi::Object given, const std::string& what, NetworkNode* node) {
  read_embedding(given, what, node);
  node->bag = bag_mode(given);
}

void read_mpq_linear(Napi::Object given, const std::string&, NetworkNode* node) {
  node->mpq = mpq_options(given);
}

void read_mixed_row_linear(Napi::Object given, const std::string&, NetworkNode* node) {
  node->mixed_row = mixed_row_options(given);
}

void read_nothing(Napi::Object, const std::string&, NetworkNode*) {}

struct OpReader {
  Op op;
  void (*read)(Napi::Object given, const std::string& what, NetworkNode* node);
};
// In the order of the names below.
constexpr OpReader kReaders[] = {
    {Op::kInput, read_input},        {Op::kLinear, read_linear},
    {Op::kConv2d, read_conv2d},      {Op::kRelu, read_nothing},
    {Op::kPrelu, read_nothing},      {Op::kGelu, read_nothing},
    {Op::kBatchNorm, read_features}, {Op::kLayerNorm, read_features},
    {Op::kMaxPool2d, read_pool},     {Op::kAvgPool2d, read_pool},
    {Op::kFlatten, read_nothing},    {Op::kAdd, read_nothing},
    {Op::kAttention, read_attention}, {Op::kDropout, read_dropout},
    {Op::kMatmul, read_matmul},      {Op::kEmbedding, read_embedding},
    {Op::kEmbeddingBag, read_embedding_bag},
    {Op::kMpqLinear, read_mpq_linear},
    {Op::kMixedRowLinear, read_mixed_row_linear},
};

NetworkNode node_from(Napi::Value value, const std::string& what) {
  const Napi::Object given = object(value, what);
  const OpReader& reader = kReaders[choice(
      given.Get("op"), what + ".op",
      {"input", "linear", "conv2d", "relu", "prelu", "gelu", "batchNorm", "layerNorm", "maxPool2d",
       "avgPool2d", "flatten", "add", "attention", "dropout", "matmul", "embedding", "embeddingBag",
       "mpqLinear", "mixedRowLinear"})];
  NetworkNode node;
  node.op = reader.op;
  const Napi::Value name = given.Get("name");
  if (!name.IsUndefined()) node.name = text(name, what + ".name", kMaxNameBytes);
  const Napi::Value inputs = given.Get("inputs");
  if (!inputs.IsUndefined()) {
    const Napi::Array names = array(inputs, what + ".inputs", kMaxInputs);
    for (uint32_t i = 0; i < names.Length(); ++i) {
      const std::string at = what + ".inputs[" + std::to_string(i) + "]";
      node.inputs.push_back(text(names.Get(i), at, kMaxNameBytes));
    }
  }
  reader.read(given, what, &node);
  return node;
}

// Bytes of a node's weight; the shape of a convolution was not checked yet.
double weight_bytes(const NetworkNode& node) {
  const Conv2dShape& s = node.conv2d.shape;
  const auto area = [](int64_t rows, int64_t cols) {
    return static_cast<double>(rows) * static_cast<double>(cols);
  };
  const WeightOnlyOptions &mpq = node.mpq.linear, &mixed = node.mixed_row.linear;
  const double linear = area(node.linear.out_channels, node.linear.in_channels) +
                        area(node.embedding.num_embeddings, node.embedding.embedding_dim) +
                        area(mpq.out_channels, mpq.in_channels) +
                        area(mixed.out_channels, mixed.in_channels);
  const double conv = static_cast<double>(s.in_channels) * static_cast<double>(s.out_channels) *
                      static_cast<double>(s.kernel_height) * static_cast<double>(s.kernel_width);
  return (linear + conv / static_cast<double>(s.groups)) * sizeof(float);
}

}  // namespace

std::vector<NetworkNode> network_nodes(Napi::Value value) {
  const Napi::Array given = array(value, "nodes", kMaxNodes);
  std::vector<NetworkNode> nodes;
  double bytes = 0;
  for (uint32_t i = 0; i < given.Length(); ++i) {
    nodes.push_back(node_from(given.Get(i), "nodes[" + std::to_string(i) + "]"));
    bytes += weight_bytes(nodes.back());
  }
  require_memory(bytes, "the network");
  return nodes;
}

}  // namespace qat::addon
