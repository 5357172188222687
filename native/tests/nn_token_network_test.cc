// Embeddings as nodes: ids out of floats, gradients of whole tables, training, resume.
#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "nn/modules/embedding_modules.h"
#include "nn/network_node.h"
#include "nn_graph_test_util.h"

namespace {

using namespace nn_test;

qat::NetworkNode table_of(Op op, const std::string& name, int64_t rows, int64_t dim, int bits,
                          qat::Method method = qat::Method::kLsq) {
  qat::NetworkNode node = node_of(op, name);
  node.embedding.num_embeddings = rows;
  node.embedding.embedding_dim = dim;
  node.embedding.weight.quantizer.bits = bits;
  if (bits == 1) node.embedding.weight.quantizer.grid = qat::Grid::kBinary;
  node.embedding.weight.method = method;
  return node;
}

// Which of two kinds of ids a sample has more of. The kinds are strewn over the vocabulary, so the ids
// as numbers say nothing about them.
std::shared_ptr<qat::Dataset> majorities(int64_t count, int64_t tokens, int64_t rows,
                                         uint64_t seed) {
  std::vector<uint32_t> kind(static_cast<size_t>(rows));
  for (size_t i = 0; i < kind.size(); ++i) kind[i] = i < kind.size() / 2;
  qat::Rng(7).shuffle(kind);
  qat::Rng rng(seed);
  std::vector<float> ids(static_cast<size_t>(count * tokens));
  std::vector<uint8_t> labels(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    int64_t ones = 0;
    for (int64_t t = 0; t < tokens; ++t) {
      const auto id = std::min<int64_t>(
          rows - 1, static_cast<int64_t>(rng.uniform(0.0f, static_cast<float>(rows))));
      ids[static_cast<size_t>(i * tokens + t)] = static_cast<float>(id);
      ones += kind[static_cast<size_t>(id)];
    }
    labels[static_cast<size_t>(i)] = 2 * ones > tokens;
  }
  return qat::Dataset::from_floats(ids.data(), ids.size(), labels.data(), labels.size(),
                                   {count, tokens, 2});
}

// Tokens attend to each other; their embedding is added.
std::vector<qat::NetworkNode> attention_nodes(int bits) {
  return {input_of({6}, "ids"),
          table_of(Op::kEmbedding, "embed", 12, 8, bits),
          dense("q", 8, 8, bits, {"embed"}),
          attention_of("self", {"q", "embed", "embed"}, 2),
          node_of(Op::kAdd, "sum", {"self", "embed"}),
          node_of(Op::kFlatten, ""),
          dense("head", 48, 2, bits)};
}

std::vector<qat::NetworkNode> bag_nodes(int bits, qat::BagMode mode = qat::BagMode::kMean) {
  qat::NetworkNode bag = table_of(Op::kEmbeddingBag, "bag", 40, 16, bits);
  bag.bag = mode;
  return {input_of({9}), bag, dense("head", 16, 2, 8)};
}

double accuracy(const std::vector<qat::NetworkNode>& nodes, const qat::SessionOptions& options) {
  const auto data = majorities(2000, 9, 40, 1), test = majorities(500, 9, 40, 2);
  const auto network = prepared_network(nodes, *data);
  qat::TrainingSession session(network, data, test, options);
  session.start();
  CHECK(run_to_end(session).last.state == qat::SessionState::kFinished);
  const auto fake = network->evaluate(*test, qat::EvaluationMode::kFakeQuant);
  const auto packed = network->evaluate(*test, qat::EvaluationMode::kPacked);
  CHECK_NEAR(packed.accuracy, fake.accuracy, 0.01);
  return packed.accuracy;
}

template <typename Layer>
void copy_table(Layer& layer, qat::Module& module) {
  const auto weight = random_values(12 * 5, 3);
  layer.set_weight_data(weight.data(), weight.size());
  layer.prepare_params();
  module.set_value(0, weight.data(), weight.size());
  module.prepare(nullptr, 0, nullptr);
}

void check_table_gradient(const qat::SparseGradient& sparse, qat::Module& module) {
  std::vector<float> dense_weight(12 * 5), dense_scales(12);
  for (size_t i = 0; i < sparse.rows.size(); ++i) {
    const auto row = static_cast<size_t>(sparse.rows[i]);
    std::copy_n(sparse.dweight.begin() + static_cast<int64_t>(5 * i), 5,
                dense_weight.begin() + static_cast<int64_t>(5 * row));
    dense_scales[row] = sparse.dscales[i];
  }
  CHECK(std::equal(dense_weight.begin(), dense_weight.end(), module.gradient(0)));
  CHECK(std::equal(dense_scales.begin(), dense_scales.end(), module.gradient(1)));
}

}  // namespace

