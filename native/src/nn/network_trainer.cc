#include "nn/network_trainer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "nn/gradient_quantizer.h"
#include "qat/error.h"
#include "qat/kernels.h"
#include "quant/statistics.h"
#include "runtime/rng.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kElementGrain = 8192;
constexpr size_t kMostInputs = 4;  // of a node

[[noreturn]] void diverged(const std::string& what) {
  throw Error("E-TRAINING-DIVERGED", "The training diverged: " + what + ".",
              "Lower the learning rate, or prepare the layers again and start over.");
}

}  // namespace

std::vector<NetworkTrainer::Slot> NetworkTrainer::make_slots(Network& network) {
  std::vector<Slot> slots;
  for (const auto& node : NetworkAccess::nodes(network)) {
    const std::vector<ModuleParameter> parameters = node->module->parameters();
    for (size_t i = 0; i < parameters.size(); ++i) {
      if (parameters[i].role == Role::kStatistic) continue;
      slots.push_back({node.get(), i, parameters[i].rows, parameters[i].cols, parameters[i].role,
                       parameters[i].binary});
    }
  }
  return slots;
}

std::vector<ParameterSpec> NetworkTrainer::specs_of(const std::vector<Slot>& slots, int64_t quantize_from) {
  std::vector<ParameterSpec> specs;
  for (const Slot& slot : slots) {
    // Scales and offsets are a list, whatever their shape: nothing to project.
    const bool weight = slot.role == Role::kLearned;
    specs.push_back({weight ? slot.rows : 1, weight ? slot.cols : slot.size(), slot.binary, !weight, quantize_from});
  }
  return specs;
}

NetworkTrainer::NetworkTrainer(Network& network, const TrainerOptions& options, int64_t batch_size)
    : network_(network),
      options_(options),
      slots_(make_slots(network)),
      optimizer_(options.optimizer, specs_of(slots_, options.quantize_from)),
      monitor_(network, options.monitor) {
  input_.resize(static_cast<size_t>(batch_size * network.inputs()));
  labels_.resize(static_cast<size_t>(batch_size));
  for (const auto& node : NetworkAccess::nodes(network)) {
    outputs_.emplace_back(static_cast<size_t>(batch_size * node->size()));
    node->module->reserve(batch_size, true);
  }
  plan_gradients(batch_size);
}

// The gradient of a value lives from the backward pass of the last node that takes it to that of the
// node that made it. Steps count backwards through the nodes.
void NetworkTrainer::plan_gradients(int64_t batch_size) {
  const auto& nodes = NetworkAccess::nodes(network_);
  const auto count = static_cast<int64_t>(nodes.size());
  std::vector<int64_t> last_taker(nodes.size(), count);  // none: the loss takes it
  for (size_t i = 0; i < nodes.size(); ++i) {
    for (const int64_t from : nodes[i]->inputs) {
      if (from == NetworkAccess::Node::kData) continue;
      last_taker[static_cast<size_t>(from)] = static_cast<int64_t>(i);
    }
  }
  std::vector<BufferUse> uses;
  for (size_t i = 0; i < nodes.size(); ++i) {
    uses.push_back({nodes[i]->size(), count - last_taker[i], count - static_cast<int64_t>(i)});
  }
  const BufferPlan plan = plan_buffers(uses);
  for (const int64_t size : plan.buffer_sizes) {
    gradient_buffers_.emplace_back(static_cast<size_t>(batch_size * size));
  }
  for (const size_t buffer : plan.buffer_of) gradients_.push_back(gradient_buffers_[buffer].data());
}

