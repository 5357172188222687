#include "addon/network_handle.h"

#include <utility>

#include "addon/cancel_handle.h"
#include "addon/dataset_handle.h"
#include "addon/job.h"
#include "addon/mpq_args.h"
#include "addon/quantizer_args.h"
#include "addon/tensor_handle.h"

namespace qat::addon {
namespace {

constexpr size_t kMaxNameBytes = 4096 + 64;  // a layer's name and the parameter's suffix

std::string layer_name(Napi::Value value) { return text(value, "layer", kMaxNameBytes); }

EvaluationMode mode_argument(Napi::Value value) {
  return choice(value, "mode", {"fakeQuant", "packed"}) == 0 ? EvaluationMode::kFakeQuant
                                                             : EvaluationMode::kPacked;
}

Napi::Object form_to_js(Napi::Env env, const QuantizedWeight& weight) {
  return quantized_weight_to_js(env, weight);
}

template <typename Form>
Napi::Object form_to_js(Napi::Env env, const Form& weight) {
  return packed_weight_to_js(env, weight);
}

template <typename Form>
PackedWeight read_form(Napi::Value value, const std::string& what) {
  Form weight;
  read_packed_weight(value, what, &weight);
  return weight;
}

// Told apart by the fields that only one form has.
PackedWeight packed_weight_from(Napi::Value value, const std::string& what) {
  const Napi::Object given = object(value, what);
  if (given.Has("qGroups")) return read_form<MixedRowWeight>(value, what);
  if (given.Has("qweight")) return read_form<MpqWeight>(value, what);
  return quantized_weight_from(value, what);
}

void require_matching(const Network& network, const Dataset& data) {
  if (network.inputs() == data.features()) return;
  throw Error("E-DATASET-MISMATCH",
              "The network takes " + std::to_string(network.inputs()) +
                  " inputs, the data set has " + std::to_string(data.features()) + " features.",
              "Choose a data set that fits the model.");
}

}  // namespace

void NetworkHandle::define_class(Napi::Env env) {
  using H = NetworkHandle;
  define(env, {
                  method_of<&H::parameters>("parameters"),
                  method_of<&H::get_parameter>("getParameter"),
                  method_of<&H::set_parameter>("setParameter"),
                  method_of<&H::reset_parameters>("resetParameters"),
                  promise_method_of<&H::prepare>("prepare"),
                  promise_method_of<&H::prepare_missing>("prepareMissing"),
                  method_of<&H::take_from>("takeFrom"),
                  method_of<&H::scales>("scales"),
                  method_of<&H::set_scales>("setScales"),
                  method_of<&H::quantized_weight>("quantizedWeight"),
                  method_of<&H::set_quantized_weight>("setQuantizedWeight"),
                  promise_method_of<&H::logits>("logits"),
                  promise_method_of<&H::evaluate>("evaluate"),
                  promise_method_of<&H::layer_inputs>("layerInputs"),
                  dispose_method(),
              });
}

Napi::Value NetworkHandle::parameters(const Napi::CallbackInfo& info) {
  const std::vector<ParameterInfo> list = native()->parameters();
  Napi::Array result = Napi::Array::New(info.Env(), list.size());
  for (size_t i = 0; i < list.size(); ++i) {
    Napi::Object entry = Napi::Object::New(info.Env());
    entry.Set("name", list[i].name);
    entry.Set("rows", static_cast<double>(list[i].rows));
    entry.Set("cols", static_cast<double>(list[i].cols));
    result.Set(static_cast<uint32_t>(i), entry);
  }
  return result;
}

Napi::Value NetworkHandle::get_parameter(const Napi::CallbackInfo& info) {
  const std::string name = text(info[0], "name", kMaxNameBytes);
  const size_t length = floats(info[1], "target").size;
  native()->get_parameter(name, info[1].As<Napi::Float32Array>().Data(), length);
  return info.Env().Undefined();
}

Napi::Value NetworkHandle::set_parameter(const Napi::CallbackInfo& info) {
  const std::string name = text(info[0], "name", kMaxNameBytes);
  const FloatSource source = float_source(info[1], "values");
  native()->set_parameter(name, source.values.data, source.values.size);
  report_bytes(native()->native_bytes());
  return info.Env().Undefined();
}

Napi::Value NetworkHandle::reset_parameters(const Napi::CallbackInfo& info) {
  const int64_t seed = integer_in(info[0], "seed", 0, 0xffffffffLL);
  native()->reset_parameters(static_cast<uint64_t>(seed));
  report_bytes(native()->native_bytes());
  return info.Env().Undefined();
}

Napi::Value NetworkHandle::take_from(const Napi::CallbackInfo& info) {
  native()->take_from(*NetworkHandle::from(info[0], "other").native());
  report_bytes(native()->native_bytes());
  return info.Env().Undefined();
}

Napi::Value NetworkHandle::prepare(const Napi::CallbackInfo& info) {
  return start_prepare(info, &Network::prepare);
}

Napi::Value NetworkHandle::prepare_missing(const Napi::CallbackInfo& info) {
  return start_prepare(info, &Network::prepare_missing);
}

Napi::Value NetworkHandle::start_prepare(const Napi::CallbackInfo& info, PrepareMethod method) {
  std::shared_ptr<Network> network = native();
  std::shared_ptr<Dataset> data = DatasetHandle::from(info[0], "calibration").native();
  const int64_t count = integer_in(info[1], "count", 1, data->count());
  require_matching(*network, *data);
  std::shared_ptr<CancelToken> cancel = cancel_argument(info[2]);
  struct Done {};
  return Job<Done>::start(
      info.Env(), "qat.network.prepare", cancel,
      [network, data, count, cancel, method]() -> Done {
        (network.get()->*method)(*data, count, cancel.get());
        return {};
      },
      [](Napi::Env env, Done&) -> Napi::Value { return env.Undefined(); });
}

Napi::Object layer_scales_to_js(Napi::Env env, const LayerScales& scales) {
  Napi::Object result = scales_to_js(env, scales.weight);
  result.Set("activationScale", scales.activation.scale);
  result.Set("activationShift", scales.activation.shift);
  return result;
}

Napi::Value NetworkHandle::scales(const Napi::CallbackInfo& info) {
  return layer_scales_to_js(info.Env(), native()->scales(layer_name(info[0])));
}

Napi::Value NetworkHandle::set_scales(const Napi::CallbackInfo& info) {
  const std::string layer = layer_name(info[0]);
  const Napi::Object given = object(info[1], "scales");
  const Scales scales = scales_from(given, "scales");
  ActivationState activation;
  const auto read = [&](const char* name, double low, float* target) {
    const Napi::Value value = given.Get(name);
    if (!is_absent(value)) *target = static_cast<float>(number_in(value, name, low, 3.0e38));
  };
  read("activationScale", 0, &activation.scale);
  read("activationShift", -3.0e38, &activation.shift);
  native()->set_scales(layer, scales, activation);
  return info.Env().Undefined();
}

Napi::Value NetworkHandle::quantized_weight(const Napi::CallbackInfo& info) {
  const PackedWeight weight = native()->packed_weight(layer_name(info[0]));
  return std::visit([&](const auto& form) { return form_to_js(info.Env(), form); }, weight);
}

Napi::Value NetworkHandle::set_quantized_weight(const Napi::CallbackInfo& info) {
  const std::string layer = layer_name(info[0]);
  native()->set_packed_weight(layer, packed_weight_from(info[1], "weight"));
  report_bytes(native()->native_bytes());
  return info.Env().Undefined();
}

Napi::Value NetworkHandle::logits(const Napi::CallbackInfo& info) {
  std::shared_ptr<Network> network = native();
  std::shared_ptr<Dataset> data = DatasetHandle::from(info[0], "data").native();
  const EvaluationMode mode = mode_argument(info[1]);
  require_matching(*network, *data);
  element_count(data->count(), network->outputs(), "the logits");
  std::shared_ptr<CancelToken> cancel = cancel_argument(info[2]);
  using Values = std::vector<float>;
  return Job<Values>::start(
      info.Env(), "qat.network.logits", cancel,
      [network, data, mode, cancel] { return network->logits(*data, mode, cancel.get()); },
      [](Napi::Env env, Values& values) -> Napi::Value { return to_js(env, values); });
}

Napi::Value NetworkHandle::evaluate(const Napi::CallbackInfo& info) {
  std::shared_ptr<Network> network = native();
  std::shared_ptr<Dataset> data = DatasetHandle::from(info[0], "data").native();
  const EvaluationMode mode = mode_argument(info[1]);
  require_matching(*network, *data);
  std::shared_ptr<CancelToken> cancel = cancel_argument(info[2]);
  return Job<EvaluationResult>::start(
      info.Env(), "qat.network.evaluate", cancel,
      [network, data, mode, cancel] { return network->evaluate(*data, mode, cancel.get()); },
      [](Napi::Env env, EvaluationResult& r) -> Napi::Value {
        Napi::Object result = Napi::Object::New(env);
        result.Set("loss", r.loss);
        result.Set("accuracy", r.accuracy);
        result.Set("count", static_cast<double>(r.count));
        return result;
      });
}

Napi::Value NetworkHandle::layer_inputs(const Napi::CallbackInfo& info) {
  std::shared_ptr<Network> network = native();
  const std::string layer = layer_name(info[0]);
  std::shared_ptr<Dataset> data = DatasetHandle::from(info[1], "data").native();
  const int64_t count = integer_in(info[2], "count", 1, data->count());
  require_matching(*network, *data);
  element_count(count, network->layer_input_size(layer), "the layer's inputs");
  std::shared_ptr<CancelToken> cancel = cancel_argument(info[3]);
  using Values = std::vector<float>;
  return Job<Values>::start(
      info.Env(), "qat.network.layerInputs", cancel,
      [network, layer, data, count, cancel] {
        return network->layer_inputs(layer, *data, count, cancel.get());
      },
      [](Napi::Env env, Values& values) -> Napi::Value { return to_js(env, values); });
}

Napi::Value create_network(const Napi::CallbackInfo& info) {
  auto network = std::make_shared<Network>(network_nodes(info[0]));
  const int64_t bytes_held = network->native_bytes();
  return NetworkHandle::create(info.Env(), std::move(network), bytes_held);
}

}  // namespace qat::addon
