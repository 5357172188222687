// MPQ and mixed-bit-row linear layers as nodes: training, resume, packed weights.
#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "nn/modules/weight_only_module.h"
#include "nn/network_node.h"
#include "nn/network_trainer.h"
#include "nn_graph_test_util.h"

namespace {

using namespace nn_test;

qat::NetworkNode mpq_node(const std::string& name, int64_t in, int64_t out, int bits,
                          int64_t group, qat::Method method, bool symmetric) {
  qat::NetworkNode node = node_of(Op::kMpqLinear, name);
  node.mpq.linear = {in, out, true, qat::RangeEstimator::kAbsMax, method};
  node.mpq.format.bits = bits;
  node.mpq.format.group_size = group;
  node.mpq.format.symmetric = symmetric;
  return node;
}

qat::NetworkNode mixed_node(const std::string& name, int64_t in, int64_t out, qat::Method method) {
  qat::NetworkNode node = node_of(Op::kMixedRowLinear, name);
  node.mixed_row.linear = {in, out, true, qat::RangeEstimator::kAbsMax, method};
  node.mixed_row.group_size = 16;
  for (int64_t i = 0; i < in; i += 16) {
    node.mixed_row.widths.push_back(i % 32 ? 4 : 2);
  }
  return node;
}

std::vector<qat::NetworkNode> weight_only_nodes(qat::Method method, bool symmetric,
                                                int64_t double_group = 0) {
  qat::NetworkNode first = mpq_node("first", 16, 32, 4, 8, method, symmetric);
  first.mpq.format.double_group_size = double_group;
  // Act-order: every other input belongs to the other group.
  for (int32_t k = 0; k < 16; ++k) first.mpq.g_idx.push_back(k % 2);
  return {first, relu_node(), mixed_node("mixed", 32, 8, method), relu_node(),
          mpq_node("last", 8, 4, 3, 8, method, !symmetric)};
}

template <typename Layer>
void check_module_is_layer(Layer& layer, qat::Module& module, int64_t in, int64_t out) {
  const auto weight = random_values(in * out, 3, 0.5);
  const auto bias = random_values(out, 4, 0.5);
  layer.set_weight_data(weight.data(), weight.size());
  layer.set_bias_data(bias.data(), bias.size());
  layer.prepare_params();
  module.set_value(0, weight.data(), weight.size());
  module.set_value(1, bias.data(), bias.size());
  module.prepare(nullptr, 0, nullptr);
  const auto x = random_values(6 * in, 5);
  auto dy = random_values(6 * out, 6);
  std::vector<float> y(dy.size()), expected(dy.size()), dx(x.size()), expected_dx(x.size());
  const float* from[] = {x.data()};
  float* to[] = {dx.data()};
  // Three samples of two tokens.
  module.forward(from, 3, y.data(), qat::Pass::kTraining);
  layer.forward(x.data(), 6, expected.data());
  CHECK(y == expected);
  const qat::WeightOnlyGradients g = layer.backward(dy.data(), expected_dx.data());
  module.backward(from, y.data(), dy.data(), 3, to);
  CHECK(dx == expected_dx);
  CHECK(std::equal(g.dweight, g.dweight + in * out, module.gradient(0)));
  CHECK(std::equal(g.dbias, g.dbias + out, module.gradient(1)));
  CHECK(std::equal(g.dscales, g.dscales + g.scale_count, module.gradient(2)));
  CHECK(std::equal(g.dzeros, g.dzeros + g.scale_count, module.gradient(3)));
  layer.eval();
  layer.forward(x.data(), 6, expected.data());
  module.forward(from, 3, y.data(), qat::Pass::kPacked);
  CHECK(y == expected);
}

}  // namespace

