#include "addon/layer_handle.h"

#include <functional>
#include <utility>
#include <vector>

#include "addon/cancel_handle.h"
#include "addon/conv2d_args.h"
#include "addon/job.h"
#include "addon/quantizer_args.h"
#include "addon/tensor_handle.h"

namespace qat::addon {
namespace {

// Holds the layer for one call; refuses when a job has it.
class LayerUse {
 public:
  explicit LayerUse(std::shared_ptr<LayerHolder> holder) : holder_(std::move(holder)) {
    if (holder_->busy.exchange(true)) {
      holder_ = nullptr;
      throw Error("E-LAYER-STATE", "The layer is being prepared or quantized.",
                  "Wait for the promise of that call, or cancel it.");
    }
  }
  ~LayerUse() {
    if (holder_) holder_->busy.store(false);
  }
  LayerUse(const LayerUse&) = delete;
  LayerUse& operator=(const LayerUse&) = delete;

  NBitLayer* operator->() const { return holder_->layer.get(); }
  NBitLayer& operator*() const { return *holder_->layer; }
  LayerHolder& holder() const { return *holder_; }

 private:
  std::shared_ptr<LayerHolder> holder_;
};

bool qweight_only_argument(Napi::Value value) {
  if (is_absent(value)) return false;
  const Napi::Value only = object(value, "options").Get("qweightOnly");
  return is_absent(only) ? false : boolean(only, "options.qweightOnly");
}

Napi::Value number(Napi::Env env, int64_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}

}  // namespace

void LayerHandle::define_class(Napi::Env env) {
  using H = LayerHandle;
  define(env, {
                  getter_of<&H::in_channels>("inChannels"),
                  getter_of<&H::out_channels>("outChannels"),
                  getter_of<&H::w_bit>("wBit"),
                  getter_of<&H::a_bit>("aBit"),
                  getter_of<&H::kind>("kind"),
                  getter_of<&H::training>("training"),
                  getter_of<&H::state>("state"),
                  method_of<&H::reset_parameters>("resetParameters"),
                  method_of<&H::set_weight_data>("setWeightData"),
                  method_of<&H::set_bias_data>("setBiasData"),
                  method_of<&H::prepare_params>("prepareParams"),
                  promise_method_of<&H::prepare_params_async>("prepareParamsAsync"),
                  method_of<&H::generate_quantized_weight>("generateQuantizedWeight"),
                  promise_method_of<&H::generate_quantized_weight_async>(
                      "generateQuantizedWeightAsync"),
                  method_of<&H::set_quantized_weight_data>("setQuantizedWeightData"),
                  method_of<&H::opt_weight>("optWeight"),
                  method_of<&H::scales>("scales"),
                  method_of<&H::set_scales>("setScales"),
                  method_of<&H::activation_scale>("activationScale"),
                  method_of<&H::activation_shift>("activationShift"),
                  method_of<&H::set_activation_scale>("setActivationScale"),
                  method_of<&H::train>("train"),
                  method_of<&H::eval>("eval"),
                  method_of<&H::forward>("forward"),
                  method_of<&H::backward>("backward"),
                  dispose_method(),
              });
}

// --- properties: fixed ones need no exclusive use ------------------------------------------------

Napi::Value LayerHandle::in_channels(const Napi::CallbackInfo& info) {
  return number(info.Env(), native()->in_channels);
}

Napi::Value LayerHandle::out_channels(const Napi::CallbackInfo& info) {
  return number(info.Env(), native()->out_channels);
}

Napi::Value LayerHandle::w_bit(const Napi::CallbackInfo& info) {
  return number(info.Env(), native()->layer->w_bit());
}

Napi::Value LayerHandle::a_bit(const Napi::CallbackInfo& info) {
  return number(info.Env(), native()->layer->a_bit());
}

Napi::Value LayerHandle::kind(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), native()->layer->kind());
}

Napi::Value LayerHandle::training(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), LayerUse(native())->training());
}