TEST(nn_gradients_through_an_embedding_and_attention) {
  check_gradients(attention_nodes(32), *majorities(6, 6, 12, 21));
}

TEST(nn_gradients_through_an_embedding_bag_with_a_padding_row) {
  std::vector<qat::NetworkNode> nodes = bag_nodes(32);
  nodes[1].embedding.padding_idx = 3;
  nodes[2].linear = linear_options(16, 2, 32, 32);
  nodes.insert(nodes.begin() + 2, dense("hidden", 16, 16, 32));
  check_gradients(nodes, *majorities(6, 9, 40, 21));
}

// Two batches with other rows: what the first one left in the gradient must be gone in the second.
TEST(nn_embedding_nodes_do_what_the_layers_do) {
  const qat::NetworkNode node = table_of(Op::kEmbedding, "e", 12, 5, 4);
  qat::Embedding layer(node.embedding);
  qat::EmbeddingModule module(node.embedding, 3);
  copy_table(layer, module);
  for (const std::vector<int32_t>& ids :
       {std::vector<int32_t>{1, 1, 7, 0, 11, 1}, std::vector<int32_t>{2, 2, 2, 2, 2, 5}}) {
    const std::vector<float> x(ids.begin(), ids.end());
    std::vector<float> y(30), expected(30);
    const float* in[] = {x.data()};
    module.forward(in, 2, y.data(), qat::Pass::kTraining);
    layer.forward(ids.data(), 6, expected.data());
    CHECK(y == expected);
    auto dy = random_values(30, 4);
    const qat::SparseGradient sparse = layer.backward(dy.data());
    float dx[6] = {9, 9, 9, 9, 9, 9};
    float* out[] = {dx};
    module.backward(in, y.data(), dy.data(), 2, out);
    check_table_gradient(sparse, module);
    for (const float d : dx) CHECK_EQ(d, 0.0f);
    module.forward(in, 2, y.data(), qat::Pass::kPacked);
    layer.eval();
    layer.forward(ids.data(), 6, expected.data());
    layer.train();
    CHECK(y == expected);
  }
}

TEST(nn_embedding_bag_nodes_do_what_the_layers_do) {
  for (const qat::BagMode mode : {qat::BagMode::kSum, qat::BagMode::kMean}) {
    qat::EmbeddingOptions options = table_of(Op::kEmbeddingBag, "e", 12, 5, 3).embedding;
    options.padding_idx = 2;
    qat::EmbeddingBag layer(options, mode);
    qat::EmbeddingBagModule module(options, mode, 4);
    copy_table(layer, module);
    const std::vector<int32_t> ids = {1, 1, 7, 2, 2, 2, 2, 2, 0, 5, 6, 7}, offsets = {0, 4, 8};
    const std::vector<float> x(ids.begin(), ids.end());
    std::vector<float> y(15), expected(15);
    const float* in[] = {x.data()};
    module.forward(in, 3, y.data(), qat::Pass::kTraining);
    layer.forward(ids.data(), 12, offsets.data(), 3, expected.data());
    CHECK(y == expected);
    auto dy = random_values(15, 4);
    const qat::SparseGradient sparse = layer.backward(dy.data());
    float* out[] = {nullptr};
    module.backward(in, y.data(), dy.data(), 3, out);
    check_table_gradient(sparse, module);
  }
}

