// What the tests of networks with branches share: nodes, gradients by differences, refusals.
#pragma once

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "nn/network_trainer.h"
#include "nn_test_util.h"
#include "qat/error.h"

namespace nn_test {

using Op = qat::NetworkNode::Op;

inline qat::NetworkNode node_of(Op op, const std::string& name,
                                std::vector<std::string> inputs = {}) {
  qat::NetworkNode node;
  node.op = op;
  node.name = name;
  node.inputs = std::move(inputs);
  return node;
}

inline qat::NetworkNode input_of(std::vector<int64_t> extents, const std::string& name = "") {
  qat::NetworkNode node = node_of(Op::kInput, name);
  node.shape.extents = std::move(extents);
  return node;
}

inline qat::NetworkNode attention_of(const std::string& name, std::vector<std::string> qkv,
                                     int64_t heads) {
  qat::NetworkNode node = node_of(Op::kAttention, name, std::move(qkv));
  node.heads = heads;
  return node;
}

inline qat::NetworkNode dense(const std::string& name, int64_t in, int64_t out, int bits,
                              std::vector<std::string> inputs = {}) {
  qat::NetworkNode node = linear_node(name, linear_options(in, out, bits, bits));
  node.inputs = std::move(inputs);
  return node;
}

inline qat::TrainerOptions plain_sgd() {
  qat::TrainerOptions options;
  options.optimizer.kind = qat::OptimizerKind::kSgd;
  return options;
}

struct Trained {
  double loss;
  std::vector<std::vector<float>> values;  // of every parameter, after the step
};

// One step at learning rate `rate` from the given parameters.
inline Trained step_from(const std::vector<qat::NetworkNode>& nodes,
                         const std::vector<std::vector<float>>& values,
                         const qat::Dataset& data, double rate,
                         const qat::TrainingPosition& position) {
  qat::Network network(nodes);
  const auto& parameters = network.parameters();
  for (size_t p = 0; p < parameters.size(); ++p) {
    network.set_parameter(parameters[p].name, values[p].data(), values[p].size());
  }
  network.prepare(data, data.count());
  qat::NetworkTrainer trainer(network, plain_sgd(), data.count());
  Trained result;
  result.loss = trainer.step(data, nullptr, 0, data.count(), rate, position);
  for (size_t p = 0; p < parameters.size(); ++p) {
    result.values.emplace_back(values[p].size());
    network.get_parameter(parameters[p].name, result.values[p].data(), values[p].size());
  }
  return result;
}

// With plain SGD at rate 1 the update is the gradient; the loss of the same step gives differences.
inline void check_gradients(const std::vector<qat::NetworkNode>& nodes, const qat::Dataset& data,
                            const qat::TrainingPosition& position = {3, 7, 100}) {
  qat::Network network(nodes);
  network.reset_parameters(5);
  const auto& parameters = network.parameters();
  std::vector<std::vector<float>> values;
  network.prepare(data, data.count());
  for (const auto& p : parameters) {
    values.emplace_back(static_cast<size_t>(p.rows * p.cols));
    network.get_parameter(p.name, values.back().data(), values.back().size());
  }
  const Trained base = step_from(nodes, values, data, 1, position);
  int checked = 0;
  for (size_t p = 0; p < parameters.size(); ++p) {
    const std::string& name = parameters[p].name;
    const auto is = [&](const char* part) { return name.find(part) != std::string::npos; };
    // Statistics have no gradient; those of scales have tests of their own.
    if (is("running") || is(".scales") || is(".zero")) continue;
    for (size_t i = 0; i < values[p].size(); i += 1 + values[p].size() / 7) {
      const float h = 4e-3f, kept = values[p][i];
      values[p][i] = kept + h;
      const double up = step_from(nodes, values, data, 0, position).loss;
      values[p][i] = kept - h;
      const double down = step_from(nodes, values, data, 0, position).loss;
      values[p][i] = kept;
      const double gradient = static_cast<double>(kept) - base.values[p][i];
      CHECK_NEAR(gradient, (up - down) / (2 * h), 2e-3 + 0.02 * std::fabs(gradient));
      ++checked;
    }
  }
  CHECK(checked > 20);
}

// The code that the nodes are refused with; "" for none.
inline std::string refusal(const std::vector<qat::NetworkNode>& nodes) {
  try {
    qat::Network network(nodes);
  } catch (const qat::Error& error) {
    return error.code();
  }
  return "";
}

}  // namespace nn_test
