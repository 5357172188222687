// What the handles of all layers with a float and a packed weight have in common: exclusive use,
// the life cycle's calls, and its jobs.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "addon/cancel_handle.h"
#include "addon/handle.h"
#include "addon/job.h"
#include "addon/tensor_handle.h"
#include "nn/layer_life.h"

namespace qat::addon {

// A layer and who is using it. The layer itself has one user at a time: a job on a pool thread
// makes synchronous calls fail (E-LAYER-STATE) instead of letting them wait.
template <typename Layer>
struct Held {
  std::unique_ptr<Layer> layer;
  std::atomic<bool> busy{false};
  int64_t kept_rows = 0;  // rows of dy that fit the last training forward
};

// Holds the layer for one call; refuses when a job has it.
template <typename Layer>
class Use {
 public:
  explicit Use(std::shared_ptr<Held<Layer>> held) : held_(std::move(held)) {
    if (held_->busy.exchange(true)) {
      held_ = nullptr;
      throw Error("E-LAYER-STATE", "The layer is being prepared or quantized.",
                  "Wait for the promise of that call, or cancel it.");
    }
  }
  ~Use() {
    if (held_) held_->busy.store(false);
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

  Layer* operator->() const { return held_->layer.get(); }
  Layer& operator*() const { return *held_->layer; }
  Held<Layer>& held() const { return *held_; }

 private:
  std::shared_ptr<Held<Layer>> held_;
};

// Rows of an argument [rows, cols]; at least one.
inline int64_t rows_of(Span<float> values, int64_t cols, const std::string& what) {
  const auto size = static_cast<int64_t>(values.size);
  if (size == 0 || size % cols != 0) {
    fail_argument(what + " must hold one or more rows of " + std::to_string(cols) +
                  " values; it holds " + std::to_string(size) + " values.");
  }
  return size / cols;
}

inline Napi::Value number(Napi::Env env, int64_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}

// { qweightOnly?: boolean } or absent.
inline bool qweight_only_of(Napi::Value value) {
  if (is_absent(value)) return false;
  const Napi::Value only = object(value, "options").Get("qweightOnly");
  return is_absent(only) ? false : boolean(only, "options.qweightOnly");
}

// Layer has: training, state, reset_parameters, set_weight_data, prepare_params,
// generate_quantized_weight, train, eval, native_bytes.
template <typename Derived, typename Layer>
class LifeHandle : public Handle<Derived, Held<Layer>> {
 public:
  using Self = LifeHandle<Derived, Layer>;
  using Property = Napi::ClassPropertyDescriptor<Derived>;
  using Handle<Derived, Held<Layer>>::Handle;

  static Napi::Object create_from(Napi::Env env, std::unique_ptr<Layer> layer) {
    auto held = std::make_shared<Held<Layer>>();
    held->layer = std::move(layer);
    const int64_t bytes = held->layer->native_bytes();
    return Self::create(env, std::move(held), bytes);
  }