Napi::Value LayerHandle::state(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), to_string(LayerUse(native())->state()));
}

// --- life cycle ----------------------------------------------------------------------------------

Napi::Value LayerHandle::reset_parameters(const Napi::CallbackInfo& info) {
  const int64_t seed = integer_in(info[0], "seed", 0, 0xffffffffLL);
  LayerUse layer(native());
  layer->reset_parameters(static_cast<uint64_t>(seed));
  report_layer_bytes(layer.holder());
  return info.Env().Undefined();
}

Napi::Value LayerHandle::set_weight_data(const Napi::CallbackInfo& info) {
  const FloatSource source = float_source(info[0], "weight");
  LayerUse layer(native());
  layer->set_weight_data(source.values.data, source.values.size);
  report_layer_bytes(layer.holder());
  return info.Env().Undefined();
}

Napi::Value LayerHandle::set_bias_data(const Napi::CallbackInfo& info) {
  const Span<float> bias = floats(info[0], "bias");
  LayerUse(native())->set_bias_data(bias.data, bias.size);
  return info.Env().Undefined();
}

int64_t LayerHandle::batch_of(Span<float> values, int64_t cols, const std::string& what) {
  const auto size = static_cast<int64_t>(values.size);
  if (size == 0 || size % cols != 0) {
    fail_argument(what + " must hold one or more rows of " + std::to_string(cols) +
                  " values; it holds " + std::to_string(size) + " values.");
  }
  return size / cols;
}

Napi::Value LayerHandle::prepare_params(const Napi::CallbackInfo& info) {
  LayerUse layer(native());
  if (is_absent(info[0])) {
    layer->prepare_params();
  } else {
    const Span<float> calibration = floats(info[0], "calibration");
    const int64_t batch = batch_of(calibration, layer->input_size(), "calibration");
    require_finite(calibration, "calibration");
    layer->prepare_params(calibration.data, batch);
  }
  report_layer_bytes(layer.holder());
  return info.Env().Undefined();
}

Napi::Value LayerHandle::start_job(
    Napi::Env env, const char* name, Napi::Value cancel_value,
    std::function<void(NBitLayer&, const CancelToken*)> work) {
  std::shared_ptr<CancelToken> cancel = cancel_argument(cancel_value);
  // Taken here, so that a second call is refused at once; released when the job is deleted.
  auto use = std::make_shared<LayerUse>(native());
  struct Done {};
  return Job<Done>::start(
      env, name, cancel,
      [use, work = std::move(work), cancel]() -> Done {
        work(**use, cancel.get());
        return {};
      },
      [use](Napi::Env finish_env, Done&) -> Napi::Value { return finish_env.Undefined(); });
}

Napi::Value LayerHandle::prepare_params_async(const Napi::CallbackInfo& info) {
  return start_job(info.Env(), "qat.prepareParams", info[0],
                   [](NBitLayer& layer, const CancelToken* cancel) {
                     layer.prepare_params(nullptr, 0, cancel);
                   });
}

Napi::Value LayerHandle::generate_quantized_weight(const Napi::CallbackInfo& info) {
  const bool only = qweight_only_argument(info[0]);
  LayerUse layer(native());
  layer->generate_quantized_weight(only);
  report_layer_bytes(layer.holder());
  return info.Env().Undefined();
}

Napi::Value LayerHandle::generate_quantized_weight_async(const Napi::CallbackInfo& info) {
  const bool only = qweight_only_argument(info[0]);
  return start_job(info.Env(), "qat.generateQuantizedWeight", info[1],
                   [only](NBitLayer& layer, const CancelToken* cancel) {
                     layer.generate_quantized_weight(only, cancel);
                   });
}

Napi::Value LayerHandle::set_quantized_weight_data(const Napi::CallbackInfo& info) {
  const QuantizedWeight weight = quantized_weight_from(info[0], "weight");
  LayerUse layer(native());
  layer->set_quantized_weight_data(weight);
  report_layer_bytes(layer.holder());
  return info.Env().Undefined();
}

