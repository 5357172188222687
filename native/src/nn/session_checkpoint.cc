// A checkpoint is one little-endian blob:
//   "QATCKPT\n" · u32 version · u64 size of all · u32 length + text describing network and options ·
//   u64 training data hash · u64 test data hash · i64 step · u8 evaluation pending ·
//   u32 count of arrays · arrays (u32 length + name · u8 type · u64 count · values) · u64 xxHash64 of
//   everything before it.
// Arrays come in one fixed order, so that a reader needs no search and nothing can be missing or twice.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <utility>

#include "nn/checkpoint_bytes.h"
#include "nn/layer_monitor.h"
#include "nn/network_node.h"
#include "nn/session_state.h"
#include "qat/error.h"
#include "runtime/hash.h"

namespace qat {

namespace {

using checkpoint_bytes::ArrayType;
using checkpoint_bytes::kAny;
using checkpoint_bytes::read_array;
using checkpoint_bytes::read_floats;
using checkpoint_bytes::Reader;
using checkpoint_bytes::refuse;
using checkpoint_bytes::Writer;

constexpr char kMagic[8] = {'Q', 'A', 'T', 'C', 'K', 'P', 'T', '\n'};
constexpr uint32_t kVersion = 1;

// --- the description: what must be equal for a checkpoint to fit ----------------------------------

std::string number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}

// What came after the first checkpoints were written: named only where it is used, so that those still fit.
std::string describe_refinements(const SessionOptions& o) {
  std::string text;
  if (o.schedule.kind == ScheduleKind::kStep) {
    text += " stepEpochs " + std::to_string(o.schedule.step_epochs) + " stepFactor " +
            number(o.schedule.step_factor);
  }
  if (o.schedule.warmup_steps) text += " warmupSteps " + std::to_string(o.schedule.warmup_steps);
  if (o.gradient_clip > 0) text += " gradientClip " + number(o.gradient_clip);
  if (o.scale_rate != 1) text += " scaleRate " + number(o.scale_rate);
  if (o.loss.needs_teacher()) text += " loss " + std::to_string(static_cast<int>(o.loss.kind));
  if (o.loss.kind == LossKind::kDistillation) {
    text += " temperature " + number(o.loss.temperature) + " teacherShare " +
            number(o.loss.teacher_share);
  }
  if (o.gradient_bits != kFloatBits) text += " gradientBits " + std::to_string(o.gradient_bits);
  if (o.dampening > 0) text += " dampening " + number(o.dampening);
  if (o.quantize_from > 0) text += " quantizeFrom " + std::to_string(o.quantize_from);
  if (o.monitor.every > 0) text += " diagnosticsEvery " + std::to_string(o.monitor.every);
  if (o.monitor.freezes()) {
    text += " freeze " + number(o.monitor.freeze_from) + " " + number(o.monitor.freeze_to);
  }
  if (o.freeze_norm_from != INT64_MAX) {
    text += " freezeNormFrom " + std::to_string(o.freeze_norm_from);
  }
  return text;
}

std::string describe_optimizer_parts(const OptimizerOptions& p) {
  std::string text;
  if (p.kind == OptimizerKind::kDiode) text += " amplitude " + number(p.amplitude);
  if (p.galore.rank > 0) {
    text += " galore " + std::to_string(p.galore.rank) + " " +
            std::to_string(static_cast<int>(p.galore.type)) + " " +
            std::to_string(p.galore.update_gap) + " " + number(p.galore.scale);
  }
  return text;
}

std::string describe(const SessionData& data) {
  std::string text;
  for (const auto& node : NetworkAccess::nodes(*data.network)) text += describe(node->spec);
  const SessionOptions& o = data.options;
  const OptimizerOptions& p = o.optimizer;
  text += "optimizer " + std::to_string(static_cast<int>(p.kind)) + " momentum " +
          number(p.momentum) + (p.nesterov ? " nesterov" : "") + " weightDecay " +
          number(p.weight_decay) + " beta1 " + number(p.beta1) + " beta2 " + number(p.beta2) +
          " epsilon " + number(p.epsilon) + describe_optimizer_parts(p) + "\n";
  text += "learningRate " + number(o.learning_rate) + " schedule " +
          std::to_string(static_cast<int>(o.schedule.kind)) + " epochs " + std::to_string(o.epochs) +
          " batchSize " + std::to_string(o.batch_size) + " seed " + std::to_string(o.seed) +
          (o.shuffle ? " shuffle" : " fileOrder") + " labelSmoothing " + number(o.loss.label_smoothing) +
          describe_refinements(o) + "\n";
  return text;
}

// --- arrays, in their order ------------------------------------------------------------------------

std::string optimizer_name(const Optimizer::StateArray& array) { return "optimizer." + array.name; }

bool has_shift(const NBitLayer& layer) {
  return layer.options().activation.method == Method::kLsqPlus && layer.a_bit() != kFloatBits;
}

// PACT's clip itself: from the scale it would come back off by a rounding.
bool has_clip(const NBitLayer& layer) {
  return layer.options().activation.method == Method::kPact && layer.a_bit() != kFloatBits;
}

bool has_scale_parameters(const NBitLayer& layer) { return layer.scale_parameter_count() > 0; }

size_t count_layer_arrays(const NBitLayer& layer) {
  return 5u + layer.options().bias + layer.negative_scales_learned() +
         has_scale_parameters(layer) + has_shift(layer) +
         has_clip(layer) + (layer.input_shift() != nullptr);
}

void write_layer(Writer& out, const std::string& name, NBitLayer& layer) {
  if (!layer.weight()) {
    throw Error("E-LAYER-STATE", "Layer \"" + name + "\" has no float weight to checkpoint.",
                "Set its weight and prepare it first.");
  }
  out.array(name + ".weight", ArrayType::kF32, layer.weight(),
            static_cast<size_t>(layer.weight_count()));
  if (layer.bias()) {
    out.array(name + ".bias", ArrayType::kF32, layer.bias(),
              static_cast<size_t>(layer.rows()));
  }
  const Scales scales = layer.scales();
  out.array(name + ".scales", ArrayType::kF32, scales.scales.data(), scales.scales.size());
  out.array(name + ".zeroPoints", ArrayType::kI32, scales.zero_points.data(),
            scales.zero_points.size());
  if (layer.negative_scales_learned()) {
    out.array(name + ".negativeScales", ArrayType::kF32, scales.negative_scales.data(),
              scales.negative_scales.size());
  }
  if (has_scale_parameters(layer)) {
    out.array(name + ".scaleParameters", ArrayType::kF32, scales.parameters.data(),
              scales.parameters.size());
  }
  const ActivationState& activation = layer.activation_state();
  out.array(name + ".activationScale", ArrayType::kF32, &activation.scale, 1);
  if (has_shift(layer)) out.array(name + ".activationShift", ArrayType::kF32, &activation.shift, 1);
  if (has_clip(layer)) {
    const float* clip = layer.activation().value(ActivationQuantizer::Learned::kClip);
    out.array(name + ".activationClip", ArrayType::kF32, clip, 1);
  }
  if (layer.input_shift()) {
    out.array(name + ".inputShift", ArrayType::kF32, layer.input_shift()->values.data(),
              layer.input_shift()->values.size());
  }
}

void write_module(Writer& out, const std::string& name, const Module& module) {
  const std::vector<ModuleParameter> parameters = module.parameters();
  for (size_t i = 0; i < parameters.size(); ++i) {
    out.array(name + "." + parameters[i].suffix, ArrayType::kF32, module.value(i),
              static_cast<size_t>(parameters[i].size()));
  }
}

constexpr size_t kFollowedArrays = 7;  // of each layer whose codes are followed

// updates, looks, changes (low and high half): what is counted besides one value per weight.
std::vector<int32_t> counters(const LayerMonitor::Followed& f) {
  return {static_cast<int32_t>(f.tracker.state().updates), static_cast<int32_t>(f.looks),
          static_cast<int32_t>(f.changes & 0x7fffffff), static_cast<int32_t>(f.changes >> 31)};
}

void write_followed(Writer& out, const LayerMonitor::Followed& f) {
  const OscillationTracker::State& state = f.tracker.state();
  const size_t n = state.codes.size();
  const std::vector<int32_t> counted = counters(f);
  out.array(f.name + ".monitor", ArrayType::kI32, counted.data(), counted.size());
  out.array(f.name + ".lastCodes", ArrayType::kU8, state.codes.data(), n);
  out.array(f.name + ".directions", ArrayType::kU8, state.directions.data(), n);
  out.array(f.name + ".frozen", ArrayType::kU8, state.frozen.data(), n);
  out.array(f.name + ".changedAt", ArrayType::kI32, state.changed_at.data(), n);
  out.array(f.name + ".frequencies", ArrayType::kF32, state.frequencies.data(), n);
  out.array(f.name + ".meanCodes", ArrayType::kF32, state.mean_codes.data(), n);
}

void write_arrays(Writer& out, const SessionData& data, NetworkTrainer& trainer) {
  size_t layer = 0;
  for (const auto& node : NetworkAccess::nodes(*data.network)) {
    const std::string& name = node->spec.name;
    if (!node->layer()) {
      write_module(out, name, *node->module);
      continue;
    }
    write_layer(out, name, *node->layer());
    static const std::vector<uint8_t> none;
    const auto& codes = layer < data.codes.size() ? data.codes[layer] : none;
    out.array(name + ".codes", ArrayType::kU8, codes.data(), codes.size());
    ++layer;
  }
  for (const Optimizer::StateArray& array : trainer.optimizer().state_arrays()) {
    out.array(optimizer_name(array), ArrayType::kF32, array.values->data(), array.values->size());
  }
  for (const LayerMonitor::Followed& followed : trainer.monitor().followed()) {
    write_followed(out, followed);
  }
}

struct StagedNode {
  std::vector<float> weight, bias;
  Scales scales;
  ActivationState activation;
  float clip = 0;
  std::vector<float> input_shift;
  std::vector<uint8_t> codes;
  std::vector<std::vector<float>> arrays;  // of a module without a layer
};

StagedNode read_layer(Reader& in, const std::string& name, const NBitLayer& layer,
                      bool with_codes) {
  StagedNode staged;
  const auto outputs = static_cast<size_t>(layer.rows());
  staged.weight =
      read_floats(in, name + ".weight", static_cast<size_t>(layer.cols()) * outputs, kAny);
  if (layer.options().bias) staged.bias = read_floats(in, name + ".bias", outputs, kAny);
  const auto scales = static_cast<size_t>(layer.scale_count());
  const QuantizerConfig& config = layer.options().weight.quantizer;
  const bool is_float = layer.is_float();
  staged.scales.scales = read_floats(in, name + ".scales", scales, 0);
  staged.scales.zero_points =
      read_array<int32_t>(in, name + ".zeroPoints", ArrayType::kI32,
                          !is_float && config.grid == Grid::kUnsigned ? scales : 0);
  if (layer.negative_scales_learned()) {
    staged.scales.negative_scales = read_floats(in, name + ".negativeScales", scales, 0);
  }
  if (has_scale_parameters(layer)) {
    const auto parameters = static_cast<size_t>(layer.scale_parameter_count());
    staged.scales.parameters = read_floats(in, name + ".scaleParameters", parameters, kAny);
  }
  // The levels follow from the parameters once these are set.
  if (!is_float && config.grid == Grid::kUser) staged.scales.levels.assign(scales << config.bits, 0);
  staged.activation.scale = read_floats(in, name + ".activationScale", 1, 0)[0];
  if (has_shift(layer)) {
    staged.activation.shift = read_floats(in, name + ".activationShift", 1, kAny)[0];
  }
  if (has_clip(layer)) staged.clip = read_floats(in, name + ".activationClip", 1, 1e-30f)[0];
  if (layer.input_shift()) {
    staged.input_shift =
        read_floats(in, name + ".inputShift", layer.input_shift()->values.size(), kAny);
  }
  if (layer.a_bit() != kFloatBits && staged.activation.scale <= 0) {
    refuse("the activation scale of \"" + name + "\" is not positive");
  }
  size_t code_bytes = 0;
  if (!is_float) {
    try {
      validate_scales(config, layer.scale_layout(), staged.scales, Thresholds::kOptional);
    } catch (const Error& error) {
      refuse("the scales of \"" + name + "\" do not fit: " + error.what());
    }
    if (with_codes) {
      code_bytes = static_cast<size_t>(packed_row_bytes(layer.cols(), config.bits)) * outputs;
    }
  }
  staged.codes = read_array<uint8_t>(in, name + ".codes", ArrayType::kU8, code_bytes);
  return staged;
}

StagedNode read_module(Reader& in, const std::string& name, const Module& module) {
  StagedNode staged;
  for (const ModuleParameter& parameter : module.parameters()) {
    staged.arrays.push_back(read_floats(in, name + "." + parameter.suffix,
                                        static_cast<size_t>(parameter.size()), parameter.least));
  }
  return staged;
}

// A copy of `known` in the state that was written.
LayerMonitor::Followed read_followed(Reader& in, const LayerMonitor::Followed& known) {
  LayerMonitor::Followed staged = known;
  const size_t n = known.tracker.state().codes.size();
  const auto counted = read_array<int32_t>(in, known.name + ".monitor", ArrayType::kI32, 4);
  for (const int32_t value : counted) {
    if (value < 0) refuse("array \"" + known.name + ".monitor\" holds a value out of bounds");
  }
  OscillationTracker::State state;
  state.updates = static_cast<uint32_t>(counted[0]);
  staged.looks = counted[1];
  staged.changes = counted[2] + (static_cast<int64_t>(counted[3]) << 31);
  state.codes = read_array<uint8_t>(in, known.name + ".lastCodes", ArrayType::kU8, n);
  state.directions = read_array<uint8_t>(in, known.name + ".directions", ArrayType::kU8, n);
  state.frozen = read_array<uint8_t>(in, known.name + ".frozen", ArrayType::kU8, n);
  const auto changed_at = read_array<int32_t>(in, known.name + ".changedAt", ArrayType::kI32, n);
  state.changed_at.assign(changed_at.begin(), changed_at.end());
  state.frequencies = read_floats(in, known.name + ".frequencies", n, 0);
  state.mean_codes = read_floats(in, known.name + ".meanCodes", n, 0);
  try {
    staged.tracker.set_state(std::move(state));
  } catch (const Error&) {
    refuse("the oscillations of \"" + known.name + "\" are out of bounds");
  }
  return staged;
}

void apply(NetworkAccess::Node& node, const StagedNode& staged) {
  if (!node.layer()) {
    for (size_t i = 0; i < staged.arrays.size(); ++i) {
      node.module->set_value(i, staged.arrays[i].data(), staged.arrays[i].size());
    }
    return;
  }
  NBitLayer& layer = *node.layer();
  layer.set_weight_data(staged.weight.data(), staged.weight.size());
  if (!staged.bias.empty()) layer.set_bias_data(staged.bias.data(), staged.bias.size());
  layer.set_scales(staged.scales);
  if (layer.a_bit() != kFloatBits) layer.set_activation_state(staged.activation);
  if (has_clip(layer)) {
    *layer.activation().mutable_value(ActivationQuantizer::Learned::kClip) = staged.clip;
    layer.activation().after_update();
  }
  if (layer.input_shift()) {
    layer.input_shift()->values.assign(staged.input_shift.begin(), staged.input_shift.end());
  }
  layer.train();
}

// Magic, version, size and checksum; → a reader behind them that ends before the checksum.
Reader open_checkpoint(const uint8_t* bytes, size_t size) {
  constexpr size_t kFixed = sizeof kMagic + sizeof(uint32_t) + 2 * sizeof(uint64_t);
  if (!bytes || size < kFixed) refuse("it has " + std::to_string(size) + " bytes");
  if (std::memcmp(bytes, kMagic, sizeof kMagic) != 0) refuse("it does not begin with QATCKPT");
  Reader in(bytes, size - sizeof(uint64_t));
  in.take(sizeof kMagic, "the magic number");
  const auto version = in.value<uint32_t>("the version");
  if (version != kVersion) refuse("its version is " + std::to_string(version) + ", not 1");
  const auto stored = in.value<uint64_t>("the size");
  if (stored != size) {
    refuse("it has " + std::to_string(size) + " bytes instead of " + std::to_string(stored));
  }
  uint64_t hash;
  std::memcpy(&hash, bytes + size - sizeof hash, sizeof hash);
  if (hash != xxh64(bytes, size - sizeof hash)) refuse("its checksum is wrong");
  return in;
}

uint32_t count_arrays(const SessionData& data, NetworkTrainer& trainer) {
  size_t count = trainer.optimizer().state_arrays().size() +
                 kFollowedArrays * trainer.monitor().followed().size();
  for (const auto& node : NetworkAccess::nodes(*data.network)) {
    if (!node->layer()) {
      count += node->module->parameters().size();
    } else {
      count += count_layer_arrays(*node->layer());
    }
  }
  return static_cast<uint32_t>(count);
}

SessionPosition read_position(Reader& in, const SessionData& data) {
  if (in.text("the description") != describe(data)) {
    refuse("it was made with another network or other training settings");
  }
  const auto train_hash = in.value<uint64_t>("the data's hash");
  const auto test_hash = in.value<uint64_t>("the data's hash");
  if (train_hash != data.train->content_hash() || test_hash != data.test->content_hash()) {
    refuse("it was made on other data");
  }
  SessionPosition position;
  position.step = in.value<int64_t>("the step");
  const auto pending = in.value<uint8_t>("the pending evaluation");
  if (position.step < 0 || position.step > data.steps_total || pending > 1) {
    refuse("its step " + std::to_string(position.step) + " is out of bounds");
  }
  position.evaluation_pending = pending == 1;
  return position;
}

}  // namespace

