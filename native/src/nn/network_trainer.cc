#include "nn/network_trainer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "nn/losses.h"
#include "qat/error.h"
#include "qat/kernels.h"
#include "quant/statistics.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

using Op = NetworkNode::Op;
constexpr int64_t kElementGrain = 8192;

[[noreturn]] void diverged(const std::string& what) {
  throw Error("E-TRAINING-DIVERGED", "The training diverged: " + what + ".",
              "Lower the learning rate, or prepare the layers again and start over.");
}

}  // namespace

std::vector<NetworkTrainer::Slot> NetworkTrainer::make_slots(Network& network) {
  std::vector<Slot> slots;
  for (const auto& node : NetworkAccess::nodes(network)) {
    NetworkAccess::Node* at = node.get();
    if (node->linear) {
      const NBitLinearBase& layer = *node->linear;
      slots.push_back({at, Role::kWeight, layer.in_channels() * layer.out_channels()});
      if (layer.options().bias) slots.push_back({at, Role::kBias, layer.out_channels()});
      if (layer.weight_scales_learned()) slots.push_back({at, Role::kScales, layer.scale_count()});
      if (layer.activation_scale_learned()) slots.push_back({at, Role::kActivationScale, 1});
    } else if (node->batch_norm) {
      slots.push_back({at, Role::kGamma, node->width});
      slots.push_back({at, Role::kBeta, node->width});
    }
  }
  return slots;
}

std::vector<int64_t> NetworkTrainer::slot_sizes(const std::vector<Slot>& slots) {
  std::vector<int64_t> sizes;
  for (const Slot& slot : slots) sizes.push_back(slot.size);
  return sizes;
}

NetworkTrainer::NetworkTrainer(Network& network, const TrainerOptions& options, int64_t batch_size)
    : network_(network),
      options_(options),
      slots_(make_slots(network)),
      optimizer_(options.optimizer, slot_sizes(slots_)) {
  int64_t widest = network.inputs();
  input_.resize(static_cast<size_t>(batch_size * network.inputs()));
  labels_.resize(static_cast<size_t>(batch_size));
  float* value = input_.data();
  for (const auto& node : NetworkAccess::nodes(network)) {
    outputs_.emplace_back();
    if (node->spec.op != Op::kRelu) {
      outputs_.back().resize(static_cast<size_t>(batch_size * node->width));
      value = outputs_.back().data();
    }
    values_.push_back(value);
    widest = std::max(widest, node->width);
    if (node->linear) node->linear->reserve_batch(batch_size, true);
  }
  gradient_a_.resize(static_cast<size_t>(batch_size * widest));
  gradient_b_.resize(static_cast<size_t>(batch_size * widest));
}

void NetworkTrainer::require_trainable() const {
  for (const auto& node : NetworkAccess::nodes(network_)) {
    if (!node->linear) continue;
    const NBitLinearBase& layer = *node->linear;
    const LayerState state = layer.state();
    const bool scaled = state == LayerState::kPrepared || state == LayerState::kQuantized;
    const bool ready = layer.kind() == LinearKind::kFloat ? layer.weight() != nullptr : scaled;
    if (ready && layer.activation_ready()) continue;
    throw Error("E-LAYER-STATE",
                "Layer \"" + node->spec.name + "\" cannot be trained in state \"" +
                    to_string(state) + "\".",
                "Set its float weight and prepare it with calibration data first.");
  }
}

void NetworkTrainer::require_finite() const {
  for (const ParameterInfo& parameter : network_.parameters()) {
    const float* values = NetworkAccess::find(network_, parameter);
    if (values && find_not_finite(values, parameter.rows * parameter.cols) >= 0) {
      diverged("\"" + parameter.name + "\" holds NaN or infinity");
    }
  }
}

double NetworkTrainer::step(const Dataset& data, const uint32_t* order, int64_t first, int64_t rows,
                            double learning_rate) {
  data.gather(order, first, rows, input_.data(), labels_.data());
  const float* logits = forward(rows);
  const double loss = softmax_cross_entropy(logits, labels_.data(), rows, network_.outputs(),
                                            options_.label_smoothing, gradient_a_.data(), nullptr);
  if (!std::isfinite(loss)) diverged("the loss is not a finite number");
  backward(rows);
  clip_gradients();
  update(learning_rate);
  return loss;
}

const float* NetworkTrainer::forward(int64_t rows) {
  const float* x = input_.data();
  const auto& nodes = NetworkAccess::nodes(network_);
  for (size_t i = 0; i < nodes.size(); ++i) {
    NetworkAccess::Node& node = *nodes[i];
    float* y = values_[i];
    if (node.linear) {
      node.linear->forward_borrowed(x, rows, y, true);
    } else if (node.batch_norm) {
      node.batch_norm->forward_training(x, y, rows);
    } else {
      parallel_for(rows * node.width, kElementGrain, [&](int64_t begin, int64_t end) {
        kernels().relu(y + begin, y + begin, end - begin);
      });
    }
    x = y;
  }
  return x;
}

