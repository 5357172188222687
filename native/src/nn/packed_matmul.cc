#include "nn/packed_matmul.h"

#include <algorithm>
#include <vector>

#include "qat/kernels.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

// Samples that share one pass over the packed weight.
constexpr int64_t kTileRows = 16;
// Columns whose integer dot product cannot leave int32: 255 · 255 · 16384 < 2^31.
constexpr int64_t kExactCols = 16384;

// What every tile needs to know about the weight.
struct Plan {
  const QuantizedWeight& weight;
  ScaleLayout layout;
  CodeRange range;
  bool binary;
  double offset;       // of the grid's levels, in steps
  int64_t row_bytes;
  int64_t groups;      // scales per row, at least 1
  int64_t piece_cols;  // columns per integer dot product: divides group_cols, or is all of them
  int64_t pieces;      // per row

  explicit Plan(const QuantizedWeight& w)
      : weight(w),
        layout(scale_layout(w.config, w.rows, w.cols)),
        range(code_range(w.config.grid, w.config.bits)),
        binary(w.config.grid == Grid::kBinary),
        offset(static_cast<double>(grid_offset(w.config.grid))),
        row_bytes(packed_row_bytes(w.cols, w.config.bits)),
        groups(layout.groups_per_row()),
        piece_cols(piece_size(layout.group_cols, groups)),
        pieces(chunk_count(w.cols, piece_cols)) {}

  static int64_t piece_size(int64_t group_cols, int64_t groups) {
    if (group_cols <= kExactCols) return group_cols;
    if (groups == 1) return kExactCols;
    int64_t piece = kExactCols;
    while (group_cols % piece) --piece;
    return piece;
  }
  int64_t group_of_piece(int64_t piece) const { return piece * piece_cols / layout.group_cols; }
  int64_t scale_index(int64_t row, int64_t group) const { return row * layout.row_stride + group; }
  float scale(int64_t row, int64_t group) const {
    return weight.scales.scales[static_cast<size_t>(scale_index(row, group))];
  }
  int32_t zero_point(int64_t row, int64_t group) const {
    const auto& zero_points = weight.scales.zero_points;
    return zero_points.empty() ? 0 : zero_points[static_cast<size_t>(scale_index(row, group))];
  }
  const uint8_t* row_codes(int64_t row) const { return weight.packed.data() + row * row_bytes; }
  int64_t group_begin(int64_t group) const { return group * layout.group_cols; }
  int64_t group_end(int64_t group) const {
    return std::min(weight.cols, (group + 1) * layout.group_cols);
  }
  bool groups_on_bytes() const {
    return groups == 1 || layout.group_cols * weight.config.bits % 8 == 0;
  }
};

struct Output {
  const float* bias;
  float* y;  // [batch, rows]
  int64_t rows;
  void store(int64_t sample, int64_t row, double value) const {
    y[sample * rows + row] = static_cast<float>(bias ? value + bias[row] : value);
  }
};

// --- integer activations -------------------------------------------------------------------------

struct IntegerTile {
  std::vector<uint8_t> scratch;
  std::vector<int16_t> codes;     // [tile, cols], centred
  std::vector<int64_t> code_sum;  // [tile, pieces]
  std::vector<int32_t> dots;      // [pieces]
};

void load_tile(const Plan& plan, const ActivationQuantizer& activation, const float* x,
               int64_t count, IntegerTile& tile) {
  const int64_t cols = plan.weight.cols;
  tile.scratch.resize(static_cast<size_t>(cols));
  tile.codes.resize(static_cast<size_t>(count * cols));
  tile.code_sum.assign(static_cast<size_t>(count * plan.pieces), 0);
  tile.dots.resize(static_cast<size_t>(plan.pieces));
  for (int64_t i = 0; i < count; ++i) {
    int16_t* codes = tile.codes.data() + i * cols;
    activation.centred_codes(x + i * cols, tile.scratch.data(), codes, cols);
    for (int64_t p = 0; p < plan.pieces; ++p) {
      const int64_t end = std::min(cols, (p + 1) * plan.piece_cols);
      int64_t sum = 0;
      for (int64_t c = p * plan.piece_cols; c < end; ++c) sum += codes[c];
      tile.code_sum[static_cast<size_t>(i * plan.pieces + p)] = sum;
    }
  }
}

