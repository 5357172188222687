// Running a network: preparation on calibration data, logits, loss and accuracy.
#include <algorithm>
#include <cstring>

#include "nn/losses.h"
#include "nn/network.h"
#include "nn/network_node.h"
#include "nn/network_workspace.h"
#include "qat/error.h"

namespace qat {
namespace {
// Samples per batch of an evaluation: the grain of cancellation.
constexpr int64_t kEvaluationBatch = 256;
}  // namespace

void Network::require_data(const Dataset& data) const {
  if (data.features() != inputs_) {
    throw Error("E-DATASET-MISMATCH",
                "The data set has " + std::to_string(data.features()) +
                    " features per sample, the network takes " + std::to_string(inputs_) + ".",
                "Use a data set of the network's input size.");
  }
}

namespace {

Pass pass_of(EvaluationMode mode) {
  return mode == EvaluationMode::kPacked ? Pass::kPacked : Pass::kInference;
}

}  // namespace

// A value is needed until the last node that takes it; the last one's is the result.
BufferPlan Network::inference_plan() const {
  std::vector<BufferUse> uses;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const auto step = static_cast<int64_t>(i);
    uses.push_back({nodes_[i]->size(), step, step});
    for (const int64_t from : nodes_[i]->inputs) {
      if (from != Node::kData) uses[static_cast<size_t>(from)].last = step;
    }
  }
  uses.back().last = static_cast<int64_t>(nodes_.size());
  return plan_buffers(uses);
}

// What node `index` takes, from row `first` on.
std::vector<const float*> Network::inputs_of(const BufferPlan& plan, size_t index, int64_t first) {
  std::vector<const float*> x;
  for (const int64_t from : nodes_[index]->inputs) {
    x.push_back(workspace_->value(plan, from, first, shape_of(from).size()));
  }
  return x;
}

// Rows first … first+rows of the values in the workspace: node `index` from its inputs.
void Network::run_node(const BufferPlan& plan, size_t index, int64_t first, int64_t rows, Pass pass) {
  Node& node = *nodes_[index];
  const std::vector<const float*> x = inputs_of(plan, index, first);
  float* y = workspace_->value(plan, static_cast<int64_t>(index), first, node.size());
  node.module->forward(x.data(), rows, y, pass);
}

EvaluationResult Network::evaluate_held(const Dataset& data, EvaluationMode mode,
                                        const CancelToken* cancel, float* logits) {
  require_data(data);
  const BufferPlan plan = inference_plan();
  const int64_t batch = std::min(kEvaluationBatch, data.count());
  workspace_->reserve(plan, batch, inputs_);
  const float* out =
      workspace_->value(plan, static_cast<int64_t>(nodes_.size()) - 1, 0, outputs_);
  EvaluationResult result;
  int64_t correct = 0;
  for (int64_t first = 0; first < data.count(); first += batch) {
    throw_if_cancelled(cancel);
    const int64_t rows = std::min(batch, data.count() - first);
    data.gather(nullptr, first, rows, workspace_->samples.data(), workspace_->labels.data());
    for (size_t i = 0; i < nodes_.size(); ++i) run_node(plan, i, 0, rows, pass_of(mode));
    if (logits) {
      std::memcpy(logits + first * outputs_, out,
                  static_cast<size_t>(rows * outputs_) * sizeof(float));
    } else {
      result.loss += static_cast<double>(rows) *
                     softmax_cross_entropy(out, workspace_->labels.data(), rows, outputs_, 0,
                                           nullptr, &correct);
    }
  }
  result.count = data.count();
  result.loss /= static_cast<double>(data.count());
  result.accuracy = static_cast<double>(correct) / static_cast<double>(data.count());
  return result;
}

std::vector<float> Network::logits(const Dataset& data, EvaluationMode mode,
                                   const CancelToken* cancel) {
  NetworkUse use(*this);
  require_data(data);
  std::vector<float> logits(static_cast<size_t>(data.count() * outputs_));
  evaluate_held(data, mode, cancel, logits.data());
  return logits;
}

EvaluationResult Network::evaluate(const Dataset& data, EvaluationMode mode,
                                   const CancelToken* cancel) {
  NetworkUse use(*this);
  return evaluate_held(data, mode, cancel, nullptr);
}

int64_t Network::layer_input_size(const std::string& layer) const {
  return shape_of(nodes_[index_of_layer(layer)]->inputs[0]).size();
}

std::vector<float> Network::layer_inputs(const std::string& layer, const Dataset& data,
                                         int64_t count, const CancelToken* cancel) {
  NetworkUse use(*this);
  require_data(data);
  const size_t index = index_of_layer(layer);
  const int64_t size = layer_input_size(layer);
  const int64_t samples = std::min(count, data.count());
  std::vector<float> inputs(static_cast<size_t>(samples * size));
  const BufferPlan plan = inference_plan();
  const int64_t batch = std::min(kEvaluationBatch, samples);
  workspace_->reserve(plan, batch, inputs_);
  for (int64_t first = 0; first < samples; first += batch) {
    throw_if_cancelled(cancel);
    const int64_t rows = std::min(batch, samples - first);
    data.gather(nullptr, first, rows, workspace_->samples.data(), workspace_->labels.data());
    for (size_t i = 0; i < index; ++i) run_node(plan, i, 0, rows, Pass::kInference);
    std::memcpy(inputs.data() + first * size, inputs_of(plan, index, 0)[0],
                static_cast<size_t>(rows * size) * sizeof(float));
  }
  return inputs;
}

void Network::prepare(const Dataset& calibration, int64_t count, const CancelToken* cancel) {
  prepare_nodes(calibration, count, false, cancel);
}

void Network::prepare_missing(const Dataset& calibration, int64_t count,
                              const CancelToken* cancel) {
  prepare_nodes(calibration, count, true, cancel);
}

void Network::prepare_nodes(const Dataset& calibration, int64_t count, bool only_missing,
                            const CancelToken* cancel) {
  NetworkUse use(*this);
  require_data(calibration);
  const int64_t rows = std::min(count, calibration.count());
  if (rows < 1) {
    throw Error("E-NATIVE-ARGUMENT", "prepare: no calibration samples were asked for.",
                "Pass a count of at least 1.");
  }
  const BufferPlan plan = inference_plan();
  workspace_->reserve(plan, rows, inputs_);
  calibration.gather(nullptr, 0, rows, workspace_->samples.data(), workspace_->labels.data());
  for (size_t i = 0; i < nodes_.size(); ++i) {
    throw_if_cancelled(cancel);
    const Node& node = *nodes_[i];
    if (!only_missing || !node.module->ready()) {
      node.module->prepare(inputs_of(plan, i, 0).data(), rows, cancel);
    }
    for (int64_t first = 0; first < rows; first += kEvaluationBatch) {
      throw_if_cancelled(cancel);
      run_node(plan, i, first, std::min(kEvaluationBatch, rows - first), Pass::kInference);
    }
  }
  workspace_ = std::make_unique<Workspace>();  // far larger than an evaluation needs
}

}  // namespace qat
