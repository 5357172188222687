// A float network becomes an n-bit one, layer by layer: what is not converted stays as it is, to the bit.
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "nn/network_node.h"
#include "nn_graph_test_util.h"

namespace {

using namespace nn_test;

using Nodes = std::vector<qat::NetworkNode>;

qat::LayerOptions* layer_options(qat::NetworkNode& node) {
  if (node.op == Op::kLinear) return &node.linear;
  if (node.op == Op::kConv2d) return &node.conv2d;
  return nullptr;
}

bool is_layer(const qat::NetworkNode& node) {
  return node.op == Op::kLinear || node.op == Op::kConv2d || node.op == Op::kEmbedding;
}

Nodes image_nodes() {
  qat::NetworkNode conv = node_of(Op::kConv2d, "conv");
  conv.conv2d.shape.in_channels = 1;
  conv.conv2d.shape.out_channels = 4;
  conv.conv2d.shape.kernel_height = conv.conv2d.shape.kernel_width = 3;
  conv.conv2d.bias = true;
  conv.conv2d.weight.quantizer.bits = conv.conv2d.activation.bits = 32;
  return {input_of({1, 6, 6}), conv, node_of(Op::kBatchNorm, "norm"), node_of(Op::kRelu, ""),
          node_of(Op::kFlatten, ""), dense("hidden", 64, 8, 32), node_of(Op::kPrelu, "act"),
          dense("head", 8, 3, 32)};
}

Nodes token_nodes() {
  qat::NetworkNode embed = node_of(Op::kEmbedding, "embed");
  embed.embedding.num_embeddings = 9;
  embed.embedding.embedding_dim = 4;
  embed.embedding.weight.quantizer.bits = 32;
  return {input_of({5}), embed, node_of(Op::kFlatten, ""), dense("hidden", 20, 8, 32),
          node_of(Op::kGelu, ""), dense("head", 8, 3, 32)};
}

std::shared_ptr<qat::Dataset> token_data() {
  std::vector<float> ids;
  std::vector<uint8_t> labels;
  qat::Rng rng(5);
  for (int i = 0; i < 40; ++i) {
    for (int t = 0; t < 5; ++t) ids.push_back(static_cast<float>(static_cast<int>(rng.uniform(0, 8))));
    labels.push_back(static_cast<uint8_t>(i % 3));
  }
  return qat::Dataset::from_floats(ids.data(), ids.size(), labels.data(), labels.size(), {40, 5, 3});
}

std::vector<float> values_of(const qat::Network& network, const qat::ParameterInfo& parameter) {
  std::vector<float> values(static_cast<size_t>(parameter.rows * parameter.cols));
  network.get_parameter(parameter.name, values.data(), values.size());
  return values;
}

bool same_scales(const qat::LayerScales& a, const qat::LayerScales& b) {
  return a.weight.scales == b.weight.scales && a.weight.zero_points == b.weight.zero_points &&
         a.activation.scale == b.activation.scale && a.activation.shift == b.activation.shift;
}

// Everything that `old` holds is in `next`, but for the quantizers of node `converted`.
void check_kept(const qat::Network& old, const qat::Network& next, const Nodes& nodes,
                size_t converted) {
  for (const qat::ParameterInfo& parameter : old.parameters()) {
    CHECK_IN(values_of(old, parameter) == values_of(next, parameter), parameter.name);
  }
  for (size_t i = 0; i < nodes.size(); ++i) {
    const bool n_bit = nodes[i].op == Op::kLinear || nodes[i].op == Op::kConv2d;
    if (!n_bit || i == converted) continue;
    CHECK_IN(same_scales(old.scales(nodes[i].name), next.scales(nodes[i].name)), nodes[i].name);
  }
}

void convert(qat::NetworkNode& node) {
  if (node.op == Op::kEmbedding) {
    node.embedding.weight.quantizer.bits = 4;
    node.embedding.weight.quantizer.grid = qat::Grid::kUnsigned;
    return;
  }
  qat::LayerOptions* options = layer_options(node);
  options->weight.quantizer.bits = 4;
  options->activation.bits = 6;
  if (node.name == "head") {
    options->activation.is_signed = false;
    options->activation.method = qat::Method::kPact;
  }
}

void check_conversion(Nodes nodes, const std::shared_ptr<qat::Dataset>& data) {
  auto network = prepared_network(nodes, *data);
  const auto train = [&](const std::shared_ptr<qat::Network>& it) {
    qat::TrainingSession session(it, data, data, short_training());
    session.start();
    CHECK(run_to_end(session).last.state == qat::SessionState::kFinished);
  };
  train(network);
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (!is_layer(nodes[i])) continue;
    convert(nodes[i]);
    auto next = std::make_shared<qat::Network>(nodes);
    next->take_from(*network);
    next->prepare_missing(*data, data->count());
    check_kept(*network, *next, nodes, i);
    CHECK(next->logits(*data, qat::EvaluationMode::kFakeQuant) !=
          network->logits(*data, qat::EvaluationMode::kFakeQuant));
    CHECK(!next->quantized_weight(nodes[i].name).packed.empty());
    network = next;
  }
  // A network of the same nodes takes everything: it is a copy.
  qat::Network copy(nodes);
  copy.take_from(*network);
  CHECK(copy.logits(*data, qat::EvaluationMode::kPacked) ==
        network->logits(*data, qat::EvaluationMode::kPacked));
  train(network);  // and what came out can be trained
}

}  // namespace

TEST(nn_float_images_networks_are_converted_layer_by_layer) {
  check_conversion(image_nodes(), clusters(40, 36, 3, 5));
}

TEST(nn_float_token_networks_are_converted_layer_by_layer) {
  check_conversion(token_nodes(), token_data());
}

