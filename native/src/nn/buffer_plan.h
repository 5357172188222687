// Few buffers for many values: a buffer serves again once nobody needs what it holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace qat {

struct BufferUse {
  int64_t size = 0;
  int64_t first = 0, last = 0;  // steps at which the value is written first and used last, inclusive
};

struct BufferPlan {
  std::vector<size_t> buffer_of;      // per use
  std::vector<int64_t> buffer_sizes;  // per buffer
};

// Two uses share a buffer only when one ends before the other begins.
BufferPlan plan_buffers(const std::vector<BufferUse>& uses);

}  // namespace qat