// Σ over scales of scale·Σ a·(w − zero point), from dots = Σ a·(stored code).
double combine(const Plan& plan, int64_t row, const int32_t* dots, const int64_t* code_sum) {
  double total = 0;
  for (int64_t p = 0; p < plan.pieces; ++p) {
    const int64_t group = plan.group_of_piece(p);
    const int64_t dot =
        plan.binary ? INT64_C(2) * dots[p] - code_sum[p]
                    : dots[p] + (plan.range.qmin - plan.zero_point(row, group)) * code_sum[p];
    const double sum = static_cast<double>(dot) + plan.offset * static_cast<double>(code_sum[p]);
    total += static_cast<double>(plan.scale(row, group)) * sum;
  }
  return total;
}

void integer_tile(const Plan& plan, const ActivationQuantizer& activation, const float* x,
                  int64_t begin, int64_t end, const Output& out) {
  thread_local IntegerTile tile;
  const int64_t cols = plan.weight.cols;
  load_tile(plan, activation, x + begin * cols, end - begin, tile);
  const Kernels& k = kernels();
  for (int64_t row = 0; row < plan.weight.rows; ++row) {
    for (int64_t i = 0; i < end - begin; ++i) {
      k.dot_packed_row(tile.codes.data() + i * cols, plan.row_codes(row), cols,
                       plan.weight.config.bits, 0, plan.piece_cols, tile.dots.data());
      const double sum =
          combine(plan, row, tile.dots.data(), tile.code_sum.data() + i * plan.pieces);
      out.store(begin + i, row, sum * activation.scale());
    }
  }
}

// --- 1-bit weights and activations ---------------------------------------------------------------

// Bits of a row, group by group on byte boundaries.
int64_t ones(const uint8_t* bits, int64_t count) {
  int64_t sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += bits[i / 8] >> (i % 8) & 1;
  return sum;
}

void xnor_tile(const Plan& plan, const ActivationQuantizer& activation, const float* x,
               int64_t begin, int64_t end, const Output& out, const std::vector<int64_t>& row_ones) {
  thread_local std::vector<uint8_t> codes, packed;
  const int64_t cols = plan.weight.cols;
  const Kernels& k = kernels();
  codes.resize(static_cast<size_t>(cols));
  packed.resize(static_cast<size_t>((end - begin) * plan.row_bytes));
  for (int64_t i = 0; i < end - begin; ++i) {
    activation.stored_codes(x + (begin + i) * cols, codes.data(), cols);
    k.pack_row(codes.data(), packed.data() + i * plan.row_bytes, cols, 1);
  }
  for (int64_t row = 0; row < plan.weight.rows; ++row) {
    for (int64_t i = 0; i < end - begin; ++i) {
      double sum = 0;
      for (int64_t g = 0; g < plan.groups; ++g) {
        const int64_t at = plan.group_begin(g) / 8;
        const int64_t count = plan.group_end(g) - plan.group_begin(g);
        const int64_t equal =
            k.xnor_popcount(packed.data() + i * plan.row_bytes + at, plan.row_codes(row) + at, count);
        // ±1·±1: equal − different. {0,1}·±1: Σ_{a=1} w = ones(w) − different.
        const int64_t dot =
            activation.is_sign()
                ? 2 * equal - count
                : row_ones[static_cast<size_t>(row * plan.groups + g)] - (count - equal);
        sum += static_cast<double>(plan.scale(row, g)) * static_cast<double>(dot);
      }
      out.store(begin + i, row, sum * activation.scale());
    }
  }
}

