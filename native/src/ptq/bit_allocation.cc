#include "ptq/bit_allocation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

#include "qat/error.h"

namespace qat {
namespace {

constexpr int64_t kMostCost = int64_t{1} << 53;  // exact in JavaScript and in double
constexpr size_t kMostLayers = size_t{1} << 16, kMostChoices = 255;

[[noreturn]] void fail(const std::string& message, const std::string& remedy) {
  throw Error("E-NATIVE-ARGUMENT", message, remedy);
}

void check(const AllocationTable& table, int64_t budget) {
  if (table.empty() || table.size() > kMostLayers) {
    fail("There are " + std::to_string(table.size()) + " layers to allocate bits to.",
         "Give one to 65536 layers.");
  }
  int64_t least = 0, most = 0;
  for (size_t i = 0; i < table.size(); ++i) {
    if (table[i].empty() || table[i].size() > kMostChoices) {
      fail("Layer " + std::to_string(i) + " has " + std::to_string(table[i].size()) + " choices.",
           "Give every layer one to 255 choices of bits.");
    }
    int64_t cheapest = kMostCost, dearest = 0;
    for (const BitChoice& choice : table[i]) {
      if (!std::isfinite(choice.sensitivity) || choice.cost < 0 ||
          choice.cost > kMostCost - most) {
        fail("A choice of layer " + std::to_string(i) + " has a sensitivity that is not finite, or "
             "a cost that is negative or makes the sum exceed 2^53.",
             "Give finite sensitivities, and costs in a coarser unit.");
      }
      cheapest = std::min(cheapest, choice.cost);
      dearest = std::max(dearest, choice.cost);
    }
    least += cheapest;
    most += dearest;
  }
  if (budget < least) {
    fail("The budget of " + std::to_string(budget) + " is below the least cost of all layers, " +
             std::to_string(least) + ".",
         "Raise the budget, or allow fewer bits.");
  }
}

// A rise from one point of a layer's lower convex hull to the next.
struct Rise {
  size_t layer = 0;
  int32_t choice = 0;  // the dearer one
  int64_t cost = 0;    // more of it, > 0
  double gain = 0;     // less sensitivity, > 0
  double rate() const { return gain / static_cast<double>(cost); }
};

// The cheapest choice of a layer (of equal ones the least sensitive), and its rises in order:
// falling rates.
struct Hull {
  int32_t cheapest = 0;
  std::vector<Rise> rises;
};

Hull hull_of(const std::vector<BitChoice>& choices, size_t layer) {
  std::vector<int32_t> order(choices.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    const BitChoice &x = choices[static_cast<size_t>(a)], &y = choices[static_cast<size_t>(b)];
    if (x.cost != y.cost) return x.cost < y.cost;
    return x.sensitivity != y.sensitivity ? x.sensitivity < y.sensitivity : a < b;
  });
  Hull hull;
  hull.cheapest = order[0];
  for (const int32_t to : order) {
    const BitChoice& target = choices[static_cast<size_t>(to)];
    for (;;) {
      const int32_t from = hull.rises.empty() ? hull.cheapest : hull.rises.back().choice;
      const BitChoice& start = choices[static_cast<size_t>(from)];
      if (target.sensitivity >= start.sensitivity) break;
      const Rise rise{layer, to, target.cost - start.cost, start.sensitivity - target.sensitivity};
      if (hull.rises.empty() || rise.rate() < hull.rises.back().rate()) {
        hull.rises.push_back(rise);
        break;
      }
      hull.rises.pop_back();  // it lies above the line to the new point
    }
  }
  return hull;
}

// The greedy answer, and what a unit of cost is worth where it stopped.
struct Greedy {
  std::vector<int32_t> choices;
  double price = 0;
};

Greedy climb(const AllocationTable& table, int64_t budget) {
  Greedy greedy;
  std::vector<Rise> rises;
  int64_t left = budget;
  for (size_t i = 0; i < table.size(); ++i) {
    const Hull hull = hull_of(table[i], i);
    greedy.choices.push_back(hull.cheapest);
    left -= table[i][static_cast<size_t>(hull.cheapest)].cost;
    rises.insert(rises.end(), hull.rises.begin(), hull.rises.end());
  }
  std::stable_sort(rises.begin(), rises.end(),
                   [](const Rise& a, const Rise& b) { return a.rate() > b.rate(); });
  std::vector<char> closed(table.size(), 0);  // a layer whose next rise did not fit stays
  for (const Rise& rise : rises) {
    if (closed[rise.layer]) continue;
    if (rise.cost > left) {
      closed[rise.layer] = 1;
      greedy.price = std::max(greedy.price, rise.rate());
      continue;
    }
    greedy.choices[rise.layer] = rise.choice;
    left -= rise.cost;
  }
  return greedy;
}

Allocation total_of(const AllocationTable& table, std::vector<int32_t> choices) {
  Allocation allocation;
  for (size_t i = 0; i < table.size(); ++i) {
    const BitChoice& choice = table[i][static_cast<size_t>(choices[i])];
    allocation.sensitivity += choice.sensitivity;
    allocation.cost += choice.cost;
  }
  allocation.choices = std::move(choices);
  return allocation;
}

// A partial allocation of the first layers.
struct State {
  double sensitivity = 0;
  int64_t cost = 0;
  uint32_t parent = 0;  // among those of the layers before
  int32_t choice = 0;
};

// What the layers from i on take at the least.
struct Rest {
  int64_t cost = 0;
  double value = 0;  // Σ min (sensitivity + price·cost)
};

std::vector<Rest> rests_of(const AllocationTable& table, double price) {
  std::vector<Rest> rests(table.size() + 1);
  for (size_t i = table.size(); i-- > 0;) {
    Rest least{std::numeric_limits<int64_t>::max(), std::numeric_limits<double>::infinity()};
    for (const BitChoice& choice : table[i]) {
      least.cost = std::min(least.cost, choice.cost);
      least.value = std::min(least.value,
                             choice.sensitivity + price * static_cast<double>(choice.cost));
    }
    rests[i] = {rests[i + 1].cost + least.cost, rests[i + 1].value + least.value};
  }
  return rests;
}

// Which partial allocations can still become the best one.
class Bound {
 public:
  Bound(const AllocationTable& table, int64_t budget) : budget_(budget) {
    Greedy greedy = climb(table, budget);
    price_ = greedy.price;
    rests_ = rests_of(table, price_);
    known_ = total_of(table, std::move(greedy.choices)).sensitivity;
    // Room for the rounding of sums in different orders.
    double size = std::fabs(known_) + price_ * static_cast<double>(budget);
    for (const auto& choices : table) {
      double most = 0;
      for (const BitChoice& choice : choices) most = std::max(most, std::fabs(choice.sensitivity));
      size += most;
    }
    known_ += 1e-12 * size;
  }