Napi::Value LayerHandle::opt_weight(const Napi::CallbackInfo& info) {
  LayerUse layer(native());
  const OptWeight weight = layer->opt_weight();
  Napi::Object result = Napi::Object::New(info.Env());
  if (weight.packed != nullptr) {
    result.Set("kind", "packed");
    result.Set("qweight", quantized_weight_to_js(info.Env(), *weight.packed));
  } else {
    const auto count = static_cast<size_t>(layer->weight_count());
    result.Set("kind", "float");
    result.Set("weight", to_js(info.Env(), weight.weight, count));
  }
  report_layer_bytes(layer.holder());
  return result;
}

Napi::Value LayerHandle::scales(const Napi::CallbackInfo& info) {
  return scales_to_js(info.Env(), LayerUse(native())->scales());
}

Napi::Value LayerHandle::set_scales(const Napi::CallbackInfo& info) {
  const Scales scales = scales_from(object(info[0], "scales"), "scales");
  LayerUse(native())->set_scales(scales);
  return info.Env().Undefined();
}

Napi::Value LayerHandle::activation_scale(const Napi::CallbackInfo& info) {
  const double scale = LayerUse(native())->activation_scale();
  return Napi::Number::New(info.Env(), scale);
}

Napi::Value LayerHandle::activation_shift(const Napi::CallbackInfo& info) {
  const double shift = LayerUse(native())->activation_state().shift;
  return Napi::Number::New(info.Env(), shift);
}

Napi::Value LayerHandle::set_activation_scale(const Napi::CallbackInfo& info) {
  ActivationState state;
  state.scale = static_cast<float>(finite_number(info[0], "scale"));
  if (!is_absent(info[1])) state.shift = static_cast<float>(finite_number(info[1], "shift"));
  LayerUse(native())->set_activation_state(state);
  return info.Env().Undefined();
}

Napi::Value LayerHandle::train(const Napi::CallbackInfo& info) {
  LayerUse(native())->train();
  return info.Env().Undefined();
}

Napi::Value LayerHandle::eval(const Napi::CallbackInfo& info) {
  LayerUse(native())->eval();
  return info.Env().Undefined();
}

// --- arithmetic ----------------------------------------------------------------------------------

Napi::Value LayerHandle::forward(const Napi::CallbackInfo& info) {
  LayerUse layer(native());
  const Span<float> x = floats(info[0], "x");
  const int64_t batch = batch_of(x, layer->input_size(), "x");
  const int64_t out = element_count(batch, layer->output_size(), "the layer's output");
  require_finite(x, "x");
  Napi::Float32Array y = Napi::Float32Array::New(info.Env(), static_cast<size_t>(out));
  const bool training = layer->training();
  layer->forward(x.data, batch, y.Data());
  if (training) layer.holder().kept_batch = batch;
  report_layer_bytes(layer.holder());
  return y;
}

Napi::Value LayerHandle::backward(const Napi::CallbackInfo& info) {
  LayerUse layer(native());
  const Span<float> dy = floats(info[0], "dy");
  const int64_t kept = layer.holder().kept_batch;
  // Without a forward the layer itself says so; the length can only be checked after one.
  if (kept > 0) floats(info[0], "dy", kept * layer->output_size());
  require_finite(dy, "dy");
  std::vector<float> dx(static_cast<size_t>(kept * layer->input_size()));
  const LayerGradients gradients = layer->backward(dy.data, dx.data());
  const Napi::Env env = info.Env();
  const auto out = static_cast<size_t>(layer->rows());
  const auto weights = static_cast<size_t>(layer->weight_count());
  Napi::Object result = Napi::Object::New(env);
  result.Set("dx", to_js(env, dx));
  result.Set("dWeight", to_js(env, gradients.dweight, weights));
  result.Set("dBias", gradients.dbias == nullptr
                          ? env.Null()
                          : Napi::Value(to_js(env, gradients.dbias, out)));
  result.Set("dScaleWeight", to_js(env, gradients.dscale_weight,
                                   static_cast<size_t>(gradients.scale_count)));
  std::vector<float> activation;
  for (const auto learned : layer->activation().learned()) {
    activation.push_back(*layer->activation().gradient(learned));
  }
  result.Set("dActivation", to_js(env, activation));
  const InputShift* shift = layer->input_shift();
  result.Set("dInputShift", shift == nullptr ? env.Null()
                                             : Napi::Value(to_js(env, shift->gradient.data(),
                                                                 shift->gradient.size())));
  report_layer_bytes(layer.holder());
  return result;
}

