#include "quant/mixed_rows.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "qat/error.h"
#include "quant/checkpoint_checks.h"

namespace qat {
namespace {

constexpr int kWidths[] = {8, 6, 5, 4, 3, 2};
constexpr int64_t kMaxExtent = INT64_C(1) << 30;

bool is_width(int32_t bits) {
  return std::find(std::begin(kWidths), std::end(kWidths), bits) != std::end(kWidths);
}

[[noreturn]] void fail_widths(const std::string& message) {
  throw Error("E-QUANTIZER-INVALID", message,
              "Use widths 8, 6, 5, 4, 3 or 2, and groups whose inputs · bits fill 32-bit words.");
}

// Inputs of group g, from the packed rows up to the next group.
int64_t group_inputs(const MixedRowPlan& plan, int64_t g) {
  const auto at = static_cast<size_t>(2 * g);
  const int64_t end =
      at + 3 < plan.q_groups.size() ? plan.q_groups[at + 3] : plan.packed_rows;
  return (end - plan.q_groups[at + 1]) * 32 / plan.q_groups[at];
}

void validate_groups(const MixedRowWeight& weight) {
  if (weight.q_groups.empty() || weight.q_groups.size() % 2) {
    fail_checkpoint("qGroups must hold a width and a first packed row per group; it holds " +
                    std::to_string(weight.q_groups.size()) + " values.");
  }
  const int64_t rows = weight.packed_rows();
  int64_t inputs = 0;
  for (size_t g = 0; g < weight.q_groups.size(); g += 2) {
    const std::string name = "qGroups, group " + std::to_string(g / 2) + ": ";
    const int32_t bits = weight.q_groups[g], first = weight.q_groups[g + 1];
    if (!is_width(bits)) {
      fail_checkpoint(name + "there is no width of " + std::to_string(bits) + " bits.");
    }
    if (g > 0 && bits > weight.q_groups[g - 2]) fail_checkpoint(name + "widths must not rise.");
    if (g == 0 && first != 0) fail_checkpoint(name + "the first packed row must be 0.");
    const int64_t end = g + 3 < weight.q_groups.size() ? weight.q_groups[g + 3] : rows;
    if (first < 0 || end <= first || end > rows) {
      fail_checkpoint(name + "packed rows " + std::to_string(first) + " to " + std::to_string(end) +
                      " of " + std::to_string(rows) + " are no group.");
    }
    if ((end - first) * 32 % bits) {
      fail_checkpoint(name + std::to_string(end - first) + " words do not hold whole codes of " +
                      std::to_string(bits) + " bits.");
    }
    inputs += (end - first) * 32 / bits;
  }
  if (inputs != weight.in) {
    fail_checkpoint("qGroups describe " + std::to_string(inputs) + " inputs; the weight has " +
                    std::to_string(weight.in) + ".");
  }
}

void validate_permutation(const MixedRowWeight& weight) {
  require_size("qPerm", weight.q_perm.size(), weight.in);
  std::vector<bool> seen(weight.q_perm.size());
  for (const int32_t input : mixed_permutation(weight.q_perm)) {
    if (input < 0 || input >= weight.in || seen[static_cast<size_t>(input)]) {
      fail_checkpoint("qPerm must hold each input from 0 to " + std::to_string(weight.in - 1) +
                      " once; " + std::to_string(input) + " is outside or twice.");
    }
    seen[static_cast<size_t>(input)] = true;
  }
}

}  // namespace

MixedRowPlan plan_mixed_rows(int64_t in, int64_t group_size, const std::vector<int32_t>& widths) {
  if (group_size < 1 || static_cast<int64_t>(widths.size()) != (in + group_size - 1) / group_size) {
    fail_widths(std::to_string(in) + " inputs in groups of " + std::to_string(group_size) +
                " do not have " + std::to_string(widths.size()) + " groups.");
  }
  std::vector<int64_t> order(widths.size());
  std::iota(order.begin(), order.end(), INT64_C(0));
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return widths[static_cast<size_t>(a)] > widths[static_cast<size_t>(b)];
  });
  MixedRowPlan plan;
  plan.q_perm.reserve(static_cast<size_t>(in));
  for (const int64_t group : order) {
    const int32_t bits = widths[static_cast<size_t>(group)];
    const int64_t first = group * group_size, end = std::min(in, first + group_size);
    if (!is_width(bits) || (end - first) * bits % 32) {
      fail_widths("Group " + std::to_string(group) + " of " + std::to_string(end - first) +
                  " inputs cannot have " + std::to_string(bits) + " bits.");
    }
    plan.q_groups.push_back(bits);
    plan.q_groups.push_back(static_cast<int32_t>(plan.packed_rows));
    plan.packed_rows += (end - first) * bits / 32;
    for (int64_t k = first; k < end; ++k) plan.q_perm.push_back(static_cast<int32_t>(k));
  }
  return plan;
}