TEST(nn_weight_only_nodes_do_what_the_layers_do) {
  for (const bool symmetric : {true, false}) {
    const qat::NetworkNode node = mpq_node("m", 24, 5, 4, 8, qat::Method::kLsq, symmetric);
    qat::MpqLinear layer(node.mpq);
    qat::MpqModule module(std::make_unique<qat::MpqLinear>(node.mpq), {{2, 5}});
    check_module_is_layer(layer, module, 24, 5);
  }
  const qat::NetworkNode node = mixed_node("m", 48, 7, qat::Method::kLsq);
  qat::MixedRowLinear layer(node.mixed_row);
  qat::MixedRowModule module(std::make_unique<qat::MixedRowLinear>(node.mixed_row), {{2, 7}});
  check_module_is_layer(layer, module, 48, 7);
}

// While a training starts as float the nodes are smooth, and differences tell their gradients.
TEST(nn_gradients_through_weight_only_nodes_before_they_quantize) {
  qat::TrainingPosition position{3, 7, 100};
  position.quantize_from = 50;
  std::vector<qat::NetworkNode> nodes = weight_only_nodes(qat::Method::kLsq, true);
  nodes[1].op = nodes[3].op = Op::kGelu;  // without a kink
  check_gradients(nodes, *clusters(6, 16, 4, 21), position);
}

TEST(nn_weight_only_networks_train_the_same_on_any_number_of_threads_and_resume_exactly) {
  const auto data = clusters(60, 16, 4, 3);
  for (const bool symmetric : {true, false}) {
    for (const int64_t double_group : {0, 8}) {
      for (const qat::Method method : {qat::Method::kLsq, qat::Method::kSte}) {
        check_same_bits_on_threads_and_after_resume(
            weight_only_nodes(method, symmetric, double_group), data);
      }
    }
  }
  qat::SessionOptions options = short_training();
  options.quantize_from = 5;
  check_same_bits_on_threads_and_after_resume(weight_only_nodes(qat::Method::kLsq, true), data,
                                              options);
  options = short_training();
  options.optimizer.galore.rank = 2;
  check_same_bits_on_threads_and_after_resume(weight_only_nodes(qat::Method::kLsq, false), data,
                                              options);
}

TEST(nn_weight_only_networks_resume_exactly_after_every_step) {
  const auto data = clusters(60, 16, 4, 3);
  for (const int64_t double_group : {0, 8}) {
    const auto nodes = weight_only_nodes(qat::Method::kLsq, double_group > 0, double_group);
    const auto whole = trained_parameters(nodes, data, short_training(), 2, false);
    for (size_t steps = 1; steps < 16; ++steps) {
      CHECK_IN(resumed_parameters(nodes, data, short_training(), steps) == whole, steps);
    }
  }
}

// Updates far below a step add up in the residual until codes move. Reading w anew from its codes
// before each step would leave them where they are for ever.
TEST(nn_updates_too_small_for_a_code_are_kept_by_the_network) {
  const auto data = clusters(64, 16, 4, 3);
  const auto network =
      prepared_network({mpq_node("m", 16, 4, 4, 16, qat::Method::kSte, true)}, *data);
  const auto before = std::get<qat::MpqWeight>(network->packed_weight("m"));
  qat::SessionOptions options = short_training();
  options.optimizer.kind = qat::OptimizerKind::kLion;  // every update is ±rate
  options.learning_rate = 2e-3;
  options.batch_size = 64;
  options.epochs = 1;
  float step = 1;
  for (const float s : before.scales) step = std::min(step, s);
  CHECK(options.learning_rate < 0.1 * static_cast<double>(step));
  const auto train = [&] {
    qat::TrainingSession session(network, data, data, options);
    session.start();
    CHECK(run_to_end(session).last.state == qat::SessionState::kFinished);
    return std::get<qat::MpqWeight>(network->packed_weight("m"));
  };
  const auto count = [&](const qat::MpqWeight& after) {
    int words = 0;
    for (size_t i = 0; i < after.qweight.size(); ++i) words += after.qweight[i] != before.qweight[i];
    return words;
  };
  options.epochs = 100;
  CHECK_EQ(count(train()), static_cast<int>(before.qweight.size()));
  CHECK(train().scales == before.scales);  // not learned
}