namespace {

qat::NetworkNode weight_only(Op op, const std::string& name, int64_t in, int64_t out) {
  qat::NetworkNode node = node_of(op, name);
  qat::WeightOnlyOptions& linear = op == Op::kMpqLinear ? node.mpq.linear : node.mixed_row.linear;
  linear = {in, out, true, qat::RangeEstimator::kMse, qat::Method::kSte};
  node.mpq.format.group_size = node.mixed_row.group_size = 32;
  if (op == Op::kMixedRowLinear) node.mixed_row.widths.assign(static_cast<size_t>(in / 32), 8);
  return node;
}

Nodes dense_nodes() { return {dense("hidden", 64, 32, 32), relu_node(), dense("head", 32, 3, 32)}; }

}  // namespace

TEST(nn_float_linear_nodes_become_weight_only_ones_and_come_back) {
  const auto data = clusters(40, 64, 3, 5);
  const auto original = prepared_network(dense_nodes(), *data);
  std::shared_ptr<qat::Network> network = original;
  Nodes nodes = dense_nodes();
  const std::vector<std::pair<size_t, qat::NetworkNode>> ways = {
      {0, weight_only(Op::kMixedRowLinear, "hidden", 64, 32)},
      {2, weight_only(Op::kMpqLinear, "head", 32, 3)},
      {0, weight_only(Op::kMpqLinear, "hidden", 64, 32)}};
  const auto step = [&](size_t at, const qat::NetworkNode& node) {
    nodes[at] = node;
    auto next = std::make_shared<qat::Network>(nodes);
    next->take_from(*network);
    next->prepare_missing(*data, data->count());
    network = next;
    for (const char* name : {"hidden.weight", "hidden.bias", "head.weight", "head.bias"}) {
      for (const qat::ParameterInfo& parameter : original->parameters()) {
        if (parameter.name != name) continue;
        CHECK_IN(values_of(*network, parameter) == values_of(*original, parameter), name);
      }
    }
  };
  for (const auto& [at, node] : ways) {
    step(at, node);
    CHECK(network->packed_weight(node.name).index() > 0);
    const auto exact = original->logits(*data, qat::EvaluationMode::kFakeQuant);
    const auto ours = network->logits(*data, qat::EvaluationMode::kPacked);
    CHECK(ours != exact);
    double square = 0, error = 0;  // 8, then 4 bits
    for (size_t i = 0; i < exact.size(); ++i) {
      square += double{exact[i]} * exact[i];
      error += std::pow(double{ours[i]} - exact[i], 2);
    }
    CHECK_IN(error < 0.02 * square, error / square);
  }
  step(0, dense_nodes()[0]);
  step(2, dense_nodes()[2]);
  CHECK(network->logits(*data, qat::EvaluationMode::kFakeQuant) ==
        original->logits(*data, qat::EvaluationMode::kFakeQuant));
}

// (x ⊙ c)·(w / c)ᵀ: the outputs stay; with w itself they would be others.
TEST(nn_a_channel_scale_is_taken_out_of_the_weights) {
  const auto data = clusters(40, 64, 3, 5);
  Nodes nodes = dense_nodes();
  const auto network = prepared_network(nodes, *data);
  nodes[0] = weight_only(Op::kMixedRowLinear, "hidden", 64, 32);
  for (int k = 0; k < 64; ++k) nodes[0].mixed_row.channel_scale.push_back(k % 2 ? 4.0f : 0.5f);
  qat::Network scaled(nodes);
  scaled.take_from(*network);
  scaled.prepare_missing(*data, data->count());
  const auto exact = network->logits(*data, qat::EvaluationMode::kFakeQuant);
  const auto ours = scaled.logits(*data, qat::EvaluationMode::kPacked);
  for (size_t i = 0; i < exact.size(); ++i) CHECK_NEAR(ours[i], exact[i], 0.05);
  nodes[0].mixed_row.channel_scale[3] = 0;
  CHECK_THROWS(qat::Network(nodes).take_from(*network), "E-MODEL-GRAPH");
}

TEST(nn_no_conversion_loses_anything_without_a_word) {
  const auto data = clusters(40, 64, 3, 5);
  const auto network = prepared_network(dense_nodes(), *data);
  Nodes nodes = dense_nodes();
  nodes[2] = weight_only(Op::kMpqLinear, "head", 32, 3);
  nodes[2].mpq.linear.bias = false;
  CHECK_THROWS(qat::Network(nodes).take_from(*network), "E-MODEL-GRAPH");
  nodes = dense_nodes();
  nodes[0].linear.bias = false;
  CHECK_THROWS(qat::Network(nodes).take_from(*network), "E-MODEL-GRAPH");
  nodes = dense_nodes();
  nodes[1] = node_of(Op::kBatchNorm, "hidden");  // another kind of node under a name that is taken
  nodes[0].name = "first";
  CHECK_THROWS(qat::Network(nodes).take_from(*network), "E-MODEL-GRAPH");
}

TEST(nn_what_cannot_be_taken_over_is_refused) {
  const auto data = clusters(40, 36, 3, 5);
  const auto network = prepared_network(image_nodes(), *data);
  Nodes other = image_nodes();
  other[5] = dense("hidden", 64, 9, 32);
  other[7] = dense("head", 9, 3, 32);
  qat::Network larger(other);
  CHECK_THROWS(larger.take_from(*network), "E-WEIGHT-SHAPE");
  qat::Network unset(image_nodes());
  CHECK_THROWS(qat::Network(image_nodes()).take_from(unset), "E-LAYER-STATE");
  CHECK_THROWS(network->take_from(*network), "E-RUN-STATE");
}
