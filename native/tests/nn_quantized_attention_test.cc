// Attention with quantized operands: against the definition and finite differences in double, then
// whole multi-head attention in a network that trains, resumes and is packed.
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nn/attention.h"
#include "nn/modules/attention_module.h"
#include "nn/modules/matmul_module.h"
#include "nn/network_node.h"
#include "nn/network_trainer.h"
#include "nn_frozen_quantizer.h"
#include "runtime/thread_pool.h"

namespace {

using namespace nn_test;
using Learned = qat::ActivationQuantizer::Learned;
using Op = qat::NetworkNode::Op;

// --- one attention ----------------------------------------------------------------------------------

struct Reference {
  static constexpr int64_t kSamples = 2;
  qat::AttentionShape shape;
  Operand q, k, v;
  qat::ActivationOptions p_options;
  double p_scale;
  std::vector<Frozen> p_frozen;
  std::vector<float> dy;

  std::vector<uint8_t> mask;  // [samples, keys]

  Reference(const qat::AttentionQuantizers& o, const qat::AttentionShape& s,
            const std::vector<uint8_t>& key_mask, uint64_t seed)
      : shape(s),
        q(o.queries, {scale_of(o.queries)}, kSamples * of_queries(), seed),
        k(o.keys, {1.1f * scale_of(o.keys)}, kSamples * of_keys(), seed + 1),
        v(o.values, {0.9f * scale_of(o.values)}, kSamples * of_keys(), seed + 2),
        p_options(o.probabilities),
        p_scale(p_options.bits == 1 ? 0.3f : 0.055f),
        dy(random_values(kSamples * of_queries(), seed + 3)),
        mask(key_mask) {
    for (int64_t row = 0; row < kSamples * shape.heads * shape.queries; ++row) {
      for (const double p : softmax(row)) {
        p_frozen.emplace_back(static_cast<float>(p), p_options,
                              qat::ActivationState{static_cast<float>(p_scale)});
      }
    }
  }
  static float scale_of(const qat::ActivationOptions& o) {
    return o.bits == 1 ? 0.8f : o.bits < 8 ? 0.29f : 0.02f;
  }
  int64_t of_queries() const { return shape.heads * shape.queries * shape.depth; }
  int64_t of_keys() const { return shape.heads * shape.keys * shape.depth; }
  bool sees(int64_t row, int64_t key) const {
    if (shape.causal && key > row % shape.queries) return false;
    const int64_t sample = row / (shape.heads * shape.queries);
    return mask.empty() || mask[static_cast<size_t>(sample * shape.keys + key)];
  }
  // Probabilities of query `row` of all samples and heads.
  std::vector<double> softmax(int64_t row) const {
    const int64_t head = row / shape.queries;
    std::vector<double> p;
    double sum = 0;
    for (int64_t j = 0; j < shape.keys; ++j) {
      double score = 0;
      for (int64_t d = 0; d < shape.depth; ++d) {
        score += q.value(row * shape.depth + d) *
                 k.value((head * shape.keys + j) * shape.depth + d);
      }
      p.push_back(sees(row, j) ? std::exp(score / std::sqrt(static_cast<double>(shape.depth))) : 0);
      sum += p.back();
    }
    for (double& one : p) one = sum > 0 ? one / sum : 0;
    return p;
  }
  std::vector<double> output() const {
    std::vector<double> y;
    for (int64_t row = 0; row < kSamples * shape.heads * shape.queries; ++row) {
      std::vector<double> p = softmax(row);
      for (int64_t j = 0; j < shape.keys && p_options.bits != 32; ++j) {
        const auto at = static_cast<size_t>(j);
        p[at] = p_frozen[static_cast<size_t>(row * shape.keys + j)](p[at], p_scale, 0);
      }
      for (int64_t d = 0; d < shape.depth; ++d) {
        double sum = 0;
        for (int64_t j = 0; j < shape.keys; ++j) {
          sum += p[static_cast<size_t>(j)] *
                 v.value((row / shape.queries * shape.keys + j) * shape.depth + d);
        }
        y.push_back(sum);
      }
    }
    return y;
  }
  double derivative(double& variable) const {
    const auto loss = [&] {
      const std::vector<double> y = output();
      double sum = 0;
      for (size_t i = 0; i < y.size(); ++i) sum += y[i] * dy[i];
      return sum;
    };
    const double h = 1e-5, kept = variable;
    variable = kept + h;
    const double up = loss();
    variable = kept - h;
    const double down = loss();
    variable = kept;
    return (up - down) / (2 * h);
  }
};

void check_scale(qat::ActivationQuantizer& quantizer, const Reference& reference, double& scale,
                 int64_t size) {
  if (quantizer.is_float()) return;
  const double damp = std::sqrt(static_cast<double>(size) * quantizer.range().qmax);
  const double expected = reference.derivative(scale);
  CHECK_NEAR(*quantizer.gradient(Learned::kScale) * damp, expected,
             1e-3 + 1e-3 * std::fabs(expected));
}

void check_attention(const qat::AttentionQuantizers& quantizers,
                     const qat::AttentionShape& shape = {2, 3, 5, 4},
                     const std::vector<uint8_t>& key_mask = {}) {
  Reference r(quantizers, shape, key_mask, 31);
  const uint8_t* mask = key_mask.empty() ? nullptr : key_mask.data();
  qat::Attention attention(r.shape, quantizers);
  const auto set = [](qat::ActivationQuantizer& quantizer, double scale) {
    if (!quantizer.is_float()) quantizer.set_state({static_cast<float>(scale)});
  };
  set(attention.queries(), r.q.scale);
  set(attention.keys(), r.k.scale);
  set(attention.values(), r.v.scale);
  set(attention.probabilities(), r.p_scale);
  const auto q = r.q.floats(), k = r.k.floats(), v = r.v.floats();
  std::vector<float> y(r.dy.size()), dq(q.size()), dk(k.size()), dv(v.size());
  const auto samples = Reference::kSamples;
  attention.forward_packed(samples, q.data(), k.data(), v.data(), y.data(), mask);
  const std::vector<double> expected = r.output();
  for (size_t i = 0; i < y.size(); ++i) CHECK_NEAR(y[i], expected[i], 1e-5);
  attention.forward(samples, q.data(), k.data(), v.data(), y.data(), mask);
  for (size_t i = 0; i < y.size(); ++i) CHECK_NEAR(y[i], expected[i], 1e-5);
  attention.backward(r.dy.data(), dq.data(), dk.data(), dv.data());
  for (size_t i = 0; i < q.size(); ++i) CHECK_NEAR(dq[i], r.derivative(r.q.x[i]), 1e-4);
  for (size_t i = 0; i < k.size(); ++i) CHECK_NEAR(dk[i], r.derivative(r.k.x[i]), 1e-4);
  for (size_t i = 0; i < v.size(); ++i) CHECK_NEAR(dv[i], r.derivative(r.v.x[i]), 1e-4);
  check_scale(attention.queries(), r, r.q.scale, r.of_queries());
  check_scale(attention.keys(), r, r.k.scale, r.of_keys());
  check_scale(attention.values(), r, r.v.scale, r.of_keys());
  check_scale(attention.probabilities(), r, r.p_scale, shape.heads * shape.queries * shape.keys);
}

qat::AttentionQuantizers all_operands(int bits, int probability_bits) {
  return {operand(bits), operand(bits), operand(probability_bits, false), operand(bits)};
}

TEST(nn_quantized_attention_is_its_definition_with_its_gradients) {
  check_attention({});
  check_attention(all_operands(4, 4));
  check_attention(all_operands(8, 8));
  check_attention(all_operands(3, 2));
  check_attention(all_operands(1, 1));
  check_attention({operand(4), operand(32), operand(32, false), operand(1)});
  check_attention({operand(32), operand(32), operand(4, false), operand(32)});
}

// Keys behind the query, keys that are padding, both; a sample without any key.
TEST(nn_masked_attention_is_its_definition_with_its_gradients) {
  const std::vector<uint8_t> some = {1, 0, 1, 1, 0, 0, 1, 1, 1, 1}, none = {1, 0, 1, 1, 0, 0, 0, 0, 0, 0};
  for (const auto& quantizers : {qat::AttentionQuantizers{}, all_operands(4, 4), all_operands(8, 8),
                                 all_operands(1, 1)}) {
    check_attention(quantizers, {2, 5, 5, 4, true});
    check_attention(quantizers, {2, 3, 5, 4, false, true}, some);
    check_attention(quantizers, {2, 3, 5, 4, false, true}, none);
    check_attention(quantizers, {2, 5, 5, 4, true, true}, some);
  }
}

// Not nearly: whatever an unseen key and its value are, no bit of what comes out knows of them.
TEST(nn_masked_keys_change_no_bit) {
  for (const auto& quantizers : {qat::AttentionQuantizers{}, all_operands(4, 4)}) {
    qat::Attention attention({1, 4, 4, 3, true, true}, quantizers);
    for (auto* quantizer : {&attention.queries(), &attention.keys(), &attention.values(),
                            &attention.probabilities()}) {
      if (!quantizer->is_float()) quantizer->set_state({0.1f});
    }
    const uint8_t mask[] = {0, 1, 0, 1};
    const auto q = random_values(12, 1), dy = random_values(12, 2);
    std::vector<float> results[2];
    for (const bool changed : {false, true}) {
      auto k = random_values(12, 3), v = random_values(12, 4);
      for (size_t i = 0; i < 3 && changed; ++i) k[i] = v[i] = k[6 + i] = v[6 + i] = 3e7f;
      std::vector<float> y(12), dq(12), dk(12), dv(12);
      auto& all = results[changed];
      attention.forward_packed(1, q.data(), k.data(), v.data(), y.data(), mask);
      all = y;
      attention.forward(1, q.data(), k.data(), v.data(), y.data(), mask);
      attention.backward(dy.data(), dq.data(), dk.data(), dv.data());
      for (const auto* part : {&y, &dq}) all.insert(all.end(), part->begin(), part->end());
      for (size_t i = 0; i < 3; ++i) {
        CHECK_EQ(y[i], 0.0f);  // query 0 sees key 0 alone, which is masked
        for (const size_t at : {i, 6 + i}) CHECK(dk[at] == 0 && dv[at] == 0);
      }
    }
    CHECK(results[0] == results[1]);
  }
}

TEST(nn_masks_that_cannot_be_are_refused) {
  CHECK_THROWS(qat::Attention({1, 2, 3, 1, true}), "E-NATIVE-ARGUMENT");
  qat::AttentionQuantizers shifted;
  shifted.probabilities = operand(4, false, qat::Method::kLsqPlus);
  const qat::Attention unmasked({1, 2, 2, 1}, shifted);
  CHECK_THROWS(qat::Attention({1, 2, 2, 1, true}, shifted), "E-QUANTIZER-INVALID");
  CHECK_THROWS(qat::Attention({1, 2, 2, 1, false, true}, shifted), "E-QUANTIZER-INVALID");
  qat::Attention attention({1, 1, 1, 1, false, true});
  float one = 1, y = 0;
  CHECK_THROWS(attention.forward(1, &one, &one, &one, &y), "E-NATIVE-ARGUMENT");
}

TEST(nn_quantized_attention_refuses_what_cannot_be) {
  qat::AttentionQuantizers quantizers = all_operands(4, 4);
  qat::Attention attention({1, 1, 1, 1}, quantizers);
  float one = 1, y = 0;
  CHECK_THROWS(attention.forward(1, &one, &one, &one, &y), "E-LAYER-STATE");
  CHECK_THROWS(attention.backward(&one, &y, &y, &y), "E-LAYER-STATE");
  quantizers.probabilities.is_signed = true;
  CHECK_THROWS(qat::Attention({1, 1, 1, 1}, quantizers), "E-QUANTIZER-INVALID");
  quantizers = all_operands(9, 4);
  CHECK_THROWS(qat::Attention({1, 1, 1, 1}, quantizers), "E-QUANTIZER-INVALID");
  const int64_t most = int64_t{1} << 40;
  CHECK_THROWS(qat::Attention({most, most, most, 1}, {}), "E-NATIVE-ARGUMENT");
}

// --- multi-head attention as data -------------------------------------------------------------------

constexpr int64_t kTokens = 6, kFeatures = 8;

qat::NetworkNode node_of(Op op, const std::string& name, std::vector<std::string> inputs = {}) {
  qat::NetworkNode node;
  node.op = op;
  node.name = name;
  node.inputs = std::move(inputs);
  return node;
}

qat::NetworkNode dense(const std::string& name, int64_t in, int64_t out,
                       std::vector<std::string> inputs = {}) {
  qat::NetworkNode node = linear_node(name, linear_options(in, out, 4, 4));
  node.inputs = std::move(inputs);
  return node;
}

// Projections, attention in two heads, output projection and a residual sum, all W4A4.
std::vector<qat::NetworkNode> multi_head_nodes(const qat::AttentionQuantizers& quantizers) {
  qat::NetworkNode input = node_of(Op::kInput, "");
  input.shape.extents = {kTokens, kFeatures};
  qat::NetworkNode attention = node_of(Op::kAttention, "attention", {"q", "k", "v"});
  attention.heads = 2;
  attention.attention = quantizers;
  return {input,
          dense("embed", kFeatures, kFeatures),
          node_of(Op::kLayerNorm, "norm"),
          dense("q", kFeatures, kFeatures, {"norm"}),
          dense("k", kFeatures, kFeatures, {"norm"}),
          dense("v", kFeatures, kFeatures, {"norm"}),
          attention,
          dense("out", kFeatures, kFeatures),
          node_of(Op::kAdd, "sum", {"out", "embed"}),
          node_of(Op::kFlatten, ""),
          dense("head", kTokens * kFeatures, 4)};
}

qat::SessionOptions session_options() {
  qat::SessionOptions options;
  options.optimizer.kind = qat::OptimizerKind::kAdamW;
  options.learning_rate = 0.01;
  options.epochs = 20;
  options.batch_size = 24;
  return options;
}

std::shared_ptr<qat::Dataset> tokens(int64_t count, uint64_t seed) {
  return clusters(count, kTokens * kFeatures, 4, seed);
}

float parameter(const qat::Network& network, const std::string& name) {
  float value = 0;
  network.get_parameter(name, &value, 1);
  return value;
}

void check_training(const qat::AttentionQuantizers& quantizers, double least_accuracy) {
  const auto train = tokens(240, 1), test = tokens(100, 2);
  const auto network = prepared_network(multi_head_nodes(quantizers), *train);
  const std::vector<std::string> scales = {"attention.queriesScale", "attention.keysScale",
                                           "attention.probabilitiesScale", "attention.valuesScale"};
  std::vector<float> before;
  for (const auto& name : scales) before.push_back(parameter(*network, name));
  const double untrained = network->evaluate(*test, qat::EvaluationMode::kFakeQuant).loss;
  qat::TrainingSession session(network, train, test, session_options());
  session.start();
  const Recording record = run_to_end(session);
  CHECK(record.last.state == qat::SessionState::kFinished);
  for (size_t i = 0; i < scales.size(); ++i) {
    const float after = parameter(*network, scales[i]);
    CHECK_IN(before[i] > 0 && after > 0 && after != before[i], scales[i]);
  }
  const auto trained = network->evaluate(*test, qat::EvaluationMode::kFakeQuant);
  CHECK_IN(trained.loss < 0.5 * untrained, trained.loss << " after " << untrained);
  CHECK_IN(trained.accuracy >= least_accuracy, trained.accuracy);
  const auto fake = network->logits(*test, qat::EvaluationMode::kFakeQuant);
  const auto packed = network->logits(*test, qat::EvaluationMode::kPacked);
  int differ = 0;
  for (size_t i = 0; i < fake.size(); ++i) differ += std::fabs(packed[i] - fake[i]) > 1e-4f;
  CHECK_IN(differ <= static_cast<int>(fake.size() / 50), differ);  // a code on a border may flip
}

TEST(nn_multi_head_attention_trains_at_four_bits) { check_training(all_operands(4, 4), 0.9); }

TEST(nn_multi_head_attention_trains_at_one_bit) { check_training(all_operands(1, 1), 0.9); }

TEST(nn_multi_head_attention_trains_at_eight_bits) { check_training(all_operands(8, 8), 0.9); }

// Operands whose states are restored differently: a learned scale, scale and offset, clip, fixed scale.
qat::AttentionQuantizers every_kind_of_state() {
  return {operand(4), operand(4, true, qat::Method::kLsqPlus),
          operand(4, false, qat::Method::kPact), operand(4, true, qat::Method::kSte)};
}

std::vector<float> train_to_end(int threads, bool interrupted, int64_t quantize_from = 0) {
  qat::set_threads(threads);
  const auto data = tokens(90, 3);
  const auto nodes = multi_head_nodes(every_kind_of_state());
  auto options = session_options();
  options.batch_size = 25;  // the last batch is short
  options.quantize_from = quantize_from;
  auto network = prepared_network(nodes, *data);
  auto session = std::make_unique<qat::TrainingSession>(network, data, data, options);
  session->start();
  if (interrupted) {
    CHECK(wait_until([&] { return session->drain().step >= 2; }));
    session->pause();
    CHECK(wait_until([&] { return session->drain().state == qat::SessionState::kPaused; }));
    const std::vector<uint8_t> checkpoint = session->checkpoint();
    session.reset();
    network = std::make_shared<qat::Network>(nodes);  // nothing prepared: all comes from the bytes
    session = std::make_unique<qat::TrainingSession>(network, data, data, options);
    session->restore(checkpoint.data(), checkpoint.size());
    CHECK(session->checkpoint() == checkpoint);
    session->start();
  }
  CHECK(run_to_end(*session).last.state == qat::SessionState::kFinished);
  session.reset();
  return all_parameters(*network);
}

TEST(nn_quantized_attention_trains_to_the_same_bits_on_any_number_of_threads_and_resumed) {
  const int before = qat::thread_count();
  const auto one = train_to_end(1, false);
  CHECK(train_to_end(3, false) == one);
  CHECK(train_to_end(2, true) == one);
  qat::set_threads(before);
}

// Stopped in the float steps before quantization begins.
TEST(nn_quantized_attention_that_starts_as_float_resumes_exactly) {
  const auto one = train_to_end(1, false, 30);
  CHECK(train_to_end(2, true, 30) == one);
  CHECK(train_to_end(1, false) != one);
}

// Before the step: what a float module of the same shape gives, values and gradients, and no gradient
// of a scale. At it: the scales of a module prepared with this batch.
void check_late_start(qat::Module& module, qat::Module& floats, qat::Module& prepared,
                      const std::vector<std::vector<float>>& inputs, int64_t rows) {
  std::vector<const float*> x;
  for (const auto& input : inputs) x.push_back(input.data());
  const auto size = static_cast<size_t>(rows * module.output().size());
  const auto pass = [&](qat::Module& of) {
    std::vector<float> result(size), dy = random_values(static_cast<int64_t>(size), 9);
    of.forward(x.data(), rows, result.data(), qat::Pass::kTraining);
    std::vector<std::vector<float>> gradients;
    std::vector<float*> dx;
    for (const auto& input : inputs) gradients.emplace_back(input.size());
    for (auto& gradient : gradients) dx.push_back(gradient.data());
    of.backward(x.data(), result.data(), dy.data(), rows, dx.data());
    for (const auto& gradient : gradients) {
      result.insert(result.end(), gradient.begin(), gradient.end());
    }
    return result;
  };
  std::vector<std::vector<float>> halves = inputs;
  for (auto& half : halves) for (float& value : half) value /= 2;
  std::vector<const float*> other;
  for (const auto& half : halves) other.push_back(half.data());
  module.prepare(other.data(), rows, nullptr);
  prepared.prepare(x.data(), rows, nullptr);
  qat::TrainingPosition position;
  position.quantize_from = 5;
  position.step = 4;
  module.begin_step(position);
  CHECK(pass(module) == pass(floats));
  const size_t parameters = module.parameters().size();
  for (size_t i = 0; i < parameters; ++i) CHECK(module.gradient(i) == nullptr);
  for (const int64_t step : {5, 6}) {
    position.step = step;
    module.begin_step(position);
    if (position.quantization_begins()) module.prepare(x.data(), rows, nullptr);  // as the trainer does
    CHECK(pass(module) == pass(prepared));
    for (size_t i = 0; i < parameters; ++i) {
      CHECK(module.gradient(i) != nullptr);
      CHECK_EQ(*module.value(i), *prepared.value(i));
    }
  }
}

TEST(nn_products_and_attention_are_float_until_quantization_begins) {
  const qat::SampleShape q{{3, 8}}, k{{5, 8}};
  qat::AttentionModule attention(q, k, 2, all_operands(3, 3)), floats(q, k, 2);
  qat::AttentionModule prepared(q, k, 2, all_operands(3, 3));
  const auto some = [](int64_t size, uint64_t seed) { return random_values(2 * size, seed); };
  check_late_start(attention, floats, prepared, {some(24, 1), some(40, 2), some(40, 3)}, 2);
  const auto right = qat::QuantizedMatmul::Right::kTransposed;
  qat::MatmulModule product(q, k, right, {operand(3), operand(3)}), plain(q, k, right, {});
  qat::MatmulModule ready(q, k, right, {operand(3), operand(3)});
  check_late_start(product, plain, ready, {some(24, 4), some(40, 5)}, 2);
}

// The step at which quantization begins prepares every node with its batch, as a preparation with that data does.
TEST(nn_the_trainer_prepares_all_nodes_when_quantization_begins) {
  const auto data = tokens(48, 4), other = tokens(48, 9);
  const auto nodes = multi_head_nodes(all_operands(4, 4));
  const auto late = prepared_network(nodes, *other), prepared = prepared_network(nodes, *data);
  CHECK(all_parameters(*late) != all_parameters(*prepared));
  qat::NetworkTrainer trainer(*late, {}, data->count());
  qat::TrainingPosition position;
  position.quantize_from = position.step = 5;
  trainer.step(*data, nullptr, 0, data->count(), 0.0, position);
  CHECK(all_parameters(*late) == all_parameters(*prepared));
}

TEST(nn_quantized_attention_that_is_not_prepared_is_refused) {
  const auto data = tokens(48, 4);
  const auto nodes = multi_head_nodes(all_operands(4, 4));
  const auto donor = prepared_network(nodes, *data);
  const auto network = std::make_shared<qat::Network>(nodes);
  network->reset_parameters(5);
  for (const char* layer : {"embed", "q", "k", "v", "out", "head"}) {
    const qat::LayerScales scales = donor->scales(layer);
    network->set_scales(layer, scales.weight, scales.activation);
  }
  CHECK_THROWS(network->evaluate(*data, qat::EvaluationMode::kPacked), "E-LAYER-STATE");
  qat::NetworkTrainer trainer(*network, {}, 24);
  CHECK_THROWS(trainer.require_trainable(), "E-LAYER-STATE");
  for (const char* operand : {"queries", "keys", "probabilities", "values"}) {
    CHECK_THROWS(trainer.require_trainable(), "E-LAYER-STATE");
    const std::string name = std::string("attention.") + operand + "Scale";
    const float scale = parameter(*donor, name), wrong = -scale;
    CHECK_THROWS(network->set_parameter(name, &wrong, 1), "E-NATIVE-ARGUMENT");
    network->set_parameter(name, &scale, 1);
  }
  trainer.require_trainable();
  CHECK(network->logits(*data, qat::EvaluationMode::kPacked) ==
        donor->logits(*data, qat::EvaluationMode::kPacked));
}

// Attention without its softmax, out of two product nodes.
std::vector<qat::NetworkNode> product_nodes(int bits) {
  qat::NetworkNode input = node_of(Op::kInput, "");
  input.shape.extents = {kTokens, kFeatures};
  qat::NetworkNode scores = node_of(Op::kMatmul, "scores", {"q", "k"});
  scores.transposed = true;
  scores.matmul = {operand(bits), operand(bits)};
  qat::NetworkNode mixture = node_of(Op::kMatmul, "mixture", {"scores", "v"});
  mixture.matmul = {operand(bits), operand(bits)};
  return {input,
          dense("q", kFeatures, 5),
          dense("k", 5, 5, {"q"}),
          dense("v", 5, 7, {"q"}),
          scores,
          mixture,
          node_of(Op::kFlatten, ""),
          dense("head", kTokens * 7, 4)};
}

TEST(nn_quantized_product_nodes_train_and_are_packed_exactly) {
  const auto nodes = product_nodes(4);
  const auto train = tokens(240, 1);
  const auto network = prepared_network(nodes, *train);
  const double untrained = network->evaluate(*train, qat::EvaluationMode::kPacked).loss;
  const float before = parameter(*network, "mixture.aScale");
  qat::TrainingSession session(network, train, train, session_options());
  session.start();
  CHECK(run_to_end(session).last.state == qat::SessionState::kFinished);
  CHECK(parameter(*network, "mixture.aScale") != before);
  const auto packed = network->evaluate(*train, qat::EvaluationMode::kPacked);
  CHECK_IN(packed.loss < 0.5 * untrained, packed.loss << " after " << untrained);
  const auto fake = network->evaluate(*train, qat::EvaluationMode::kFakeQuant);
  CHECK_NEAR(packed.loss, fake.loss, 1e-2 * fake.loss);
}

TEST(nn_products_that_do_not_fit_are_refused) {
  auto nodes = product_nodes(4);
  const qat::Network fits(nodes);
  nodes[4].transposed = false;
  CHECK_THROWS(std::make_unique<qat::Network>(nodes), "E-MODEL-GRAPH");  // 5 columns by 6 rows
  nodes[4].transposed = true;
  nodes[4].name.clear();  // where should its scales be?
  nodes[5].inputs = {"q", "v"};
  CHECK_THROWS(std::make_unique<qat::Network>(nodes), "E-MODEL-GRAPH");
}

TEST(nn_float_attention_has_no_parameters_and_its_checkpoints_say_nothing_of_quantizers) {
  qat::NetworkNode node = multi_head_nodes({})[6];
  CHECK_EQ(qat::describe(node), std::string("attention attention heads 2 from q from k from v\n"));
  node.attention = all_operands(4, 1);
  CHECK(qat::describe(node).find("probabilities 1 unsigned lsq values 4 signed lsq") !=
        std::string::npos);
  const qat::Network network(multi_head_nodes({}));
  for (const auto& info : network.parameters()) CHECK(info.name.find("Scale") == std::string::npos);
}

}  // namespace