// One output rises and one falls by the rate at every step: Lion's updates are ±rate, inputs are above 0
// and all samples have one label.
qat::SessionOptions thousand_steps(double rate) {
  qat::SessionOptions options;
  options.optimizer = qat::default_options(qat::OptimizerKind::kLion);
  options.optimizer.weight_decay = 0;
  options.schedule.kind = qat::ScheduleKind::kConstant;
  options.learning_rate = rate;
  options.batch_size = 1;
  options.epochs = 10;  // of 100 samples
  return options;
}

// A checkpoint that keeps codes alone, or a step that begins with them, leaves every code where it is.
TEST(nn_a_thousand_updates_of_a_200th_of_a_step_move_a_loaded_code_by_five) {
  constexpr int64_t in = 16, samples = 100;
  const std::vector<float> x(static_cast<size_t>(samples * in), 0.05f);
  const std::vector<uint8_t> labels(static_cast<size_t>(samples), 0);
  const std::shared_ptr<qat::Dataset> data = qat::Dataset::from_floats(
      x.data(), x.size(), labels.data(), labels.size(), {samples, in, 2});
  for (const bool symmetric : {true, false}) {
    const std::vector<qat::NetworkNode> nodes = {
        mpq_node("m", in, 2, 4, in, qat::Method::kSte, symmetric)};
    const auto loaded = [&] {
      auto network = prepared_network(nodes, *data);
      auto weight = std::get<qat::MpqWeight>(network->packed_weight("m"));
      for (int32_t& word : weight.qweight) word = static_cast<int32_t>(0x88888888u);  // code 8
      weight.scales.assign(2, 0.3f);
      if (symmetric) weight.zeros.assign(2, 2.4f);  // 8 · 0.3: w = 0
      network->set_packed_weight("m", weight);
      return network;
    };
    const qat::SessionOptions options = thousand_steps(0.3 / 200);
    const auto whole = loaded();
    qat::TrainingSession session(whole, data, data, options);
    session.start();
    CHECK_EQ(run_to_end(session).last.step, int64_t{1000});
    const auto words = std::get<qat::MpqWeight>(whole->packed_weight("m")).qweight;
    for (size_t i = 0; i < words.size(); i += 2) {
      CHECK_EQ(words[i], static_cast<int32_t>(0xddddddddu));      // 13: the output of the label
      CHECK_EQ(words[i + 1], static_cast<int32_t>(0x33333333u));  // 3
    }
    CHECK(parameters_after_a_stop(loaded(), loaded(), data, options, 500) == all_parameters(*whole));
  }
}

TEST(nn_weight_only_networks_learn_and_their_packed_pass_agrees) {
  const auto train = clusters(400, 16, 4, 3), test = clusters(200, 16, 4, 4);
  for (const bool symmetric : {true, false}) {
    const auto network = prepared_network(weight_only_nodes(qat::Method::kLsq, symmetric), *train);
    const double before = network->evaluate(*test, qat::EvaluationMode::kFakeQuant).accuracy;
    qat::SessionOptions options = short_training();
    options.epochs = 10;
    qat::TrainingSession session(network, train, test, options);
    session.start();
    CHECK(run_to_end(session).last.state == qat::SessionState::kFinished);
    CHECK(before < 0.7);
    CHECK(network->evaluate(*test, qat::EvaluationMode::kPacked).accuracy > 0.95);
    const auto fake = network->logits(*test, qat::EvaluationMode::kFakeQuant);
    const auto packed = network->logits(*test, qat::EvaluationMode::kPacked);
    for (size_t i = 0; i < fake.size(); ++i) {
      CHECK_NEAR(packed[i], fake[i], 1e-4 * (1 + std::fabs(fake[i])));
    }
  }
}