void NetworkTrainer::require_trainable() const {
  for (const auto& node : NetworkAccess::nodes(network_)) {
    if (node->module->ready()) continue;
    const std::string state =
        node->layer() ? " in state \"" + std::string(to_string(node->layer()->state())) + "\"" : "";
    throw Error("E-LAYER-STATE",
                "Layer \"" + node->spec.name + "\" cannot be trained" + state +
                    ": it has no float weight or no scales.",
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
                            double learning_rate, const TrainingPosition& position) {
  place(position);
  data.gather(order, first, rows, input_.data(), labels_.data());
  const float* logits = forward(rows);
  const double loss =
      training_loss(options_.loss, logits, teacher_rows(order, first, rows), labels_.data(), rows,
                    network_.outputs(), gradients_.back());
  if (!std::isfinite(loss)) refuse_loss(rows);
  backward(rows);
  require_finite_slots(true);
  monitor_.before_update(position);
  clip_gradients();
  update(learning_rate);
  require_finite_slots(false);
  monitor_.after_update(position);
  return loss;
}

// A loss that is no number comes from the first node whose outputs are none.
void NetworkTrainer::refuse_loss(int64_t rows) const {
  const auto& nodes = NetworkAccess::nodes(network_);
  std::string what = "the loss of step " + std::to_string(position_.step + 1) + " is not a finite number";
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (find_not_finite(outputs_[i].data(), rows * nodes[i]->size()) < 0) continue;
    diverged(what + ", and \"" + nodes[i]->spec.name + "\" is the first whose outputs are not");
  }
  diverged(what);
}

// Every step, since quantizers give NaN a code and the loss stays a number: both the gradients (an
// optimizer that takes signs hides theirs) and the values that an update may take beyond the floats.
void NetworkTrainer::require_finite_slots(bool gradients) const {
  for (const Slot& slot : slots_) {
    if (!slot.gradient) continue;
    const float* values = gradients ? slot.gradient : slot.node->module->value(slot.index);
    if (find_not_finite(values, slot.size()) < 0) continue;
    diverged((gradients ? "the gradient of \"" : "\"") + slot.node->spec.name + "." +
             slot.node->module->parameters()[slot.index].suffix + "\" holds NaN or infinity at step " +
             std::to_string(position_.step + 1));
  }
}

void NetworkTrainer::place(const TrainingPosition& position) {
  position_ = position;
  for (const auto& node : NetworkAccess::nodes(network_)) node->module->begin_step(position);
}

const float* NetworkTrainer::teacher_rows(const uint32_t* order, int64_t first, int64_t rows) {
  if (!options_.loss.needs_teacher() || !teacher_) return nullptr;
  const int64_t width = network_.outputs();
  teacher_batch_.resize(static_cast<size_t>(rows * width));
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t sample = order ? static_cast<int64_t>(order[first + i]) : first + i;
    std::copy_n(teacher_ + sample * width, width, teacher_batch_.data() + i * width);
  }
  return teacher_batch_.data();
}

const float* NetworkTrainer::value_of(int64_t node) const {
  return node == NetworkAccess::Node::kData ? input_.data()
                                            : outputs_[static_cast<size_t>(node)].data();
}

const float* NetworkTrainer::forward(int64_t rows) {
  const auto& nodes = NetworkAccess::nodes(network_);
  for (size_t i = 0; i < nodes.size(); ++i) {
    const float* x[kMostInputs];
    for (size_t k = 0; k < nodes[i]->inputs.size(); ++k) x[k] = value_of(nodes[i]->inputs[k]);
    if (position_.quantization_begins()) nodes[i]->module->prepare(x, rows, nullptr);
    nodes[i]->module->forward(x, rows, outputs_[i].data(), Pass::kTraining);
  }
  return outputs_.back().data();
}

void NetworkTrainer::backward(int64_t rows) {
  std::vector<char> written(outputs_.size(), 0);
  written.back() = 1;  // by the loss
  for (size_t i = outputs_.size(); i-- > 0;) backward_node(i, rows, written);
  for (Slot& slot : slots_) slot.gradient = slot.node->module->gradient(slot.index);
}

float* NetworkTrainer::branch(size_t input, int64_t count) {
  branches_.resize(kMostInputs);
  AlignedVector<float>& buffer = branches_[input];
  grow(buffer, count);
  return buffer.data();
}

