// Buffers of a forward pass without a backward one. Inside nn/ only.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/network_node.h"
#include "runtime/aligned.h"

namespace qat {

struct Network::Workspace {
  AlignedVector<float> samples;
  std::vector<AlignedVector<float>> buffers;  // of the plan
  std::vector<uint8_t> labels;

  void reserve(const BufferPlan& plan, int64_t rows, int64_t inputs) {
    grow(samples, rows * inputs);
    buffers.resize(plan.buffer_sizes.size());
    for (size_t i = 0; i < buffers.size(); ++i) grow(buffers[i], rows * plan.buffer_sizes[i]);
    if (labels.size() < static_cast<size_t>(rows)) labels.resize(static_cast<size_t>(rows));
  }
  // What node `index` gave, from row `first` on (kData: the samples).
  float* value(const BufferPlan& plan, int64_t index, int64_t first, int64_t size) {
    float* start = index == Node::kData
                       ? samples.data()
                       : buffers[plan.buffer_of[static_cast<size_t>(index)]].data();
    return start + first * size;
  }
  int64_t native_bytes() const {
    size_t floats = samples.size();
    for (const auto& buffer : buffers) floats += buffer.size();
    return static_cast<int64_t>(floats * sizeof(float) + labels.size());
  }
};

}  // namespace qat