// Against the definitions worked out from the packed weights before and after the step.
TEST(nn_figures_of_weight_only_layers_are_what_their_definitions_say) {
  const auto data = clusters(60, 16, 4, 3);
  const auto network = prepared_network(
      {mpq_node("m", 16, 32, 4, 8, qat::Method::kLsq, true), relu_node(),
       mixed_node("mixed", 32, 4, qat::Method::kLsq)}, *data);
  qat::TrainerOptions options;
  options.monitor.every = 1;
  qat::NetworkTrainer trainer(*network, options, 60);
  bool flipped = false, clipped = false;
  for (int64_t step = 0; step < 12; ++step) {
    const auto before = std::get<qat::MpqWeight>(network->packed_weight("m"));
    std::vector<float> w(16 * 32);
    network->get_parameter("m.weight", w.data(), w.size());
    qat::TrainingPosition position;
    position.step = step;
    position.steps_total = 12;
    trainer.step(*data, nullptr, 0, 60, 0.02, position);
    const auto after = std::get<qat::MpqWeight>(network->packed_weight("m"));
    const auto layers = trainer.monitor().take();
    CHECK_EQ(layers.size(), size_t{2});
    const qat::LayerStep& point = layers[0];
    CHECK_EQ(point.name, std::string("m"));
    double scale_sum = 0, signal = 0, noise = 0;
    int outside = 0, flips = 0;
    for (const float s : before.scales) scale_sum += s;
    for (int64_t n = 0; n < 32; ++n) {
      for (int64_t k = 0; k < 16; ++k) {
        const auto group = static_cast<size_t>(k / 8 * 32 + n);
        const double value = w[static_cast<size_t>(n * 16 + k)];
        const double s = before.scales[group], zero = before.zeros[group];
        const double code = std::nearbyint((value + zero) / s);
        const double error = value - (std::clamp(code, 0.0, 15.0) * s - zero);
        signal += value * value;
        noise += error * error;
        outside += code < 0 || code > 15;
        const auto code_in = [&](const qat::MpqWeight& packed) {
          return static_cast<uint32_t>(packed.qweight[static_cast<size_t>(k / 8 * 32 + n)]) >>
                     (k % 8 * 4) & 15;
        };
        flips += code_in(before) != code_in(after);
      }
    }
    CHECK_NEAR(point.weight_scale.value(), scale_sum / 64, 1e-7);
    CHECK_NEAR(point.clipped_weights.value(), outside / 512.0, 2.1 / 512);  // ties of a rounding
    CHECK_NEAR(point.sqnr_db.value(), 10 * std::log10(signal / noise), 1e-2);
    CHECK(point.weight_gradient > 0 && point.scale_gradient.value() > 0);
    CHECK_EQ(point.flip_share.has_value(), step > 0);
    if (step > 0) CHECK_NEAR(point.flip_share.value(), flips / 512.0, 1e-12);
    CHECK(layers[1].weight_gradient > 0);
    flipped = flipped || flips > 0;
    clipped = clipped || outside > 0;
  }
  CHECK(flipped && clipped);
}

TEST(nn_figures_of_weight_only_layers_change_no_bit_and_resume_exactly) {
  const auto data = clusters(60, 16, 4, 3);
  const auto nodes = weight_only_nodes(qat::Method::kLsq, true);
  qat::SessionOptions options = short_training();
  const auto without = trained_parameters(nodes, data, options, 2, false);
  options.monitor.every = 1;
  CHECK(trained_parameters(nodes, data, options, 2, false) == without);
  check_same_bits_on_threads_and_after_resume(nodes, data, options);
}

