// Which bits each layer gets: the least total sensitivity within a budget, from a table of what
// each choice costs and how much it disturbs the network (as HAWQ-V3 does, Yao et al. 2021,
// arXiv:2011.10680; the measure of sensitivity is the caller's).
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/cancel.h"

namespace qat {

struct BitChoice {
  double sensitivity = 0;  // finite; the sum over layers is minimised
  int64_t cost = 0;        // >= 0, in the budget's unit (bytes, bit operations, …)
};

// One list of choices per layer.
using AllocationTable = std::vector<std::vector<BitChoice>>;

struct Allocation {
  std::vector<int32_t> choices;  // by layer, index into its list
  double sensitivity = 0;        // summed in the order of the layers
  int64_t cost = 0;
};

// The optimum, by dynamic programming over the layers: of all partial allocations those are kept
// that no other one beats in both cost and sensitivity, at most budget + 1 of them, and that the
// bound of the Lagrangian relaxation does not rule out. Of equal sums the cheaper one.
// Throws Error("E-NATIVE-ARGUMENT") for tables or budgets that make no sense, naming the least
// possible cost where the budget is below it, and Error("E-OUT-OF-MEMORY") above kMostStates.
Allocation allocate_exactly(const AllocationTable& table, int64_t budget,
                            const CancelToken* cancel = nullptr);
constexpr int64_t kMostStates = int64_t{1} << 24;  // 24 bytes each

// From the cheapest choices up along each layer's lower convex hull, always the rise that gains
// most per cost; a layer whose next rise does not fit stays where it is. Optimal for the cost it
// reaches when every rise fitted until it stopped.
// Throws Error("E-NATIVE-ARGUMENT") as above.
Allocation allocate_greedily(const AllocationTable& table, int64_t budget);

}  // namespace qat
