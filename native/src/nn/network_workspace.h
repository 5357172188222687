// Buffers of an evaluation. Inside nn/ only.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/network.h"
#include "runtime/aligned.h"

namespace qat {

struct Network::Workspace {
  AlignedVector<float> a, b;  // inputs and outputs of the current node, in turns
  std::vector<uint8_t> labels;

  void reserve(int64_t rows, int64_t width) {
    const auto count = static_cast<size_t>(rows * width);
    if (a.size() < count) a.resize(count);
    if (b.size() < count) b.resize(count);
    if (labels.size() < static_cast<size_t>(rows)) labels.resize(static_cast<size_t>(rows));
  }
  int64_t native_bytes() const {
    return static_cast<int64_t>((a.size() + b.size()) * sizeof(float) + labels.size());
  }
};

}  // namespace qat
