// Bit allocation against brute force over every combination.
#include <algorithm>
#include <cmath>
#include <limits>

#include "ptq/bit_allocation.h"
#include "ptq_test_util.h"

using namespace qat_test;  // NOLINT
using qat::Allocation;
using qat::AllocationTable;

namespace {

// The least sensitivity of all combinations within the budget; NaN where there is none.
double best_of_all(const AllocationTable& table, int64_t budget) {
  double best = std::numeric_limits<double>::quiet_NaN();
  std::vector<size_t> choices(table.size(), 0);
  for (;;) {
    double sensitivity = 0;
    int64_t cost = 0;
    for (size_t i = 0; i < table.size(); ++i) {
      sensitivity += table[i][choices[i]].sensitivity;
      cost += table[i][choices[i]].cost;
    }
    if (cost <= budget && !(sensitivity >= best)) best = sensitivity;
    size_t i = 0;
    while (i < table.size() && ++choices[i] == table[i].size()) choices[i++] = 0;
    if (i == table.size()) return best;
  }
}

void check_consistent(const AllocationTable& table, const Allocation& a, int64_t budget) {
  double sensitivity = 0;
  int64_t cost = 0;
  for (size_t i = 0; i < table.size(); ++i) {
    sensitivity += table[i][static_cast<size_t>(a.choices[i])].sensitivity;
    cost += table[i][static_cast<size_t>(a.choices[i])].cost;
  }
  CHECK_EQ(a.sensitivity, sensitivity);
  CHECK_EQ(a.cost, cost);
  CHECK(cost <= budget);
}

AllocationTable random_table(size_t layers, size_t choices, qat::Rng* rng, uint64_t most_cost) {
  AllocationTable table(layers);
  for (auto& list : table) {
    for (size_t k = 0; k < choices; ++k) {
      list.push_back({rng->uniform() * 10, static_cast<int64_t>(rng->below(most_cost))});
    }
  }
  return table;
}

int64_t least_cost(const AllocationTable& table) {
  int64_t total = 0;
  for (const auto& list : table) {
    int64_t least = std::numeric_limits<int64_t>::max();
    for (const qat::BitChoice& choice : list) least = std::min(least, choice.cost);
    total += least;
  }
  return total;
}

// Parameters of the convolutions and the classifier of a ResNet-18.
constexpr int64_t kResNet18[] = {9408,   36864,  36864,   36864,   36864,   73728,  147456,
                                 147456, 147456, 294912,  589824,  589824,  589824, 1179648,
                                 2359296, 2359296, 2359296, 131072, 512000};

}  // namespace

TEST(ptq_the_exact_allocation_is_the_best_of_all_combinations) {
  qat::Rng rng(1);
  for (int round = 0; round < 300; ++round) {
    const size_t layers = 1 + rng.below(6), choices = 1 + rng.below(4);
    // Few different costs give ties; many give long lists of partial allocations.
    const AllocationTable table = random_table(layers, choices, &rng, round % 2 ? 5 : 1000);
    const int64_t least = least_cost(table);
    const int64_t budget = least + static_cast<int64_t>(rng.below(round % 2 ? 10 : 3000));
    const Allocation exact = qat::allocate_exactly(table, budget);
    check_consistent(table, exact, budget);
    CHECK_NEAR(exact.sensitivity, best_of_all(table, budget), 1e-12);
    const Allocation greedy = qat::allocate_greedily(table, budget);
    check_consistent(table, greedy, budget);
    CHECK(greedy.sensitivity >= exact.sensitivity - 1e-12);
    CHECK_THROWS(qat::allocate_exactly(table, least - 1), "E-NATIVE-ARGUMENT");
    CHECK_THROWS(qat::allocate_greedily(table, least - 1), "E-NATIVE-ARGUMENT");
  }
}

TEST(ptq_nineteen_layers_at_four_or_eight_bits_get_the_best_of_all_combinations) {
  qat::Rng rng(2);
  for (int round = 0; round < 3; ++round) {
    AllocationTable table;
    int64_t at_four = 0;
    for (const int64_t parameters : kResNet18) {
      // Four bits disturb about 16² times as much as eight.
      const double disturbance = rng.uniform() * 1e-2;
      table.push_back({{disturbance, parameters / 2}, {disturbance / 256, parameters}});
      at_four += parameters / 2;
    }
    for (const double share : {0.0, 0.25, 0.5, 0.9, 1.0}) {
      const int64_t budget = at_four + static_cast<int64_t>(share * static_cast<double>(at_four));
      const Allocation exact = qat::allocate_exactly(table, budget);
      check_consistent(table, exact, budget);
      CHECK_NEAR(exact.sensitivity, best_of_all(table, budget), 1e-13);
    }
  }
}

