#include "addon/args.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "addon/errors.h"
#include "addon/memory.h"
#include "quant/statistics.h"

namespace qat::addon {
namespace {

std::string format_number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  if (value == std::floor(value) && std::fabs(value) < 9e15) {
    return std::to_string(static_cast<long long>(value));
  }
  std::string digits = std::to_string(value);
  return digits;
}

[[noreturn]] void fail_expected(const std::string& what, const std::string& expected,
                                Napi::Value value) {
  fail_argument(what + " must be " + expected + ", not " + describe(value) + ".");
}

template <typename Array, typename T>
Span<T> typed_array(Napi::Value value, const std::string& what, napi_typedarray_type type,
                    const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
    fail_expected(what, std::string("a ") + name, value);
  }
  Array view = value.As<Array>();
  Span<T> span{view.Data(), view.ElementLength()};
  if (span.data == nullptr) span.size = 0;  // its buffer was transferred away
  return span;
}

template <typename T>
void require_length(const Span<T>& span, const std::string& what, int64_t length) {
  if (static_cast<int64_t>(span.size) != length) {
    fail_argument(what + " must hold " + std::to_string(length) + " values, not " +
                  std::to_string(span.size) + ".");
  }
}

}  // namespace

std::string describe(Napi::Value value) {
  switch (value.Type()) {
    case napi_undefined:
      return "undefined";
    case napi_null:
      return "null";
    case napi_boolean:
      return value.As<Napi::Boolean>().Value() ? "true" : "false";
    case napi_number:
      return format_number(value.As<Napi::Number>().DoubleValue());
    case napi_string:
      return "a string";
    case napi_function:
      return "a function";
    case napi_object:
      if (value.IsTypedArray()) return "another kind of typed array";
      return value.IsArray() ? "an array" : "an object";
    default:
      return "something else";
  }
}

double finite_number(Napi::Value value, const std::string& what) {
  if (!value.IsNumber()) fail_expected(what, "a finite number", value);
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!std::isfinite(number)) fail_expected(what, "a finite number", value);
  return number;
}

double number_in(Napi::Value value, const std::string& what, double low, double high) {
  const double number = finite_number(value, what);
  if (number < low || number > high) {
    fail_expected(what, "between " + format_number(low) + " and " + format_number(high), value);
  }
  return number;
}

int64_t integer_in(Napi::Value value, const std::string& what, int64_t low, int64_t high) {
  const std::string expected =
      "an integer from " + std::to_string(low) + " to " + std::to_string(high);
  if (!value.IsNumber()) fail_expected(what, expected, value);
  const double number = value.As<Napi::Number>().DoubleValue();
  // The comparison is false for NaN; the bounds used here are exact in double.
  if (!(number >= static_cast<double>(low) && number <= static_cast<double>(high)) ||
      number != std::floor(number)) {
    fail_expected(what, expected, value);
  }
  return static_cast<int64_t>(number);
}

bool boolean(Napi::Value value, const std::string& what) {
  if (!value.IsBoolean()) fail_expected(what, "true or false", value);
  return value.As<Napi::Boolean>().Value();
}

double optional_number(Napi::Object options, const char* name, double low, double high,
                       double otherwise) {
  const Napi::Value value = options.Get(name);
  if (value.IsUndefined()) return otherwise;
  return number_in(value, std::string("options.") + name, low, high);
}

int64_t optional_integer(Napi::Object options, const char* name, int64_t low, int64_t high,
                         int64_t otherwise) {
  const Napi::Value value = options.Get(name);
  if (value.IsUndefined()) return otherwise;
  return integer_in(value, std::string("options.") + name, low, high);
}

bool optional_flag(Napi::Object options, const char* name, bool otherwise) {
  const Napi::Value value = options.Get(name);
  return value.IsUndefined() ? otherwise : boolean(value, std::string("options.") + name);
}

std::string text(Napi::Value value, const std::string& what, size_t max_bytes) {
  if (!value.IsString()) fail_expected(what, "a string", value);
  std::string result = value.As<Napi::String>().Utf8Value();
  if (result.empty()) fail_argument(what + " must not be empty.");
  if (result.size() > max_bytes) {
    fail_argument(what + " must be at most " + std::to_string(max_bytes) + " bytes long.");
  }
  return result;
}

size_t choice(Napi::Value value, const std::string& what,
              const std::vector<const char*>& allowed) {
  std::string expected = "one of";
  for (const char* name : allowed) expected += std::string(" '") + name + "'";
  if (!value.IsString()) fail_expected(what, expected, value);
  const std::string given = value.As<Napi::String>().Utf8Value();
  const auto found = std::find(allowed.begin(), allowed.end(), given);
  if (found == allowed.end()) {
    fail_argument(what + " must be " + expected + ", not '" + given.substr(0, 40) + "'.");
  }
  return static_cast<size_t>(found - allowed.begin());
}

Napi::Object object(Napi::Value value, const std::string& what) {
  if (!value.IsObject() || value.IsArray() || value.IsTypedArray()) {
    fail_expected(what, "an object", value);
  }
  return value.As<Napi::Object>();
}

