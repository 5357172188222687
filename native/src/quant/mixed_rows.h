// A weight-only weight whose inputs have different widths, 8, 6, 5, 4, 3 or 2 bits: the layout of
// mixed-bit-row checkpoints (exllamav2's idea; bitorch-engine's MBWQ with plain float scales).
//
// Inputs are stored in groups of one width, widest first; every group begins on a packed row of
// 32-bit words, so channels · bits of a group is a multiple of 32. Per output the words are one bit
// stream, least significant bit first.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "quant/group_affine.h"

namespace qat {

struct MixedRowWeight {
  int64_t in = 0, out = 0;
  std::vector<int32_t> qweight;      // [packed rows, out]
  std::vector<int32_t> q_perm;       // [in]: stored row i is input q_perm[i]; all 0: as they are
  std::vector<int32_t> q_groups;     // [groups · 2]: bits, first packed row
  std::vector<float> scales, zeros;  // [groups, out]: w = q·s − z
  std::vector<float> channel_scale;  // [in], multiplied to the inputs; empty: none

  int64_t groups() const { return static_cast<int64_t>(q_groups.size() / 2); }
  int64_t packed_rows() const { return static_cast<int64_t>(qweight.size()) / out; }
};

// Which group and row an input is stored in.
struct MixedRowPlan {
  std::vector<int32_t> q_perm, q_groups;
  int64_t packed_rows = 0;
};

// For a width per group of `group_size` consecutive inputs (the last may be shorter): groups in the
// order of falling width, of equal width as they are. Throws E-QUANTIZER-INVALID for a width that
// does not exist, a group that does not fill whole words, or a wrong number of widths.
MixedRowPlan plan_mixed_rows(int64_t in, int64_t group_size, const std::vector<int32_t>& widths);

// Throws E-NATIVE-ARGUMENT, naming field, expected and got, unless groups have widths that exist,
// fall and follow each other, channels sum to `in`, q_perm is a permutation and numbers are finite.
void validate_mixed_row_weight(const MixedRowWeight& weight);

// q_perm written out where it is all zeros.
std::vector<int32_t> mixed_permutation(const std::vector<int32_t>& q_perm);
// Of valid groups, by input (not by stored row).
GroupLayout mixed_layout(int64_t in, int64_t out, const MixedRowPlan& plan);
std::vector<CodeRow> mixed_code_rows(const MixedRowPlan& plan);

// [in · 2] per stored row: its group, and how many rows of the group are left, itself included.
std::vector<int32_t> mixed_group_map(const MixedRowPlan& plan);
// Stored rows of 8 bits, of 8 and 6, … of 8 to 2 bits; then a mask with bit b − 1 for each width b.
std::array<int32_t, 7> mixed_row_boundaries(const MixedRowPlan& plan);

}  // namespace qat