void LayerHandle::report_layer_bytes(const LayerHolder& holder) {
  report_bytes(holder.layer->native_bytes());
}

// --- construction --------------------------------------------------------------------------------

namespace {

void read_bits(Napi::Object given, LayerOptions* options) {
  const Napi::Value w_bit = given.Get("wBit");
  const Napi::Value a_bit = given.Get("aBit");
  if (!w_bit.IsUndefined()) options->weight.quantizer.bits = quantizer_bits(w_bit, "wBit");
  if (!a_bit.IsUndefined()) options->activation.bits = quantizer_bits(a_bit, "aBit");
  if (options->weight.quantizer.bits == 1) options->weight.quantizer.grid = Grid::kBinary;
}

void read_layer_options(Napi::Object given, LayerOptions* options) {
  read_bits(given, options);
  const Napi::Value bias = given.Get("bias");
  if (!bias.IsUndefined()) options->bias = boolean(bias, "bias");
  const Napi::Value shift = given.Get("inputShift");
  if (!shift.IsUndefined()) options->input_shift = boolean(shift, "inputShift");
  const Napi::Value device = given.Get("device");
  if (!device.IsUndefined()) options->device = text(device, "device", 64);
  const Napi::Value dtype = given.Get("dtype");
  if (!dtype.IsUndefined()) options->dtype = text(dtype, "dtype", 64);
  const Napi::Value weight = given.Get("weight");
  if (!weight.IsUndefined()) {
    read_weight_fields(object(weight, "weight"), "weight", true, &options->weight);
  }
  const Napi::Value activation = given.Get("activation");
  if (!activation.IsUndefined()) {
    read_activation_fields(object(activation, "activation"), "activation", true,
                           &options->activation);
  }
}

LinearOptions linear_options(Napi::Object given) {
  LinearOptions options;
  options.in_channels = extent(given.Get("inChannels"), "inChannels");
  options.out_channels = extent(given.Get("outChannels"), "outChannels");
  element_count(options.out_channels, options.in_channels, "the layer's weight");
  read_layer_options(given, &options);
  return options;
}

Conv2dOptions conv2d_options(Napi::Object given) {
  Conv2dOptions options;
  options.shape = conv2d_shape(given, "options");
  options.shape.height = extent(given.Get("height"), "options.height");
  options.shape.width = extent(given.Get("width"), "options.width");
  read_layer_options(given, &options);
  return options;
}

Napi::Value create_layer(Napi::Env env, std::unique_ptr<NBitLayer> layer, int64_t in_channels,
                         int64_t out_channels) {
  auto holder = std::make_shared<LayerHolder>();
  holder->layer = std::move(layer);
  holder->in_channels = in_channels;
  holder->out_channels = out_channels;
  const int64_t bytes = holder->layer->native_bytes();
  return LayerHandle::create(env, std::move(holder), bytes);
}

}  // namespace

Napi::Value create_linear(const Napi::CallbackInfo& info) {
  const LinearOptions options = linear_options(object(info[0], "options"));
  return create_layer(info.Env(), make_linear(options), options.in_channels, options.out_channels);
}

Napi::Value create_conv2d(const Napi::CallbackInfo& info) {
  const Conv2dOptions options = conv2d_options(object(info[0], "options"));
  return create_layer(info.Env(), make_conv2d(options), options.shape.in_channels,
                      options.shape.out_channels);
}

}  // namespace qat::addon
