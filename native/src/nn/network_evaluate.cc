// Running a network: preparation on calibration data, logits, loss and accuracy.
#include <algorithm>
#include <cstring>
#include <utility>

#include "nn/losses.h"
#include "nn/network.h"
#include "nn/network_node.h"
#include "nn/network_workspace.h"
#include "qat/error.h"
#include "qat/kernels.h"
#include "runtime/thread_pool.h"

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

// One node in inference: x [rows, …] → y. x and y may not overlap.
static void run_node(NetworkAccess::Node& node, const float* x, float* y, int64_t rows,
                     EvaluationMode mode) {
  if (node.linear && mode == EvaluationMode::kPacked) {
    node.linear->forward_packed(x, rows, y);
  } else if (node.linear) {
    node.linear->forward_borrowed(x, rows, y, false);
  } else if (node.batch_norm) {
    node.batch_norm->forward_inference(x, y, rows);
  } else {
    parallel_for(rows * node.width, 8192, [&](int64_t begin, int64_t end) {
      kernels().relu(x + begin, y + begin, end - begin);
    });
  }
}

// The workspace's `a` holds the input; → the outputs, in the workspace.
const float* Network::forward_inference(int64_t rows, EvaluationMode mode) {
  float* x = workspace_->a.data();
  float* y = workspace_->b.data();
  for (const auto& node : nodes_) {
    run_node(*node, x, y, rows, mode);
    std::swap(x, y);
  }
  return x;
}

EvaluationResult Network::evaluate_held(const Dataset& data, EvaluationMode mode,
                                        const CancelToken* cancel, float* logits) {
  require_data(data);
  int64_t widest = inputs_;
  for (const auto& node : nodes_) widest = std::max(widest, node->width);
  const int64_t batch = std::min(kEvaluationBatch, data.count());
  workspace_->reserve(batch, widest);
  EvaluationResult result;
  int64_t correct = 0;
  for (int64_t first = 0; first < data.count(); first += batch) {
    throw_if_cancelled(cancel);
    const int64_t rows = std::min(batch, data.count() - first);
    data.gather(nullptr, first, rows, workspace_->a.data(), workspace_->labels.data());
    const float* out = forward_inference(rows, mode);
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

void Network::prepare(const Dataset& calibration, int64_t count, const CancelToken* cancel) {
  NetworkUse use(*this);
  require_data(calibration);
  const int64_t rows = std::min(count, calibration.count());
  if (rows < 1) {
    throw Error("E-NATIVE-ARGUMENT", "prepare: no calibration samples were asked for.",
                "Pass a count of at least 1.");
  }
  int64_t widest = inputs_;
  for (const auto& node : nodes_) widest = std::max(widest, node->width);
  const auto size = static_cast<size_t>(rows * widest);
  AlignedVector<float> a(size), b(size);
  std::vector<uint8_t> labels(static_cast<size_t>(rows));
  calibration.gather(nullptr, 0, rows, a.data(), labels.data());
  for (const auto& node : nodes_) {
    throw_if_cancelled(cancel);
    if (node->linear) node->linear->prepare_params(a.data(), rows, cancel);
    for (int64_t first = 0; first < rows; first += kEvaluationBatch) {
      throw_if_cancelled(cancel);
      const int64_t n = std::min(kEvaluationBatch, rows - first);
      const int64_t in = node->linear ? node->linear->in_channels() : node->width;
      run_node(*node, a.data() + first * in, b.data() + first * node->width, n,
               EvaluationMode::kFakeQuant);
    }
    std::swap(a, b);
  }
}

}  // namespace qat