  // A state of all layers before `next`.
  bool allows(const State& state, size_t next) const {
    const Rest& rest = rests_[next];
    if (state.cost > budget_ - rest.cost) return false;
    const double left = static_cast<double>(budget_ - state.cost);
    return state.sensitivity + rest.value - price_ * left <= known_;
  }

 private:
  const int64_t budget_;
  double price_ = 0;  // of a unit of cost: the multiplier of the relaxation
  std::vector<Rest> rests_;
  double known_ = 0;
};

// Keeps, cheapest first, the states that are less sensitive than all cheaper ones.
void drop_dominated(std::vector<State>* states) {
  std::sort(states->begin(), states->end(), [](const State& a, const State& b) {
    if (a.cost != b.cost) return a.cost < b.cost;
    if (a.sensitivity != b.sensitivity) return a.sensitivity < b.sensitivity;
    return a.parent != b.parent ? a.parent < b.parent : a.choice < b.choice;
  });
  double least = std::numeric_limits<double>::infinity();
  size_t kept = 0;
  for (const State& state : *states) {
    if (state.sensitivity >= least) continue;
    least = state.sensitivity;
    (*states)[kept++] = state;
  }
  states->resize(kept);
}

}  // namespace

Allocation allocate_exactly(const AllocationTable& table, int64_t budget,
                            const CancelToken* cancel) {
  check(table, budget);
  const Bound bound(table, budget);
  std::vector<std::vector<State>> layers(table.size());
  const std::vector<State> start(1);
  int64_t states = 0;
  for (size_t i = 0; i < table.size(); ++i) {
    throw_if_cancelled(cancel);
    const std::vector<State>& before = i == 0 ? start : layers[i - 1];
    for (size_t p = 0; p < before.size(); ++p) {
      for (size_t k = 0; k < table[i].size(); ++k) {
        const BitChoice& choice = table[i][k];
        const State state{before[p].sensitivity + choice.sensitivity, before[p].cost + choice.cost,
                          static_cast<uint32_t>(p), static_cast<int32_t>(k)};
        if (bound.allows(state, i + 1)) layers[i].push_back(state);
      }
      if (states + static_cast<int64_t>(layers[i].size()) > kMostStates) {
        throw Error("E-OUT-OF-MEMORY", "Too many combinations to search for the exact allocation.",
                    "Give costs in a coarser unit, or allocate greedily.");
      }
    }
    drop_dominated(&layers[i]);
    layers[i].shrink_to_fit();
    states += static_cast<int64_t>(layers[i].size());
    report_progress(cancel, static_cast<double>(i + 1) / static_cast<double>(table.size()));
  }
  // The dearest state left is the least sensitive.
  std::vector<int32_t> choices(table.size());
  size_t at = layers.back().size() - 1;
  for (size_t i = table.size(); i-- > 0;) {
    choices[i] = layers[i][at].choice;
    at = layers[i][at].parent;
  }
  return total_of(table, std::move(choices));
}

Allocation allocate_greedily(const AllocationTable& table, int64_t budget) {
  check(table, budget);
  return total_of(table, climb(table, budget).choices);
}

}  // namespace qat