  Napi::Value training(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), use()->training());
  }
  Napi::Value state(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), to_string(use()->state()));
  }
  Napi::Value reset_parameters(const Napi::CallbackInfo& info) {
    const int64_t seed = integer_in(info[0], "seed", 0, 0xffffffffLL);
    return change(info, [&](Layer& layer) { layer.reset_parameters(static_cast<uint64_t>(seed)); });
  }
  Napi::Value set_weight_data(const Napi::CallbackInfo& info) {
    const FloatSource source = float_source(info[0], "weight");
    return change(info, [&](Layer& layer) {
      layer.set_weight_data(source.values.data, source.values.size);
    });
  }
  Napi::Value prepare_params(const Napi::CallbackInfo& info) {
    return change(info, [](Layer& layer) { layer.prepare_params(); });
  }
  Napi::Value generate_quantized_weight(const Napi::CallbackInfo& info) {
    const bool only = qweight_only_of(info[0]);
    return change(info, [&](Layer& layer) { layer.generate_quantized_weight(only); });
  }
  Napi::Value train(const Napi::CallbackInfo& info) {
    return change(info, [](Layer& layer) { layer.train(); });
  }
  Napi::Value eval(const Napi::CallbackInfo& info) {
    return change(info, [](Layer& layer) { layer.eval(); });
  }
  Napi::Value prepare_params_async(const Napi::CallbackInfo& info) {
    return start_job(info.Env(), "qat.prepareParams", info[0],
                     [](Layer& layer, const CancelToken* cancel) { layer.prepare_params(cancel); });
  }
  Napi::Value generate_quantized_weight_async(const Napi::CallbackInfo& info) {
    const bool only = qweight_only_of(info[0]);
    return start_job(info.Env(), "qat.generateQuantizedWeight", info[1],
                     [only](Layer& layer, const CancelToken* cancel) {
                       layer.generate_quantized_weight(only, cancel);
                     });
  }

 protected:
  Use<Layer> use() { return Use<Layer>(this->native()); }

  // Runs `work` on the layer alone, then reports its bytes; undefined.
  template <typename Work>
  Napi::Value change(const Napi::CallbackInfo& info, Work&& work) {
    Use<Layer> layer = use();
    work(*layer);
    this->report_bytes(layer->native_bytes());
    return info.Env().Undefined();
  }

  Napi::Value start_job(Napi::Env env, const char* name, Napi::Value cancel_value,
                        std::function<void(Layer&, const CancelToken*)> work) {
    std::shared_ptr<CancelToken> cancel = cancel_argument(cancel_value);
    // Taken here, so that a second call is refused at once; released when the job is deleted.
    auto used = std::make_shared<Use<Layer>>(this->native());
    struct Done {};
    return Job<Done>::start(
        env, name, cancel,
        [used, work = std::move(work), cancel]() -> Done {
          work(**used, cancel.get());
          return {};
        },
        [used](Napi::Env finish_env, Done&) -> Napi::Value { return finish_env.Undefined(); });
  }

  // Properties for methods of this class and of bases in between; Handle's are for Derived's own.
  template <auto method>
  static Property shared_method(const char* name) {
    return Derived::InstanceMethod(name, as_method(&Self::template call_shared<method>));
  }
  template <auto method>
  static Property shared_promise(const char* name) {
    return Derived::InstanceMethod(name, as_method(&Self::template call_shared_promised<method>));
  }
  template <auto getter>
  static Property shared_getter(const char* name) {
    return Derived::InstanceAccessor(name, as_method(&Self::template call_shared<getter>), nullptr);
  }

  static std::vector<Property> life_properties() {
    return {
        shared_getter<&Self::training>("training"),
        shared_getter<&Self::state>("state"),
        shared_method<&Self::reset_parameters>("resetParameters"),
        shared_method<&Self::set_weight_data>("setWeightData"),
        shared_method<&Self::prepare_params>("prepareParams"),
        shared_promise<&Self::prepare_params_async>("prepareParamsAsync"),
        shared_method<&Self::generate_quantized_weight>("generateQuantizedWeight"),
        shared_promise<&Self::generate_quantized_weight_async>("generateQuantizedWeightAsync"),
        shared_method<&Self::train>("train"),
        shared_method<&Self::eval>("eval"),
        Self::dispose_method(),
    };
  }

 private:
  using Method = typename Handle<Derived, Held<Layer>>::Method;

  static Method as_method(Napi::Value (Self::*method)(const Napi::CallbackInfo&)) {
    return static_cast<Method>(method);
  }
  template <auto method>
  Napi::Value call_shared(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] { return (static_cast<Derived*>(this)->*method)(info); });
  }
  template <auto method>
  Napi::Value call_shared_promised(const Napi::CallbackInfo& info) {
    return promised(info.Env(), [&] { return (static_cast<Derived*>(this)->*method)(info); });
  }
};

}  // namespace qat::addon