TEST(nn_token_networks_learn_what_linear_models_of_ids_cannot) {
  qat::SessionOptions options = short_training();
  options.epochs = 12;
  options.batch_size = 50;
  CHECK(accuracy(bag_nodes(4), options) > 0.97);
  CHECK(accuracy(bag_nodes(1, qat::BagMode::kSum), options) > 0.9);
  CHECK(accuracy({input_of({9}), dense("head", 9, 2, 32)}, options) < 0.65);
}

TEST(nn_token_networks_train_the_same_on_any_number_of_threads_and_resume_exactly) {
  const auto data = majorities(60, 6, 12, 4);
  check_same_bits_on_threads_and_after_resume(attention_nodes(4), data);
  std::vector<qat::NetworkNode> nodes = attention_nodes(4);
  nodes[1].embedding.weight.quantizer.grid = qat::Grid::kUnsigned;
  nodes[1].embedding.weight.method = qat::Method::kSte;
  check_same_bits_on_threads_and_after_resume(nodes, data);
  nodes[1] = table_of(Op::kEmbedding, "embed", 12, 8, 32);
  check_same_bits_on_threads_and_after_resume(nodes, data);
}

// Ids of padding as fourth input: what the rows of the padding id hold says nothing any more.
TEST(nn_attention_nodes_see_neither_padding_nor_later_tokens) {
  const auto data = majorities(60, 6, 12, 4);
  std::vector<qat::NetworkNode> nodes = attention_nodes(4);
  qat::NetworkNode& self = nodes[3];
  self.inputs.push_back("ids");
  self.padding_idx = 2;
  self.causal = true;
  CHECK(qat::describe(self).find(" causal padding 2 ") != std::string::npos);
  check_same_bits_on_threads_and_after_resume(nodes, data);
  self.inputs[3] = "embed";
  CHECK_EQ(refusal(nodes), std::string("E-MODEL-GRAPH"));  // no ids
  nodes = {input_of({3}, "x"), table_of(Op::kEmbedding, "embed", 5, 4, 32),
           attention_of("self", {"embed", "embed", "embed", "x"}, 2)};
  nodes[2].padding_idx = 3;
  const float ids[] = {0, 3, 1};
  const uint8_t label[] = {0};
  const auto sample = qat::Dataset::from_floats(ids, 3, label, 1, {1, 3, 2});
  const auto network = prepared_network(nodes, *sample);
  const auto before = network->logits(*sample, qat::EvaluationMode::kFakeQuant);
  std::vector<float> table(20);
  network->get_parameter("embed.weight", table.data(), 20);
  for (size_t i = 12; i < 16; ++i) table[i] += 9;
  network->set_parameter("embed.weight", table.data(), 20);
  const auto after = network->logits(*sample, qat::EvaluationMode::kFakeQuant);
  for (size_t i = 0; i < 12; ++i) CHECK_EQ(before[i] == after[i], i < 4 || i >= 8);  // its query
}

// Thresholds are no parameters: a checkpoint's come back from its scales or its weight.
TEST(nn_ternary_and_abs_max_tables_resume_exactly) {
  const auto data = majorities(60, 9, 40, 4);
  for (const qat::Method method : {qat::Method::kLsq, qat::Method::kSte}) {
    std::vector<qat::NetworkNode> nodes = bag_nodes(2);
    nodes[1].embedding.weight.method = method;
    nodes[1].embedding.weight.quantizer.grid = qat::Grid::kTernary;
    check_same_bits_on_threads_and_after_resume(nodes, data);
    nodes[1].embedding.weight.quantizer.grid = qat::Grid::kUnsigned;
    nodes[1].embedding.weight.quantizer.range = qat::RangeEstimator::kAbsMax;
    check_same_bits_on_threads_and_after_resume(nodes, data);
  }
}

