#include "nn/buffer_plan.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>

namespace qat {

BufferPlan plan_buffers(const std::vector<BufferUse>& uses) {
  BufferPlan plan;
  plan.buffer_of.resize(uses.size());
  std::vector<int64_t> busy_until;  // per buffer
  std::vector<size_t> order(uses.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return uses[a].first < uses[b].first; });
  for (const size_t index : order) {
    const BufferUse& use = uses[index];
    size_t best = busy_until.size();
    for (size_t b = 0; b < busy_until.size(); ++b) {
      if (busy_until[b] >= use.first) continue;
      const auto waste = [&](size_t buffer) {
        return std::llabs(plan.buffer_sizes[buffer] - use.size);
      };
      if (best == busy_until.size() || waste(b) < waste(best)) best = b;
    }
    if (best == busy_until.size()) {
      busy_until.push_back(use.last);
      plan.buffer_sizes.push_back(use.size);
    }
    busy_until[best] = use.last;
    plan.buffer_sizes[best] = std::max(plan.buffer_sizes[best], use.size);
    plan.buffer_of[index] = best;
  }
  return plan;
}

}  // namespace qat