// As a checkpoint of another program: loaded packed, saved again unchanged, fine-tuned, resumed.
TEST(nn_a_packed_weight_is_loaded_into_a_network_and_trained_on) {
  const auto data = clusters(60, 16, 4, 3);
  for (const bool symmetric : {true, false}) {
    const auto nodes = weight_only_nodes(qat::Method::kSte, symmetric);
    const auto source = prepared_network(nodes, *data, 8);
    const auto network = prepared_network(nodes, *data, 9);
    for (const char* name : {"first", "mixed", "last"}) {
      network->set_packed_weight(name, source->packed_weight(name));
    }
    const auto first = std::get<qat::MpqWeight>(source->packed_weight("first"));
    const auto again = std::get<qat::MpqWeight>(network->packed_weight("first"));
    CHECK(again.qweight == first.qweight && again.scales == first.scales &&
          again.zeros == first.zeros && again.qzeros == first.qzeros);
    const auto mixed = std::get<qat::MixedRowWeight>(source->packed_weight("mixed"));
    CHECK(std::get<qat::MixedRowWeight>(network->packed_weight("mixed")).qweight == mixed.qweight);
    qat::TrainingSession session(network, data, data, short_training());
    session.start();
    CHECK(run_to_end(session).last.state == qat::SessionState::kFinished);
    CHECK(std::get<qat::MpqWeight>(network->packed_weight("first")).qweight != first.qweight);
  }
  const auto network = prepared_network(weight_only_nodes(qat::Method::kSte, true), *data);
  qat::MixedRowWeight other = std::get<qat::MixedRowWeight>(network->packed_weight("mixed"));
  std::swap(other.q_perm[0], other.q_perm[1]);
  CHECK_THROWS(network->set_packed_weight("mixed", other), "E-QUANTIZER-INVALID");
  CHECK_THROWS(network->set_packed_weight("first", other), "E-QUANTIZER-INVALID");
  CHECK_THROWS(network->quantized_weight("first"), "E-QUANTIZER-INVALID");
}

TEST(nn_double_quantized_packed_weights_resume_exactly) {
  const auto data = clusters(60, 16, 4, 3);
  const auto nodes = weight_only_nodes(qat::Method::kSte, true, 8);
  const auto source = prepared_network(nodes, *data, 8);
  const auto loaded = [&] {
    auto network = prepared_network(nodes, *data, 9);
    network->set_packed_weight("first", source->packed_weight("first"));
    return network;
  };
  const auto whole = loaded();
  qat::TrainingSession session(whole, data, data, short_training());
  const auto begin = session.checkpoint();
  session.start();
  run_to_end(session);
  const auto resumed = prepared_network(nodes, *data, 10);
  qat::TrainingSession rest(resumed, data, data, short_training());
  rest.restore(begin.data(), begin.size());
  rest.start();
  run_to_end(rest);
  CHECK(all_parameters(*resumed) == all_parameters(*whole));
}

// A scale below 0 is legal in this format (a GPTQ checkpoint may hold one). An optimizer that took it
// for a learned step size would turn it, and with it every weight of its group.
TEST(nn_learned_scales_keep_their_sign) {
  const auto data = clusters(60, 16, 4, 3);
  const auto network =
      prepared_network({mpq_node("m", 16, 4, 4, 8, qat::Method::kLsq, true)}, *data);
  std::vector<float> scales(8);
  network->get_parameter("m.scales", scales.data(), 8);
  for (size_t i = 0; i < 4; ++i) scales[i] = -scales[i];
  network->set_parameter("m.scales", scales.data(), 8);
  qat::SessionOptions options = short_training();
  options.learning_rate = 0.2;
  qat::TrainingSession session(network, data, data, options);
  session.start();
  run_to_end(session);
  std::vector<float> after(8);
  network->get_parameter("m.scales", after.data(), 8);
  for (size_t i = 0; i < 8; ++i) {
    CHECK(after[i] != scales[i]);
    CHECK_EQ(after[i] < 0, scales[i] < 0);
  }
}

TEST(nn_weight_only_nodes_that_do_not_fit_are_refused) {
  const std::string bad = "E-MODEL-GRAPH";
  CHECK_EQ(refusal({input_of({15}), mpq_node("m", 16, 4, 4, 8, qat::Method::kSte, true)}), bad);
  CHECK_EQ(refusal({input_of({1, 4, 4}), mpq_node("m", 16, 4, 4, 8, qat::Method::kSte, true)}), bad);
  qat::NetworkNode mixed = mixed_node("m", 16, 4, qat::Method::kSte);
  mixed.mixed_row.widths.clear();
  CHECK_EQ(refusal({mixed}), bad);
  CHECK_EQ(refusal({mpq_node("m", 16, 4, 9, 8, qat::Method::kSte, true)}),
           std::string("E-QUANTIZER-INVALID"));
  CHECK_EQ(refusal({mpq_node("", 16, 4, 4, 8, qat::Method::kSte, true)}), bad);
}