TEST(ptq_greedy_is_optimal_at_the_points_of_the_hull) {
  qat::Rng rng(3);
  int points = 0;
  for (int round = 0; round < 50; ++round) {
    AllocationTable table;
    for (int i = 0; i < 5; ++i) {  // convex: every bit more leaves a quarter
      const double first = 1 + 9 * rng.uniform();
      const auto size = static_cast<int64_t>(1 + rng.below(50));
      table.push_back({});
      for (int bits = 2; bits <= 5; ++bits) {
        table.back().push_back({first * std::pow(4.0, 2 - bits), size * bits});
      }
    }
    const int64_t least = least_cost(table);
    for (int64_t more = 0; more < 200; more += 13) {
      const Allocation greedy = qat::allocate_greedily(table, least + more);
      // On the hull unless a better rise than one taken did not fit.
      double best_open = 0, worst_taken = std::numeric_limits<double>::infinity();
      for (size_t i = 0; i < table.size(); ++i) {
        const auto rate = [&](size_t to) {
          return (table[i][to - 1].sensitivity - table[i][to].sensitivity) /
                 static_cast<double>(table[i][to].cost - table[i][to - 1].cost);
        };
        const auto taken = static_cast<size_t>(greedy.choices[i]);
        if (taken > 0) worst_taken = std::min(worst_taken, rate(taken));
        if (taken + 1 < table[i].size()) best_open = std::max(best_open, rate(taken + 1));
      }
      if (best_open > worst_taken) continue;
      ++points;
      CHECK_NEAR(greedy.sensitivity, best_of_all(table, greedy.cost), 1e-12);
    }
  }
  CHECK_IN(points > 200, "points " << points);
}

TEST(ptq_the_exact_allocation_masters_many_layers_with_fine_costs) {
  // 200 layers of 8 choices, costs in single bytes: without the bound far too many combinations.
  qat::Rng rng(4);
  AllocationTable table;
  int64_t least = 0, most = 0;
  for (int i = 0; i < 200; ++i) {
    const auto size = static_cast<int64_t>(1000 + rng.below(1000000));
    const double first = rng.uniform() * static_cast<double>(size);
    table.push_back({});
    for (int bits = 1; bits <= 8; ++bits) {
      table.back().push_back({first * std::pow(4.0, -bits) * (0.8 + 0.4 * rng.uniform()),
                              size * bits / 8});
    }
    least += size / 8;
    most += size;
  }
  const int64_t budget = (least + most) / 2;
  qat::CancelToken cancel;
  const Allocation exact = qat::allocate_exactly(table, budget, &cancel);
  check_consistent(table, exact, budget);
  CHECK_EQ(cancel.progress(), 1.0);
  const Allocation greedy = qat::allocate_greedily(table, budget);
  CHECK(exact.sensitivity <= greedy.sensitivity);
  CHECK(exact.sensitivity > 0.99 * greedy.sensitivity);  // which the relaxation makes nearly exact
  cancel.cancel();
  CHECK_THROWS(qat::allocate_exactly(table, budget, &cancel), "E-CANCELLED");
}

TEST(ptq_tables_that_make_no_sense_are_refused) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const AllocationTable wrong[] = {
      {}, {{}}, {{{nan, 1}}}, {{{1, -1}}}, {{{1, (int64_t{1} << 53) + 1}}},
      {{{1, int64_t{1} << 53}}, {{1, 1}}},
  };
  for (const AllocationTable& table : wrong) {
    CHECK_THROWS(qat::allocate_exactly(table, 10), "E-NATIVE-ARGUMENT");
    CHECK_THROWS(qat::allocate_greedily(table, 10), "E-NATIVE-ARGUMENT");
  }
  // A choice that is dearer and worse is never taken.
  const Allocation one = qat::allocate_exactly({{{2, 5}, {3, 7}, {2, 4}}}, 100);
  CHECK_EQ(one.choices[0], 2);
}