std::vector<int32_t> mixed_permutation(const std::vector<int32_t>& q_perm) {
  std::vector<int32_t> permutation = q_perm;
  if (std::all_of(q_perm.begin(), q_perm.end(), [](int32_t input) { return input == 0; })) {
    std::iota(permutation.begin(), permutation.end(), 0);
  }
  return permutation;
}

void validate_mixed_row_weight(const MixedRowWeight& weight) {
  if (weight.in < 1 || weight.out < 1 || weight.in > kMaxExtent || weight.out > kMaxExtent) {
    fail_checkpoint("in and out must be from 1 to " + std::to_string(kMaxExtent) + ", not " +
                    std::to_string(weight.in) + " and " + std::to_string(weight.out) + ".");
  }
  if (weight.qweight.empty() || weight.qweight.size() % static_cast<size_t>(weight.out)) {
    fail_checkpoint("qweight must hold rows of " + std::to_string(weight.out) +
                    " words; it holds " + std::to_string(weight.qweight.size()) + ".");
  }
  validate_groups(weight);
  validate_permutation(weight);
  if (!weight.channel_scale.empty()) {
    require_size("channelScale", weight.channel_scale.size(), weight.in);
  }
  require_finite("channelScale", weight.channel_scale);
  const MixedRowPlan plan{weight.q_perm, weight.q_groups, weight.packed_rows()};
  validate_group_scales(mixed_layout(weight.in, weight.out, plan), {weight.scales, weight.zeros});
}

GroupLayout mixed_layout(int64_t in, int64_t out, const MixedRowPlan& plan) {
  GroupLayout layout;
  layout.in = in;
  layout.out = out;
  layout.group_of.resize(static_cast<size_t>(in));
  const std::vector<int32_t> permutation = mixed_permutation(plan.q_perm);
  size_t stored = 0;
  for (int64_t g = 0; 2 * g < static_cast<int64_t>(plan.q_groups.size()); ++g) {
    layout.bits.push_back(plan.q_groups[static_cast<size_t>(2 * g)]);
    for (int64_t i = group_inputs(plan, g); i > 0; --i) {
      layout.group_of[static_cast<size_t>(permutation[stored++])] = static_cast<int32_t>(g);
    }
  }
  return layout;
}

std::vector<CodeRow> mixed_code_rows(const MixedRowPlan& plan) {
  std::vector<CodeRow> rows(plan.q_perm.size());
  const std::vector<int32_t> permutation = mixed_permutation(plan.q_perm);
  size_t stored = 0;
  for (int64_t g = 0; 2 * g < static_cast<int64_t>(plan.q_groups.size()); ++g) {
    const int bits = plan.q_groups[static_cast<size_t>(2 * g)];
    const int64_t first = int64_t{plan.q_groups[static_cast<size_t>(2 * g + 1)]} * 32;
    for (int64_t i = 0; i < group_inputs(plan, g); ++i) {
      rows[static_cast<size_t>(permutation[stored++])] = {first + i * bits, bits};
    }
  }
  return rows;
}

std::vector<int32_t> mixed_group_map(const MixedRowPlan& plan) {
  std::vector<int32_t> map;
  map.reserve(2 * plan.q_perm.size());
  for (int64_t g = 0; 2 * g < static_cast<int64_t>(plan.q_groups.size()); ++g) {
    for (int64_t left = group_inputs(plan, g); left > 0; --left) {
      map.push_back(static_cast<int32_t>(g));
      map.push_back(static_cast<int32_t>(left));
    }
  }
  return map;
}

std::array<int32_t, 7> mixed_row_boundaries(const MixedRowPlan& plan) {
  std::array<int32_t, 7> boundaries{};
  for (size_t w = 0; w < 6; ++w) {
    int64_t inputs = w > 0 ? boundaries[w - 1] : 0;
    for (int64_t g = 0; 2 * g < static_cast<int64_t>(plan.q_groups.size()); ++g) {
      if (plan.q_groups[static_cast<size_t>(2 * g)] != kWidths[w]) continue;
      inputs += group_inputs(plan, g);
      boundaries[6] |= 1 << (kWidths[w] - 1);
    }
    boundaries[w] = static_cast<int32_t>(inputs);
  }
  return boundaries;
}

}  // namespace qat