void NetworkTrainer::set_gradient(const NetworkAccess::Node* node, Role role,
                                  float* gradient) {
  for (Slot& slot : slots_) {
    if (slot.node == node && slot.role == role) slot.gradient = gradient;
  }
}

void NetworkTrainer::backward(int64_t rows) {
  float* dy = gradient_a_.data();
  float* spare = gradient_b_.data();
  const auto& nodes = NetworkAccess::nodes(network_);
  for (size_t i = nodes.size(); i-- > 0;) {
    NetworkAccess::Node* node = nodes[i].get();
    if (node->linear) {
      float* dx = i > 0 ? spare : nullptr;  // the data set needs no gradient
      const LinearGradients g = node->linear->backward_borrowed(dy, dx);
      set_gradient(node, Role::kWeight, g.dweight);
      set_gradient(node, Role::kBias, g.dbias);
      set_gradient(node, Role::kScales, g.dscale_weight);
      set_gradient(node, Role::kActivationScale, g.dscale_activation);
      std::swap(dy, spare);
    } else if (node->batch_norm) {
      node->batch_norm->backward(dy, i > 0 ? dy : nullptr);
      set_gradient(node, Role::kGamma, node->batch_norm->dgamma.data());
      set_gradient(node, Role::kBeta, node->batch_norm->dbeta.data());
    } else {
      const float* y = values_[i];
      parallel_for(rows * node->width, kElementGrain, [&](int64_t begin, int64_t end) {
        kernels().relu_backward(y + begin, dy + begin, dy + begin, end - begin);
      });
    }
  }
}

// Pascanu, Mikolov & Bengio 2013, with PyTorch's guard: all gradients together get no longer than
// `gradient_clip`. Summed over fixed chunks in order, so that threads change no bits.
void NetworkTrainer::clip_gradients() {
  if (!(options_.gradient_clip > 0)) return;
  double square = 0;
  for (const Slot& slot : slots_) {
    if (!slot.gradient) continue;
    norm_partials_.assign(static_cast<size_t>(chunk_count(slot.size, kElementGrain)), 0.0);
    parallel_chunks(slot.size, kElementGrain, [&](int64_t chunk, int64_t begin, int64_t end) {
      double sum = 0;
      for (int64_t i = begin; i < end; ++i) {
        sum += static_cast<double>(slot.gradient[i]) * slot.gradient[i];
      }
      norm_partials_[static_cast<size_t>(chunk)] = sum;
    });
    for (const double partial : norm_partials_) square += partial;
  }
  const double factor = options_.gradient_clip / (std::sqrt(square) + 1e-6);
  if (!(factor < 1)) return;
  for (const Slot& slot : slots_) {
    if (!slot.gradient) continue;
    parallel_for(slot.size, kElementGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) slot.gradient[i] *= static_cast<float>(factor);
    });
  }
}

void NetworkTrainer::update(double learning_rate) {
  optimizer_.begin_step();
  for (size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    NBitLinearBase* layer = slot.node->linear.get();
    BatchNorm* norm = slot.node->batch_norm.get();
    float* parameter = nullptr;
    switch (slot.role) {
      case Role::kWeight: parameter = layer->mutable_weight(); break;
      case Role::kBias: parameter = layer->mutable_bias(); break;
      case Role::kGamma: parameter = norm->gamma.data(); break;
      case Role::kBeta: parameter = norm->beta.data(); break;
      case Role::kScales: update_scales(i, layer->mutable_scales(), learning_rate); continue;
      case Role::kActivationScale:
        update_scales(i, layer->mutable_activation_scale(), learning_rate);
        continue;
    }
    optimizer_.update(i, parameter, slot.gradient, learning_rate);
  }
}

// A scale that an update takes below zero is mirrored, and its momentum with it. A signed quantizer is
// odd but for one code, so training goes on as it does in PyTorch, which lets scales become negative; a
// clamp or a bound on the step would leave that trajectory (8-bit scales are no larger than AdamW's steps).
void NetworkTrainer::update_scales(size_t index, float* scales, double learning_rate) {
  const Slot& slot = slots_[index];
  optimizer_.update(index, scales, slot.gradient, learning_rate * options_.scale_rate);
  AlignedVector<float>& momentum = optimizer_.mutable_moments()[index].first;
  for (int64_t i = 0; i < slot.size; ++i) {
    if (!std::isfinite(scales[i])) {
      diverged("a scale of \"" + slot.node->spec.name + "\" is not finite");
    }
    if (scales[i] < 0) {
      scales[i] = -scales[i];
      if (!momentum.empty()) {
        momentum[static_cast<size_t>(i)] = -momentum[static_cast<size_t>(i)];
      }
    }
    scales[i] = std::clamp(scales[i], kSmallestScale, kLargestScale);
  }
}

int64_t NetworkTrainer::native_bytes() const {
  size_t floats = input_.size() + gradient_a_.size() + gradient_b_.size();
  for (const auto& output : outputs_) floats += output.size();
  return static_cast<int64_t>(floats * sizeof(float)) + optimizer_.native_bytes();
}

}  // namespace qat
