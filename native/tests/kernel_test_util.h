// Shared by the kernel tests: buffers with sentinels around them, odd sizes, and the levels to
// test.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "qat/kernels.h"
#include "runtime/rng.h"
#include "test_harness.h"

namespace qat_test {

// n elements at an unaligned address; writes outside them are found by intact().
template <typename T>
class Guarded {
 public:
  explicit Guarded(int64_t n)
      : n_(n), bytes_(static_cast<size_t>(n) * sizeof(T) + 2 * kGuard, kMark) {}

  T* data() { return reinterpret_cast<T*>(bytes_.data() + kGuard); }
  const T* data() const { return reinterpret_cast<const T*>(bytes_.data() + kGuard); }
  T& operator[](int64_t i) { return data()[i]; }
  const T& operator[](int64_t i) const { return data()[i]; }
  int64_t size() const { return n_; }

  bool intact() const {
    for (size_t i = 0; i < kGuard; ++i) {
      if (bytes_[i] != kMark || bytes_[bytes_.size() - 1 - i] != kMark) return false;
    }
    return true;
  }
  bool same_bytes(const Guarded& other) const {
    return std::memcmp(data(), other.data(), static_cast<size_t>(n_) * sizeof(T)) == 0;
  }

 private:
  // A multiple of the element's size that is no multiple of a vector's.
  static constexpr size_t kGuard = 72;
  static constexpr uint8_t kMark = 0xa5;
  int64_t n_;
  std::vector<uint8_t> bytes_;
};

inline const std::vector<int64_t>& odd_sizes() {
  static const std::vector<int64_t> sizes = {1,  2,  3,  7,  8,  15, 16, 17, 31,
                                             32, 33, 63, 64, 65, 100, 127, 129, 1000};
  return sizes;
}

// Every level but ref that is built and runs here.
inline std::vector<const qat::Kernels*> fast_levels() {
  std::vector<const qat::Kernels*> levels;
  for (const char* isa : {"avx2", "avx512"}) {
    if (const qat::Kernels* table = qat::kernels_for(isa)) levels.push_back(table);
  }
  return levels;
}

inline const qat::Kernels& reference() { return *qat::kernels_for("ref"); }

template <typename Buffer>
void fill_normal(Buffer& buffer, int64_t n, uint64_t seed, double deviation = 1.0) {
  qat::Rng rng(seed);
  for (int64_t i = 0; i < n; ++i) {
    buffer[static_cast<decltype(buffer.size())>(i)] = static_cast<float>(deviation * rng.normal());
  }
}

// Values that break careless arithmetic: zeros of both signs, ties, subnormals, the largest floats.
inline std::vector<float> edge_values() {
  return {0.0f,   -0.0f,  0.5f,   -0.5f,     1.5f,      -1.5f,    2.5f,     -2.5f,
          1e-45f, -1e-45f, 1e-38f, 3.4e38f,  -3.4e38f,  127.5f,   -128.5f,  0.49999997f,
          1.0f,   -1.0f,  8388608.5f, -8388609.0f, 16777217.0f, 255.5f, -0.49999997f, 7.5f};
}

}  // namespace qat_test