std::vector<int64_t> count_row_ones(const Plan& plan) {
  std::vector<int64_t> counts(static_cast<size_t>(plan.weight.rows * plan.groups));
  for (int64_t row = 0; row < plan.weight.rows; ++row) {
    for (int64_t g = 0; g < plan.groups; ++g) {
      counts[static_cast<size_t>(row * plan.groups + g)] =
          ones(plan.row_codes(row) + plan.group_begin(g) / 8, plan.group_end(g) - plan.group_begin(g));
    }
  }
  return counts;
}

// --- float activations ---------------------------------------------------------------------------

// Σ a·(w − zero point) of one scale, by a kernel call of its own: w_offset takes the zero point.
double float_group(const Plan& plan, const float* a, int64_t row, int64_t group, double a_sum) {
  const int bits = plan.weight.config.bits;
  const int64_t begin = plan.group_begin(group);
  const int64_t count = plan.group_end(group) - begin;
  const int32_t offset = plan.binary ? 0 : plan.range.qmin - plan.zero_point(row, group);
  float dot = 0;
  kernels().dot_packed_row_f32(a + begin, plan.row_codes(row) + begin * bits / 8, count, bits,
                               offset, count, &dot);
  return plan.binary ? 2.0 * dot - a_sum : dot + plan.offset * a_sum;
}

void float_tile(const Plan& plan, const float* x, int64_t begin, int64_t end, const Output& out) {
  thread_local std::vector<double> a_sums;
  thread_local std::vector<float> dots;
  const int64_t cols = plan.weight.cols;
  const bool on_bytes = plan.groups_on_bytes();
  const bool one_call = plan.groups > 1 && plan.weight.scales.zero_points.empty();
  a_sums.assign(static_cast<size_t>((end - begin) * plan.groups), 0.0);
  dots.resize(static_cast<size_t>(plan.groups));
  for (int64_t i = 0; i < end - begin; ++i) {
    const float* a = x + (begin + i) * cols;
    for (int64_t c = 0; c < cols; ++c) {
      a_sums[static_cast<size_t>(i * plan.groups + (plan.groups > 1 ? c / plan.layout.group_cols : 0))] +=
          a[c];
    }
  }
  for (int64_t row = 0; row < plan.weight.rows; ++row) {
    for (int64_t i = 0; i < end - begin; ++i) {
      const float* a = x + (begin + i) * cols;
      const double* a_sum = a_sums.data() + i * plan.groups;
      const bool by_kernel = one_call || !on_bytes;
      if (by_kernel) {
        const int32_t offset = plan.binary ? 0 : plan.range.qmin;
        kernels().dot_packed_row_f32(a, plan.row_codes(row), cols, plan.weight.config.bits, offset,
                                     plan.layout.group_cols, dots.data());
      }
      double sum = 0;
      for (int64_t g = 0; g < plan.groups; ++g) {
        double dot = 0;
        if (!by_kernel) {
          dot = float_group(plan, a, row, g, a_sum[g]);
        } else if (plan.binary) {
          dot = 2.0 * dots[static_cast<size_t>(g)] - a_sum[g];
        } else {
          dot = dots[static_cast<size_t>(g)] + (plan.offset - plan.zero_point(row, g)) * a_sum[g];
        }
        sum += static_cast<double>(plan.scale(row, g)) * dot;
      }
      out.store(begin + i, row, sum);
    }
  }
}

}  // namespace

void packed_matmul(const float* x, int64_t batch, const QuantizedWeight& weight,
                   const ActivationQuantizer& activation, const float* bias, float* y) {
  const Plan plan(weight);
  const Output out{bias, y, weight.rows};
  const bool xnor = plan.binary && activation.options().bits == 1 && plan.groups_on_bytes();
  const std::vector<int64_t> row_ones = xnor ? count_row_ones(plan) : std::vector<int64_t>();
  parallel_chunks(batch, kTileRows, [&](int64_t, int64_t begin, int64_t end) {
    if (activation.is_float()) {
      float_tile(plan, x, begin, end, out);
    } else if (xnor) {
      xnor_tile(plan, activation, x, begin, end, out, row_ones);
    } else {
      integer_tile(plan, activation, x, begin, end, out);
    }
  });
}

}  // namespace qat
