// Networks with branches and every operation: gradients, shapes, resume, refusals.
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nn/network_node.h"
#include "nn_graph_test_util.h"

namespace {

using namespace nn_test;

qat::NetworkNode conv_of(const std::string& name, int64_t in, int64_t out, int64_t kernel,
                         int64_t padding, int bits, std::vector<std::string> inputs = {}) {
  qat::NetworkNode node = node_of(Op::kConv2d, name, std::move(inputs));
  node.conv2d.shape.in_channels = in;
  node.conv2d.shape.out_channels = out;
  node.conv2d.shape.kernel_height = node.conv2d.shape.kernel_width = kernel;
  node.conv2d.shape.padding = padding;
  node.conv2d.bias = true;
  node.conv2d.weight.quantizer.bits = bits;
  node.conv2d.activation.bits = bits;
  return node;
}

qat::NetworkNode pool_of(Op op, int64_t kernel) {
  qat::NetworkNode node = node_of(op, "");
  node.kernel = node.stride = kernel;
  return node;
}

qat::NetworkNode dropout_of(double rate) {
  qat::NetworkNode node = node_of(Op::kDropout, "");
  node.rate = rate;
  return node;
}

// Images: a residual block with a projection on its branch.
std::vector<qat::NetworkNode> residual_nodes(int bits, Op pool = Op::kMaxPool2d) {
  return {input_of({2, 6, 6}),
          conv_of("stem", 2, 4, 3, 1, bits),
          node_of(Op::kBatchNorm, "norm"),
          node_of(Op::kGelu, "act"),
          conv_of("body", 4, 6, 3, 1, bits),
          conv_of("skip", 4, 6, 1, 0, bits, {"act"}),
          node_of(Op::kAdd, "sum", {"body", "skip"}),
          dropout_of(0.25),
          node_of(Op::kPrelu, "prelu"),
          pool_of(pool, 2),
          pool_of(Op::kAvgPool2d, 3),
          node_of(Op::kFlatten, ""),
          dense("head", 6, 4, bits)};
}

// Tokens: attention with queries, keys and values of one source, around it a residual sum.
std::vector<qat::NetworkNode> token_nodes(int bits) {
  return {input_of({5, 8}),
          dense("embed", 8, 8, bits),
          node_of(Op::kLayerNorm, "norm"),
          dense("q", 8, 8, bits, {"norm"}),
          attention_of("self", {"q", "norm", "norm"}, 2),
          node_of(Op::kAdd, "sum", {"self", "embed"}),
          node_of(Op::kAdd, "twice", {"sum", "sum"}),
          node_of(Op::kFlatten, ""),
          dense("head", 40, 4, bits)};
}

}  // namespace

TEST(nn_gradients_through_a_residual_block) {
  // A maximum that changes hands has no derivative there; its gradient has a test of its own.
  check_gradients(residual_nodes(32, Op::kAvgPool2d), *clusters(6, 72, 4, 21));
}

TEST(nn_gradients_through_attention_with_a_shared_source) {
  check_gradients(token_nodes(32), *clusters(6, 40, 4, 21));
}

TEST(nn_packed_networks_with_branches_equal_fake_quant) {
  const auto check = [](const std::vector<qat::NetworkNode>& nodes, int64_t features) {
    const auto data = clusters(40, features, 4, 21);
    const auto network = prepared_network(nodes, *data);
    const auto trained = network->logits(*data, qat::EvaluationMode::kFakeQuant);
    const auto packed = network->logits(*data, qat::EvaluationMode::kPacked);
    int differ = 0;
    for (size_t i = 0; i < packed.size(); ++i) differ += std::fabs(packed[i] - trained[i]) > 1e-3f;
    CHECK(differ <= static_cast<int>(packed.size() / 50));  // a code on a rounding border may flip
  };
  check(residual_nodes(8), 72);
  check(token_nodes(8), 40);
}

