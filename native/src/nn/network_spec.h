// A network described by data: nodes in order, each with the nodes it takes its input from.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nn/attention.h"
#include "nn/conv2d_product.h"
#include "nn/embedding_bag.h"
#include "nn/mixed_row_linear.h"
#include "nn/module.h"
#include "nn/mpq_linear.h"
#include "nn/types.h"

namespace qat {

struct NetworkNode {
  enum class Op {
    kInput,  // states the shape of the samples; the first node or none
    kLinear,
    kConv2d,
    kRelu,
    kPrelu,
    kGelu,
    kBatchNorm,
    kLayerNorm,
    kMaxPool2d,
    kAvgPool2d,
    kFlatten,
    kAdd,
    kAttention,
    kDropout,
    kMatmul,
    kEmbedding,
    kEmbeddingBag,
    kMpqLinear,
    kMixedRowLinear,
  };
  Op op = Op::kRelu;
  // Needed by nodes with parameters; unique where not empty. An input's name stands for the samples.
  std::string name;
  std::vector<std::string> inputs;  // names of earlier nodes; empty: the node before
  SampleShape shape;                // input
  LinearOptions linear;             // linear
  Conv2dOptions conv2d;             // conv2d; height and width follow from the node's input
  int64_t features = 0;             // batch norm, layer norm: of the input; 0: whatever comes
  int64_t kernel = 2, stride = 2;   // pooling
  int64_t heads = 1;                // attention
  AttentionQuantizers attention;    // of its operands
  bool causal = false;              // attention: token i sees the tokens 0…i
  int64_t padding_idx = 0;          // attention with ids as fourth input: the id of unseen keys
  bool transposed = false;          // matmul: the second operand is [n, k]
  MatmulQuantizers matmul;          // of its operands
  double rate = 0.5;                // dropout
  EmbeddingOptions embedding;       // embedding, embedding bag
  BagMode bag = BagMode::kMean;     // embedding bag
  MpqOptions mpq;                   // MPQ linear
  MixedRowOptions mixed_row;        // mixed-row linear; widths must be given
};

// As it is called in graphs: "linear", "mpqLinear".
std::string op_name(NetworkNode::Op op);

// Inputs that the node takes: 0 for input, 2 for add and matmul, 3 for attention (4 where it names the
// ids of its keys), else 1.
size_t input_count(const NetworkNode& node);

// The shape that the first node needs when no input node says it. Throws E-MODEL-GRAPH where it cannot
// be known (a ReLU).
SampleShape first_shape(const NetworkNode& node);

// The module of a node whose inputs have these shapes; null for input. `index` is the node's own.
// Throws E-MODEL-GRAPH when they do not fit the operation, and what the module throws.
std::unique_ptr<Module> make_module(const NetworkNode& node, const std::vector<SampleShape>& inputs,
                                    size_t index);

// One line that is equal for two nodes that compute alike: what a checkpoint must match.
std::string describe(const NetworkNode& node);

[[noreturn]] void bad_graph(const std::string& what);

}  // namespace qat
