// From C++ exceptions to JavaScript errors that carry `code` and `remedy`, and back-ends to raise
// them.
#pragma once

#include <exception>
#include <string>

#include "addon/napi_setup.h"
#include "qat/error.h"

namespace qat::addon {

// What a JavaScript error of this addon consists of; plain data, so it can cross threads.
struct ErrorInfo {
  std::string code;
  std::string message;
  std::string remedy;
};

// Throws qat::Error E-NATIVE-ARGUMENT: the caller (our own TypeScript) passed something illegal.
[[noreturn]] void fail_argument(const std::string& message);

// Throws qat::Error E-OUT-OF-MEMORY for `bytes` bytes needed by `what`.
[[noreturn]] void fail_memory(const std::string& what, double bytes);

// Describes the exception being handled (call inside a catch block).
ErrorInfo describe_current_exception();

// A JavaScript Error with message, `code` and `remedy`.
Napi::Error make_js_error(Napi::Env env, const ErrorInfo& info);

// Runs `body` and turns every C++ exception into a JavaScript one. Napi::Error passes unchanged.
template <typename Body>
auto guarded(Napi::Env env, Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw make_js_error(env, describe_current_exception());
  }
}

// As `guarded`, for calls that answer with a promise: failures reject it, nothing is thrown.
template <typename Body>
Napi::Value promised(Napi::Env env, Body&& body) {
  ErrorInfo info;
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    info = describe_current_exception();
  }
  Napi::Promise::Deferred deferred = Napi::Promise::Deferred::New(env);
  deferred.Reject(make_js_error(env, info).Value());
  return deferred.Promise();
}

}  // namespace qat::addon