Napi::Array array(Napi::Value value, const std::string& what, size_t max_length) {
  if (!value.IsArray()) fail_expected(what, "an array", value);
  Napi::Array result = value.As<Napi::Array>();
  if (result.Length() > max_length) {
    fail_argument(what + " must have at most " + std::to_string(max_length) + " entries.");
  }
  return result;
}

bool is_absent(Napi::Value value) { return value.IsUndefined() || value.IsNull(); }

Span<float> floats(Napi::Value value, const std::string& what) {
  return typed_array<Napi::Float32Array, float>(value, what, napi_float32_array, "Float32Array");
}

Span<float> floats(Napi::Value value, const std::string& what, int64_t length) {
  const Span<float> span = floats(value, what);
  require_length(span, what, length);
  return span;
}

Span<uint8_t> bytes(Napi::Value value, const std::string& what) {
  return typed_array<Napi::Uint8Array, uint8_t>(value, what, napi_uint8_array, "Uint8Array");
}

Span<uint8_t> bytes(Napi::Value value, const std::string& what, int64_t length) {
  const Span<uint8_t> span = bytes(value, what);
  require_length(span, what, length);
  return span;
}

Span<int32_t> ints(Napi::Value value, const std::string& what) {
  return typed_array<Napi::Int32Array, int32_t>(value, what, napi_int32_array, "Int32Array");
}

Span<double> doubles(Napi::Value value, const std::string& what, int64_t length) {
  const Span<double> span = typed_array<Napi::Float64Array, double>(
      value, what, napi_float64_array, "Float64Array");
  require_length(span, what, length);
  return span;
}

void require_finite(Span<float> values, const std::string& what) {
  const int64_t bad = find_not_finite(values.data, static_cast<int64_t>(values.size));
  if (bad < 0) return;
  fail_argument(what + " must be finite; element " + std::to_string(bad) + " is " +
                format_number(values.data[bad]) + ".");
}

void require_finite(Span<double> values, const std::string& what) {
  for (size_t i = 0; i < values.size; ++i) {
    if (std::isfinite(values.data[i])) continue;
    fail_argument(what + " must be finite; element " + std::to_string(i) + " is " +
                  format_number(values.data[i]) + ".");
  }
}

void require_positive(Span<float> values, const std::string& what) {
  for (size_t i = 0; i < values.size; ++i) {
    if (!(values.data[i] > 0) || !std::isfinite(values.data[i])) {
      fail_argument(what + " must be positive and finite; element " + std::to_string(i) + " is " +
                    format_number(values.data[i]) + ".");
    }
  }
}

int64_t element_count(int64_t rows, int64_t cols, const std::string& what) {
  if (rows < 1 || cols < 1) fail_argument(what + " must have at least one row and column.");
  // Both factors are at most 2^30 where they come from `extent`, but check without relying on it.
  if (rows > kMaxElements / cols) {
    throw Error("E-OUT-OF-MEMORY",
                what + " of " + std::to_string(rows) + " x " + std::to_string(cols) +
                    " is larger than the " + std::to_string(kMaxElements) +
                    " elements this program works on.",
                "Work on a smaller layer.");
  }
  const int64_t count = rows * cols;
  require_memory(static_cast<double>(count) * sizeof(float), what);
  return count;
}

int64_t extent(Napi::Value value, const std::string& what) {
  return integer_in(value, what, 1, kMaxExtent);
}

Napi::Float32Array to_js(Napi::Env env, const float* data, size_t size) {
  Napi::Float32Array result = Napi::Float32Array::New(env, size);
  if (size > 0) std::memcpy(result.Data(), data, size * sizeof(float));
  return result;
}

Napi::Float32Array to_js(Napi::Env env, const std::vector<float>& values) {
  return to_js(env, values.data(), values.size());
}

Napi::Int32Array to_js(Napi::Env env, const std::vector<int32_t>& values) {
  Napi::Int32Array result = Napi::Int32Array::New(env, values.size());
  if (!values.empty()) std::memcpy(result.Data(), values.data(), values.size() * sizeof(int32_t));
  return result;
}

Napi::Uint8Array to_js(Napi::Env env, const std::vector<uint8_t>& values) {
  Napi::Uint8Array result = Napi::Uint8Array::New(env, values.size());
  if (!values.empty()) std::memcpy(result.Data(), values.data(), values.size());
  return result;
}

Napi::Float64Array to_js(Napi::Env env, const std::vector<double>& values) {
  Napi::Float64Array result = Napi::Float64Array::New(env, values.size());
  if (!values.empty()) std::memcpy(result.Data(), values.data(), values.size() * sizeof(double));
  return result;
}

Napi::Array numbers_to_js(Napi::Env env, const std::vector<double>& values) {
  Napi::Array result = Napi::Array::New(env, values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    result.Set(static_cast<uint32_t>(i), Napi::Number::New(env, values[i]));
  }
  return result;
}

Napi::Array counts_to_js(Napi::Env env, const std::vector<int64_t>& values) {
  Napi::Array result = Napi::Array::New(env, values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    result.Set(static_cast<uint32_t>(i), Napi::Number::New(env, static_cast<double>(values[i])));
  }
  return result;
}

Napi::Value finite_or_null(Napi::Env env, double value) {
  if (!std::isfinite(value)) return env.Null();
  return Napi::Number::New(env, value);
}

}  // namespace qat::addon