// The scales of a 1-bit table follow its rows; Diode lets its signs vote.
TEST(nn_one_bit_tables_resume_exactly_under_adam_and_diode) {
  const auto data = majorities(60, 9, 40, 4);
  std::vector<qat::NetworkNode> nodes = bag_nodes(1);
  nodes[1].embedding.weight.method = qat::Method::kSte;
  check_same_bits_on_threads_and_after_resume(nodes, data);
  qat::SessionOptions options = short_training();
  options.optimizer = qat::default_options(qat::OptimizerKind::kDiode);
  check_same_bits_on_threads_and_after_resume(nodes, data, options);
}

TEST(nn_token_networks_resume_exactly_after_every_step) {
  const auto data = majorities(60, 9, 40, 4);
  for (const int bits : {1, 4}) {
    std::vector<qat::NetworkNode> nodes = bag_nodes(bits);
    if (bits == 1) nodes[1].embedding.weight.method = qat::Method::kSte;
    const auto whole = trained_parameters(nodes, data, short_training(), 2, false);
    for (size_t steps = 1; steps < 16; ++steps) {
      CHECK_IN(resumed_parameters(nodes, data, short_training(), steps) == whole, steps);
    }
  }
}

TEST(nn_diode_flips_signs_of_a_one_bit_table_and_keeps_their_magnitude) {
  const auto data = majorities(60, 9, 40, 4);
  std::vector<qat::NetworkNode> nodes = bag_nodes(1);
  nodes[1].embedding.weight.method = qat::Method::kSte;
  const auto network = prepared_network(nodes, *data);
  std::vector<float> before(40 * 16), after(before.size());
  network->get_parameter("bag.weight", before.data(), before.size());
  qat::SessionOptions options = short_training();
  options.optimizer = qat::default_options(qat::OptimizerKind::kDiode);
  options.epochs = 20;
  qat::TrainingSession session(network, data, data, options);
  session.start();
  run_to_end(session);
  network->get_parameter("bag.weight", after.data(), after.size());
  int flips = 0;
  for (size_t i = 0; i < after.size(); ++i) {
    CHECK_EQ(std::fabs(after[i]), std::fabs(before[i]));
    flips += after[i] != before[i];
  }
  CHECK(flips > 0);
}

TEST(nn_tables_start_as_float_and_are_prepared_when_quantization_begins) {
  const auto data = majorities(60, 9, 40, 4);
  qat::SessionOptions options = short_training();
  options.quantize_from = 7;
  check_same_bits_on_threads_and_after_resume(bag_nodes(2), data, options);
  qat::EmbeddingModule module(table_of(Op::kEmbedding, "e", 3, 2, 2).embedding, 1);
  const float weight[] = {0.1f, 0.9f, -0.3f, 0.2f, 0.7f, -0.8f}, id[] = {2};
  module.set_value(0, weight, 6);
  module.prepare(nullptr, 0, nullptr);
  const float* in[] = {id};
  float y[2];
  qat::TrainingPosition position;
  position.quantize_from = 5;
  module.begin_step(position);
  module.forward(in, 1, y, qat::Pass::kTraining);
  CHECK(y[0] == 0.7f && y[1] == -0.8f);
  position.step = 5;
  module.begin_step(position);
  module.forward(in, 1, y, qat::Pass::kTraining);
  CHECK(y[0] != 0.7f || y[1] != -0.8f);
}

