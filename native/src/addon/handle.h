// Base of every JavaScript handle: shared ownership of a native object, type tags so that one
// handle can never be taken for another, `dispose`, and the native bytes reported to V8.
//
// A job copies the shared_ptr: disposing the handle while the job runs is safe, the memory goes
// when the job ends.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "addon/args.h"
#include "addon/env_data.h"
#include "addon/errors.h"
#include "addon/napi_setup.h"

namespace qat::addon {

// Derived declares: kKind (HandleKind), kName (const char*), kTypeTag (napi_type_tag).
template <typename Derived, typename Native>
class Handle : public Napi::ObjectWrap<Derived> {
 public:
  using Base = Handle<Derived, Native>;
  using Method = Napi::Value (Derived::*)(const Napi::CallbackInfo&);

  explicit Handle(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<Derived>(info), env_(info.Env()) {
    void* pending = std::exchange(EnvData::of(info.Env()).pending_native, nullptr);
    if (pending == nullptr) {
      throw Napi::TypeError::New(info.Env(), std::string(Derived::kName) +
                                                 " cannot be constructed directly.");
    }
    native_ = std::move(*static_cast<std::shared_ptr<Native>*>(pending));
    info.This().As<Napi::Object>().TypeTag(&Derived::kTypeTag);
  }

  ~Handle() override { report_bytes(0); }

  static Napi::Object create(Napi::Env env, std::shared_ptr<Native> native, int64_t native_bytes) {
    EnvData& data = EnvData::of(env);
    data.pending_native = &native;
    Napi::Object object;
    try {
      object = data.constructor(Derived::kKind).New({});
    } catch (...) {
      data.pending_native = nullptr;
      throw;
    }
    Napi::ObjectWrap<Derived>::Unwrap(object)->report_bytes(native_bytes);
    return object;
  }

  // The handle behind an argument; anything else is refused.
  static Derived& from(Napi::Value value, const std::string& what) {
    if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&Derived::kTypeTag)) {
      fail_argument(what + " must be a " + Derived::kName + ", not " + describe(value) + ".");
    }
    return *Napi::ObjectWrap<Derived>::Unwrap(value.As<Napi::Object>());
  }

  static bool is(Napi::Value value) {
    return value.IsObject() && value.As<Napi::Object>().CheckTypeTag(&Derived::kTypeTag);
  }

  // Throws E-NATIVE-ARGUMENT once the handle was disposed.
  const std::shared_ptr<Native>& native() const {
    if (!native_) fail_argument(std::string("This ") + Derived::kName + " was disposed.");
    return native_;
  }

  bool disposed() const { return native_ == nullptr; }

  // Idempotent.
  Napi::Value dispose(const Napi::CallbackInfo& info) {
    native_.reset();
    report_bytes(0);
    return info.Env().Undefined();
  }

  // Tells V8 how much native memory the handle holds, so that it collects in time.
  void report_bytes(int64_t bytes) {
    if (bytes == reported_bytes_) return;
    Napi::MemoryManagement::AdjustExternalMemory(env_, bytes - reported_bytes_);
    reported_bytes_ = bytes;
  }

 protected:
  // Methods and getters that turn C++ exceptions into JavaScript errors.
  template <Method method>
  static Napi::ClassPropertyDescriptor<Derived> method_of(const char* name) {
    return Derived::InstanceMethod(name, static_cast<Method>(&Base::template call<method>));
  }
  template <Method method>
  static Napi::ClassPropertyDescriptor<Derived> promise_method_of(const char* name) {
    return Derived::InstanceMethod(name,
                                   static_cast<Method>(&Base::template call_promised<method>));
  }
  template <Method getter>
  static Napi::ClassPropertyDescriptor<Derived> getter_of(const char* name) {
    return Derived::InstanceAccessor(name, static_cast<Method>(&Base::template call<getter>),
                                     nullptr);
  }
  static Napi::ClassPropertyDescriptor<Derived> dispose_method() {
    return Derived::InstanceMethod("dispose", static_cast<Method>(&Base::dispose));
  }

  static void define(Napi::Env env,
                     const std::vector<Napi::ClassPropertyDescriptor<Derived>>& properties) {
    Napi::Function constructor = Derived::DefineClass(env, Derived::kName, properties);
    EnvData::of(env).constructor(Derived::kKind) = Napi::Persistent(constructor);
  }

  template <Method method>
  Napi::Value call(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] { return (static_cast<Derived*>(this)->*method)(info); });
  }

  template <Method method>
  Napi::Value call_promised(const Napi::CallbackInfo& info) {
    return promised(info.Env(), [&] { return (static_cast<Derived*>(this)->*method)(info); });
  }

  std::shared_ptr<Native> native_;

 private:
  Napi::Env env_;
  int64_t reported_bytes_ = 0;
};

}  // namespace qat::addon
