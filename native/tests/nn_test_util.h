// What the tests of nn/ share: random data, small networks, waiting for a session.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "nn/n_bit_layer.h"
#include "nn/training_session.h"
#include "runtime/rng.h"
#include "runtime/thread_pool.h"
#include "test_harness.h"

namespace nn_test {

inline std::vector<float> random_values(int64_t n, uint64_t seed, double spread = 1.0) {
  qat::Rng rng(seed);
  std::vector<float> values(static_cast<size_t>(n));
  for (float& v : values) v = static_cast<float>(spread * rng.normal());
  return values;
}

inline qat::QuantParams affine_params(int32_t qmin, int32_t qmax, const float* scale,
                                      const int32_t* zero_point, int64_t row_stride,
                                      int64_t group_cols) {
  qat::QuantParams p;
  p.qmin = qmin;
  p.qmax = qmax;
  p.scale = scale;
  p.zero_point = zero_point;
  p.row_stride = row_stride;
  p.group_cols = group_cols;
  return p;
}

inline qat::LinearOptions linear_options(int64_t in, int64_t out, int w_bit, int a_bit) {
  qat::LinearOptions o;
  o.in_channels = in;
  o.out_channels = out;
  o.bias = true;
  o.weight.quantizer.bits = w_bit;
  o.weight.quantizer.group_size = 8;
  if (w_bit == 1) o.weight.quantizer.grid = qat::Grid::kBinary;
  o.activation.bits = a_bit;
  return o;
}

inline qat::NetworkNode linear_node(const std::string& name, const qat::LinearOptions& options) {
  qat::NetworkNode node;
  node.op = qat::NetworkNode::Op::kLinear;
  node.name = name;
  node.linear = options;
  return node;
}

inline qat::NetworkNode relu_node() { return {}; }

inline qat::NetworkNode norm_node(const std::string& name, int64_t features) {
  qat::NetworkNode node;
  node.op = qat::NetworkNode::Op::kBatchNorm;
  node.name = name;
  node.features = features;
  return node;
}

// Gaussian clusters around one random centre per class.
inline std::shared_ptr<qat::Dataset> clusters(int64_t count, int64_t features, int64_t classes,
                                              uint64_t seed) {
  const std::vector<float> centres = random_values(classes * features, 99);
  std::vector<float> x = random_values(count * features, seed, 0.6);
  std::vector<uint8_t> labels(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const int64_t label = i % classes;
    labels[static_cast<size_t>(i)] = static_cast<uint8_t>(label);
    for (int64_t c = 0; c < features; ++c) {
      x[static_cast<size_t>(i * features + c)] += centres[static_cast<size_t>(label * features + c)];
    }
  }
  return qat::Dataset::from_floats(x.data(), x.size(), labels.data(), labels.size(),
                                   {count, features, classes});
}

// linear(16→12) · batch norm · ReLU · linear(12→12) · ReLU · linear(12→4), a different quantizer each.
inline std::vector<qat::NetworkNode> mixed_nodes() {
  qat::LinearOptions first = linear_options(16, 12, 4, 8);
  qat::LinearOptions middle = linear_options(12, 12, 3, 4);
  middle.activation.is_signed = false;
  middle.weight.quantizer.grid = qat::Grid::kUnsigned;
  middle.weight.quantizer.granularity = qat::Granularity::kGroup;
  qat::LinearOptions last = linear_options(12, 4, 1, 4);
  last.activation.is_signed = false;
  last.weight.method = qat::Method::kSte;
  return {linear_node("first", first), norm_node("norm", 12), relu_node(),
          linear_node("middle", middle), relu_node(), linear_node("last", last)};
}

inline std::shared_ptr<qat::Network> prepared_network(const std::vector<qat::NetworkNode>& nodes,
                                                      const qat::Dataset& data, uint64_t seed = 5) {
  auto network = std::make_shared<qat::Network>(nodes);
  network->reset_parameters(seed);
  network->prepare(data, data.count());
  return network;
}

inline bool wait_until(const std::function<bool()>& condition, int most_ms = 20000) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(most_ms);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

inline bool ended(qat::SessionState state) {
  return state == qat::SessionState::kFinished || state == qat::SessionState::kCancelled ||
         state == qat::SessionState::kFailed;
}

// All points of a session that is drained until it has ended.
struct Recording {
  qat::SessionProgress last;
  std::vector<qat::SessionStep> steps;
  std::vector<qat::SessionEvaluation> evaluations;
};

inline void drain_into(qat::TrainingSession& session, Recording& record) {
  record.last = session.drain();
  for (auto& point : record.last.steps) record.steps.push_back(point);
  for (auto& point : record.last.evaluations) record.evaluations.push_back(point);
}

inline Recording run_to_end(qat::TrainingSession& session) {
  Recording record;
  CHECK(wait_until([&] {
    drain_into(session, record);
    return ended(record.last.state);
  }));
  return record;
}

inline std::vector<float> all_parameters(const qat::Network& network) {
  std::vector<float> all;
  for (const qat::ParameterInfo& p : network.parameters()) {
    const size_t at = all.size();
    const auto count = static_cast<size_t>(p.rows * p.cols);
    all.resize(at + count);
    network.get_parameter(p.name, all.data() + at, count);
  }
  return all;
}

// All parameters after a training on so many threads; `interrupted`: paused after some steps, its
// checkpoint restored into another network and session that then go on.
inline std::vector<float> trained_parameters(const std::vector<qat::NetworkNode>& nodes,
                                             const std::shared_ptr<qat::Dataset>& data,
                                             const qat::SessionOptions& options, int threads,
                                             bool interrupted) {
  qat::set_threads(threads);
  auto network = prepared_network(nodes, *data);
  auto session = std::make_unique<qat::TrainingSession>(network, data, data, options);
  session->start();
  if (interrupted) {
    CHECK(wait_until([&] { return session->drain().step >= 3; }));
    session->pause();
    CHECK(wait_until([&] {
      const auto state = session->drain().state;
      return state == qat::SessionState::kPaused || ended(state);
    }));
    const std::vector<uint8_t> checkpoint = session->checkpoint();
    session.reset();
    network = prepared_network(nodes, *data, 99);
    session = std::make_unique<qat::TrainingSession>(network, data, data, options);
    session->restore(checkpoint.data(), checkpoint.size());
    session->start();
  }
  CHECK(run_to_end(*session).last.state == qat::SessionState::kFinished);
  session.reset();
  return all_parameters(*network);
}

// All parameters of a training that stopped after `steps` in one network and went on in another.
inline std::vector<float> parameters_after_a_stop(const std::shared_ptr<qat::Network>& begun,
                                                  const std::shared_ptr<qat::Network>& network,
                                                  const std::shared_ptr<qat::Dataset>& data,
                                                  const qat::SessionOptions& options, size_t steps) {
  qat::SessionOptions limited = options;
  limited.ring_capacity = steps;
  std::vector<uint8_t> checkpoint;
  {
    qat::TrainingSession stopped(begun, data, data, limited);
    stopped.start();
    // The same bytes twice, some time apart: nothing moves any more.
    CHECK(wait_until([&] {
      const std::vector<uint8_t> before = checkpoint;
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
      checkpoint = stopped.checkpoint();
      return before == checkpoint;
    }));
  }
  qat::TrainingSession session(network, data, data, options);
  session.restore(checkpoint.data(), checkpoint.size());
  session.start();
  const Recording rest = run_to_end(session);
  CHECK(rest.last.state == qat::SessionState::kFinished);
  CHECK_EQ(rest.steps.size() + steps, static_cast<size_t>(rest.last.steps_total));
  return all_parameters(*network);
}

inline std::vector<float> resumed_parameters(const std::vector<qat::NetworkNode>& nodes,
                                             const std::shared_ptr<qat::Dataset>& data,
                                             const qat::SessionOptions& options, size_t steps) {
  return parameters_after_a_stop(prepared_network(nodes, *data), prepared_network(nodes, *data, 99),
                                 data, options, steps);
}

inline qat::SessionOptions short_training() {
  qat::SessionOptions options;
  options.learning_rate = 0.01;
  options.epochs = 2;
  options.batch_size = 8;
  return options;
}

inline void check_same_bits_on_threads_and_after_resume(
    const std::vector<qat::NetworkNode>& nodes, const std::shared_ptr<qat::Dataset>& data,
    const qat::SessionOptions& options = short_training()) {
  const int before = qat::thread_count();
  const auto one = trained_parameters(nodes, data, options, 1, false);
  CHECK(trained_parameters(nodes, data, options, 3, false) == one);
  CHECK(trained_parameters(nodes, data, options, 2, true) == one);
  qat::set_threads(before);
}

}  // namespace nn_test