// `written`: the gradients that hold something. A value that several nodes take gets their sum.
void NetworkTrainer::backward_node(size_t index, int64_t rows, std::vector<char>& written) {
  const auto& nodes = NetworkAccess::nodes(network_);
  NetworkAccess::Node& node = *nodes[index];
  if (!written[index]) {  // nobody takes what it gives
    std::fill_n(gradients_[index], rows * node.size(), 0.0f);
  }
  const float* x[kMostInputs];
  float* dx[kMostInputs];
  bool to_add[kMostInputs] = {};
  for (size_t k = 0; k < node.inputs.size(); ++k) {
    const int64_t from = node.inputs[k];
    x[k] = value_of(from);
    dx[k] = nullptr;  // the data set needs no gradient
    if (from == NetworkAccess::Node::kData) continue;
    const auto at = static_cast<size_t>(from);
    to_add[k] = written[at] != 0;
    dx[k] = to_add[k] ? branch(k, rows * nodes[at]->size()) : gradients_[at];
    written[at] = 1;
  }
  if (node.layer() && options_.gradient_bits != kFloatBits && position_.quantizing()) {
    const uint64_t key = random_key(position_.seed, {index, static_cast<uint64_t>(position_.step)});
    quantize_gradient(gradients_[index], rows, node.size(), options_.gradient_bits, key);
  }
  node.module->backward(x, outputs_[index].data(), gradients_[index], rows, dx);
  for (size_t k = 0; k < node.inputs.size(); ++k) {
    if (!to_add[k]) continue;
    const auto at = static_cast<size_t>(node.inputs[k]);
    float* sum = gradients_[at];
    const float* part = dx[k];
    parallel_for(rows * nodes[at]->size(), kElementGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) sum[i] += part[i];
    });
  }
}

// Pascanu, Mikolov & Bengio 2013, with PyTorch's guard: all gradients together get no longer than
// `gradient_clip`. Summed over fixed chunks in order, so that threads change no bits.
void NetworkTrainer::clip_gradients() {
  if (!(options_.gradient_clip > 0)) return;
  double square = 0;
  for (const Slot& slot : slots_) {
    if (!slot.gradient) continue;
    norm_partials_.assign(static_cast<size_t>(chunk_count(slot.size(), kElementGrain)), 0.0);
    parallel_chunks(slot.size(), kElementGrain, [&](int64_t chunk, int64_t begin, int64_t end) {
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
    parallel_for(slot.size(), kElementGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) slot.gradient[i] *= static_cast<float>(factor);
    });
  }
}

void NetworkTrainer::update(double learning_rate) {
  optimizer_.begin_step();
  for (size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    if (!slot.gradient) continue;
    float* values = slot.node->module->mutable_value(slot.index);
    if (slot.role == Role::kScale) {
      update_scales(i, values, learning_rate);
    } else {
      const double rate = slot.role == Role::kOffset ? options_.scale_rate : 1;
      optimizer_.update(i, values, slot.gradient, learning_rate * rate);
    }
  }
  for (const auto& node : NetworkAccess::nodes(network_)) node->module->after_update();
}

// A scale that an update takes across zero is mirrored, and its momentum with it. A signed quantizer is
// odd but for one code, so training goes on as it does in PyTorch, which lets scales become negative; a
// clamp or a bound on the step would leave that trajectory (8-bit scales are no larger than AdamW's steps).
void NetworkTrainer::update_scales(size_t index, float* scales, double learning_rate) {
  const Slot& slot = slots_[index];
  scales_before_.assign(scales, scales + slot.size());
  optimizer_.update(index, scales, slot.gradient, learning_rate * options_.scale_rate);
  AlignedVector<float>& momentum = optimizer_.mutable_moments()[index].first;
  for (int64_t i = 0; i < slot.size(); ++i) {
    if (!std::isfinite(scales[i])) {
      diverged("a scale of \"" + slot.node->spec.name + "\" is not finite");
    }
    const float sign = scales_before_[static_cast<size_t>(i)] < 0 ? -1.0f : 1.0f;
    if (sign * scales[i] < 0) {
      scales[i] = -scales[i];
      if (!momentum.empty()) {
        momentum[static_cast<size_t>(i)] = -momentum[static_cast<size_t>(i)];
      }
    }
    scales[i] = sign * std::clamp(sign * scales[i], kSmallestScale, kLargestScale);
  }
}

int64_t NetworkTrainer::native_bytes() const {
  size_t floats = input_.size();
  for (const auto& output : outputs_) floats += output.size();
  for (const auto& buffer : gradient_buffers_) floats += buffer.size();
  for (const auto& buffer : branches_) floats += buffer.size();
  return static_cast<int64_t>(floats * sizeof(float)) + optimizer_.native_bytes() +
         monitor_.native_bytes();
}

}  // namespace qat
