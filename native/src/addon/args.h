// Readers of JavaScript arguments: type, range and length are checked before anything is computed.
// Every failure is qat::Error E-NATIVE-ARGUMENT in the form "<what> must be …, not …".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "addon/napi_setup.h"

namespace qat::addon {

// Elements one matrix may have: 2^30 (4 GiB of float32), the embedding of the largest models we
// open.
inline constexpr int64_t kMaxElements = int64_t{1} << 30;
// Rows, columns, channels.
inline constexpr int64_t kMaxExtent = int64_t{1} << 30;

// A view of a typed array's memory; valid only while JavaScript does not run.
template <typename T>
struct Span {
  const T* data = nullptr;
  size_t size = 0;

  std::vector<T> copy() const { return std::vector<T>(data, data + size); }
};

// What a value is, for messages: "a string", "undefined", "3.5".
std::string describe(Napi::Value value);

double finite_number(Napi::Value value, const std::string& what);
double number_in(Napi::Value value, const std::string& what, double low, double high);
int64_t integer_in(Napi::Value value, const std::string& what, int64_t low, int64_t high);
bool boolean(Napi::Value value, const std::string& what);
// Fields of an argument called "options"; undefined gives `otherwise`.
double optional_number(Napi::Object options, const char* name, double low, double high,
                       double otherwise);
int64_t optional_integer(Napi::Object options, const char* name, int64_t low, int64_t high,
                         int64_t otherwise);
bool optional_flag(Napi::Object options, const char* name, bool otherwise);
std::string text(Napi::Value value, const std::string& what, size_t max_bytes);
// One of `allowed`; returns its index.
size_t choice(Napi::Value value, const std::string& what,
              const std::vector<const char*>& allowed);
Napi::Object object(Napi::Value value, const std::string& what);
Napi::Array array(Napi::Value value, const std::string& what, size_t max_length);
bool is_absent(Napi::Value value);  // undefined or null

Span<float> floats(Napi::Value value, const std::string& what);
Span<float> floats(Napi::Value value, const std::string& what, int64_t length);
Span<uint8_t> bytes(Napi::Value value, const std::string& what);
Span<uint8_t> bytes(Napi::Value value, const std::string& what, int64_t length);
Span<int32_t> ints(Napi::Value value, const std::string& what);
Span<double> doubles(Napi::Value value, const std::string& what, int64_t length);

// Throws unless every value is finite, naming the first index that is not.
void require_finite(Span<float> values, const std::string& what);
void require_finite(Span<double> values, const std::string& what);
void require_positive(Span<float> values, const std::string& what);

// rows * cols, both at least 1, refused above kMaxElements or the memory of this machine.
int64_t element_count(int64_t rows, int64_t cols, const std::string& what);
int64_t extent(Napi::Value value, const std::string& what);  // 1 … kMaxExtent

Napi::Float32Array to_js(Napi::Env env, const float* data, size_t size);
Napi::Float32Array to_js(Napi::Env env, const std::vector<float>& values);
Napi::Int32Array to_js(Napi::Env env, const std::vector<int32_t>& values);
Napi::Uint8Array to_js(Napi::Env env, const std::vector<uint8_t>& values);
Napi::Float64Array to_js(Napi::Env env, const std::vector<double>& values);
Napi::Array numbers_to_js(Napi::Env env, const std::vector<double>& values);
Napi::Array counts_to_js(Napi::Env env, const std::vector<int64_t>& values);
// null where not finite: "exact" for an SQNR.
Napi::Value finite_or_null(Napi::Env env, double value);

}  // namespace qat::addon