std::vector<uint8_t> write_checkpoint(const SessionData& data, NetworkTrainer& trainer) {
  Writer out;
  for (const char c : kMagic) out.value(c);
  out.value(kVersion);
  const size_t size_at = out.bytes().size();
  out.value(uint64_t{0});
  out.text(describe(data));
  out.value(data.train->content_hash());
  out.value(data.test->content_hash());
  out.value(data.position.step);
  out.value(static_cast<uint8_t>(data.position.evaluation_pending ? 1 : 0));
  out.value(count_arrays(data, trainer));
  write_arrays(out, data, trainer);
  const uint64_t size = out.bytes().size() + sizeof(uint64_t);
  std::memcpy(out.bytes().data() + size_at, &size, sizeof size);
  out.value(xxh64(out.bytes().data(), out.bytes().size()));
  return std::move(out.bytes());
}

void read_checkpoint(const uint8_t* bytes, size_t size, SessionData& data,
                     NetworkTrainer& trainer) {
  Reader in = open_checkpoint(bytes, size);
  const SessionPosition position = read_position(in, data);
  if (in.value<uint32_t>("the count of arrays") != count_arrays(data, trainer)) {
    refuse("it has another number of arrays");
  }
  // Codes are there once the evaluation before the first step was made.
  const bool with_codes = position.step > 0 || !position.evaluation_pending;
  std::vector<StagedNode> staged;
  const auto& nodes = NetworkAccess::nodes(*data.network);
  for (const auto& node : nodes) {
    staged.push_back(node->layer() ? read_layer(in, node->spec.name, *node->layer(), with_codes)
                                   : read_module(in, node->spec.name, *node->module));
  }
  const std::vector<Optimizer::StateArray> arrays = trainer.optimizer().state_arrays();
  std::vector<std::vector<float>> staged_state;
  for (const Optimizer::StateArray& array : arrays) {
    staged_state.push_back(read_floats(in, optimizer_name(array), array.values->size(),
                                       array.non_negative ? 0.0f : kAny));
  }
  std::vector<LayerMonitor::Followed> staged_followed;
  for (const LayerMonitor::Followed& known : trainer.monitor().followed()) {
    staged_followed.push_back(read_followed(in, known));
  }
  if (!in.at_end()) refuse("there are bytes left over at " + std::to_string(in.at()));

  std::vector<std::vector<uint8_t>> codes;
  for (size_t i = 0; i < nodes.size(); ++i) {
    apply(*nodes[i], staged[i]);
    if (nodes[i]->layer() && with_codes) codes.push_back(std::move(staged[i].codes));
  }
  for (size_t i = 0; i < arrays.size(); ++i) {
    arrays[i].values->assign(staged_state[i].begin(), staged_state[i].end());
  }
  trainer.optimizer().set_step(position.step);
  trainer.monitor().followed() = std::move(staged_followed);
  data.codes = std::move(codes);
  data.position = position;
}

}  // namespace qat