TEST(nn_networks_with_branches_train_the_same_on_any_number_of_threads_and_resume_exactly) {
  std::vector<qat::NetworkNode> nodes = residual_nodes(4);
  nodes[1].conv2d.activation.method = qat::Method::kLsqPlus;
  nodes[4].conv2d.input_shift = true;
  nodes.back().linear.activation.method = qat::Method::kPact;
  nodes.back().linear.activation.is_signed = false;
  check_same_bits_on_threads_and_after_resume(nodes, clusters(50, 72, 4, 21));
}

TEST(nn_dropout_drops_its_share_and_nothing_in_inference) {
  const std::vector<qat::NetworkNode> nodes = {input_of({4000}), dropout_of(0.3)};
  const auto data = clusters(2, 4000, 2, 1);
  qat::Network network(nodes);
  const auto kept = network.logits(*data, qat::EvaluationMode::kFakeQuant);
  std::vector<float> x(8000);
  std::vector<uint8_t> labels(2);
  data->gather(nullptr, 0, 2, x.data(), labels.data());
  CHECK(kept == x);
  qat::Module& module = *qat::NetworkAccess::nodes(network)[0]->module;
  module.begin_step({1, 1, 10});
  std::vector<float> y(x.size());
  const float* in[] = {x.data()};
  module.forward(in, 2, y.data(), qat::Pass::kTraining);
  int zeros = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    zeros += y[i] == 0;
    if (y[i] != 0) CHECK_NEAR(y[i], x[i] / 0.7f, 1e-5);
  }
  CHECK(zeros > 2200 && zeros < 2600);
  const std::vector<float> first = y;
  module.begin_step({1, 2, 10});
  module.forward(in, 2, y.data(), qat::Pass::kTraining);
  CHECK(y != first);
  module.begin_step({1, 1, 10});
  module.forward(in, 2, y.data(), qat::Pass::kTraining);
  CHECK(y == first);
}

TEST(nn_graphs_that_do_not_fit_are_refused) {
  CHECK_EQ(refusal(residual_nodes(4)), std::string(""));
  const std::string bad = "E-MODEL-GRAPH";
  CHECK_EQ(refusal({node_of(Op::kGelu, "g")}), bad);  // no shape to begin with
  CHECK_EQ(refusal({input_of({4})}), bad);            // nothing but an input
  CHECK_EQ(refusal({input_of({1, 2, 3, 4}), node_of(Op::kRelu, "")}), bad);
  CHECK_EQ(refusal({input_of({4}), dense("a", 4, 4, 4, {"later"}), dense("later", 4, 4, 4)}), bad);
  CHECK_EQ(refusal({input_of({4}), dense("a", 4, 4, 4), dense("a", 4, 4, 4)}), bad);
  CHECK_EQ(refusal({input_of({4}), dense("a", 5, 4, 4)}), bad);
  CHECK_EQ(refusal({input_of({4}), dense("a", 4, 3, 4), dense("b", 3, 4, 4),
                    node_of(Op::kAdd, "", {"a", "b"})}),
           bad);
  CHECK_EQ(refusal({input_of({4}), dense("a", 4, 3, 4), node_of(Op::kAdd, "", {"a"})}), bad);
  CHECK_EQ(refusal({input_of({2, 6, 6}), dense("a", 72, 4, 4)}), bad);  // not flat
  CHECK_EQ(refusal({input_of({72}), conv_of("c", 2, 4, 3, 1, 4)}), bad);
  CHECK_EQ(refusal({input_of({3, 6, 6}), conv_of("c", 2, 4, 3, 1, 4)}), bad);
  CHECK_EQ(refusal({input_of({5, 8}), dense("a", 8, 8, 4),
                    attention_of("t", {"a", "a", "a"}, 3)}),
           bad);  // 3 heads for 8 features
  CHECK_EQ(refusal({input_of({4}), dropout_of(1)}), bad);
  CHECK_EQ(refusal({input_of({2, 3, 3}), pool_of(Op::kMaxPool2d, 4)}),
           std::string("E-NATIVE-ARGUMENT"));
}
