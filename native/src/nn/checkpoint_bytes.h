// What a checkpoint's bytes are written and read with: little-endian values, texts and named arrays.
// Inside nn/ only; the format is in session_checkpoint.cc.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "qat/error.h"

namespace qat::checkpoint_bytes {

enum class ArrayType : uint8_t { kF32 = 0, kI32 = 1, kU8 = 2 };

constexpr float kAny = -3.402823466e38f;  // no lower bound

[[noreturn]] inline void refuse(const std::string& what) {
  throw Error("E-CHECKPOINT", "The checkpoint cannot be used: " + what + ".",
              "Use a checkpoint of this run, or start the training anew.");
}

class Writer {
 public:
  template <typename T>
  void value(T v) {
    append(&v, sizeof v);
  }
  void text(const std::string& s) {
    value(static_cast<uint32_t>(s.size()));
    append(s.data(), s.size());
  }
  void array(const std::string& name, ArrayType type, const void* data, size_t count) {
    text(name);
    value(static_cast<uint8_t>(type));
    value(static_cast<uint64_t>(count));
    append(data, count * (type == ArrayType::kU8 ? 1 : 4));
  }
  std::vector<uint8_t>& bytes() { return bytes_; }

 private:
  void append(const void* data, size_t size) {
    const auto* from = static_cast<const uint8_t*>(data);
    bytes_.insert(bytes_.end(), from, from + size);
  }
  std::vector<uint8_t> bytes_;
};

class Reader {
 public:
  Reader(const uint8_t* bytes, size_t size) : bytes_(bytes), size_(size) {}
  template <typename T>
  T value(const char* what) {
    T v;
    std::memcpy(&v, take(sizeof v, what), sizeof v);
    return v;
  }
  std::string text(const char* what) {
    const auto length = value<uint32_t>(what);
    const uint8_t* from = take(length, what);
    return std::string(reinterpret_cast<const char*>(from), length);
  }
  const uint8_t* take(size_t count, const std::string& what) {
    if (count > size_ - at_) {
      refuse("it ends at byte " + std::to_string(size_) + " inside " + what);
    }
    const uint8_t* from = bytes_ + at_;
    at_ += count;
    return from;
  }
  size_t at() const { return at_; }
  bool at_end() const { return at_ == size_; }

 private:
  const uint8_t* bytes_;
  size_t size_;
  size_t at_ = 0;
};

// Reads one array of exactly this name, type and count.
template <typename T>
std::vector<T> read_array(Reader& in, const std::string& name, ArrayType type, size_t count) {
  const std::string found = in.text("an array's name");
  if (found != name) refuse("array \"" + name + "\" was expected at byte " + std::to_string(in.at()));
  if (in.value<uint8_t>("an array's type") != static_cast<uint8_t>(type)) {
    refuse("array \"" + name + "\" has another type");
  }
  const auto stored = in.value<uint64_t>("an array's size");
  if (stored != count) {
    refuse("array \"" + name + "\" has " + std::to_string(stored) + " values, not " +
           std::to_string(count));
  }
  std::vector<T> values(count);
  const uint8_t* from = in.take(count * sizeof(T), "array \"" + name + "\"");
  if (count) std::memcpy(values.data(), from, count * sizeof(T));
  return values;
}

inline std::vector<float> read_floats(Reader& in, const std::string& name, size_t count, float least) {
  std::vector<float> values = read_array<float>(in, name, ArrayType::kF32, count);
  for (const float v : values) {
    if (!std::isfinite(v) || v < least) refuse("array \"" + name + "\" holds a value out of bounds");
  }
  return values;
}

}  // namespace qat::checkpoint_bytes