TEST(nn_what_is_no_id_is_refused) {
  const auto network = prepared_network(bag_nodes(4), *majorities(10, 9, 40, 1));
  for (const float wrong : {-1.0f, 0.5f, 40.0f, 1e30f, -0.25f}) {
    std::vector<float> ids(18, 3.0f);
    ids[11] = wrong;
    const uint8_t labels[] = {0, 1};
    const auto data = qat::Dataset::from_floats(ids.data(), ids.size(), labels, 2, {2, 9, 2});
    for (const auto mode : {qat::EvaluationMode::kFakeQuant, qat::EvaluationMode::kPacked}) {
      CHECK_THROWS(network->logits(*data, mode), "E-DATASET-MISMATCH");
    }
  }
  CHECK_EQ(refusal({input_of({9}), table_of(Op::kEmbedding, "e", (1 << 24) + 1, 1, 4)}),
           std::string("E-MODEL-GRAPH"));
  CHECK_EQ(refusal({input_of({3, 3}), table_of(Op::kEmbedding, "e", 9, 4, 4)}),
           std::string("E-MODEL-GRAPH"));
  CHECK_EQ(refusal({table_of(Op::kEmbedding, "e", 9, 4, 4)}), std::string("E-MODEL-GRAPH"));
  CHECK_EQ(refusal({input_of({9}), table_of(Op::kEmbedding, "e", 9, 4, 2, qat::Method::kTtq)}),
           std::string("E-QUANTIZER-INVALID"));
}

TEST(nn_a_packed_table_is_loaded_into_a_network_and_trained_on) {
  const auto data = majorities(60, 9, 40, 4);
  const auto source = prepared_network(bag_nodes(4), *data, 8);
  const auto network = prepared_network(bag_nodes(4), *data, 9);
  const qat::QuantizedWeight packed = source->quantized_weight("bag");
  network->set_packed_weight("bag", packed);
  const qat::QuantizedWeight again = network->quantized_weight("bag");
  CHECK(again.packed == packed.packed && again.scales.scales == packed.scales.scales);
  qat::TrainingSession session(network, data, data, short_training());
  session.start();
  CHECK(run_to_end(session).last.state == qat::SessionState::kFinished);
  CHECK(network->quantized_weight("bag").packed != packed.packed);
  CHECK_THROWS(network->set_packed_weight("bag", qat::MpqWeight{}), "E-QUANTIZER-INVALID");
  const auto floats = prepared_network(bag_nodes(32), *data);
  CHECK_THROWS(floats->packed_weight("bag"), "E-QUANTIZER-INVALID");
  CHECK_THROWS(floats->packed_weight("none"), "E-LAYER-UNKNOWN");
}

// The samples by name, beside what was made of them.
TEST(nn_the_input_has_a_name_that_nodes_can_take) {
  const std::vector<qat::NetworkNode> nodes = {input_of({5}, "x"), dense("a", 5, 5, 32),
                                               node_of(Op::kAdd, "sum", {"a", "x"})};
  const auto data = clusters(7, 5, 3, 2);
  const auto network = prepared_network(nodes, *data);
  const auto alone = prepared_network({nodes[0], nodes[1]}, *data);
  const auto sum = network->logits(*data, qat::EvaluationMode::kFakeQuant);
  const auto part = alone->logits(*data, qat::EvaluationMode::kFakeQuant);
  std::vector<float> x(35);
  std::vector<uint8_t> labels(7);
  data->gather(nullptr, 0, 7, x.data(), labels.data());
  for (size_t i = 0; i < x.size(); ++i) CHECK_EQ(sum[i], part[i] + x[i]);
  std::vector<qat::NetworkNode> residual = nodes;
  residual.push_back(dense("again", 5, 5, 32, {"x"}));
  residual.push_back(node_of(Op::kAdd, "both", {"again", "sum"}));
  check_gradients(residual, *data);
  check_same_bits_on_threads_and_after_resume(residual, clusters(50, 5, 3, 2));
  CHECK_EQ(refusal({input_of({5}), dense("a", 5, 5, 4), node_of(Op::kAdd, "", {"a", ""})}),
           std::string("E-MODEL-GRAPH"));
  CHECK_EQ(refusal({input_of({5}, "a"), dense("a", 5, 5, 4)}), std::string("E-MODEL-GRAPH"));
}
