#include "nn/packed_matmul.h"

#include <algorithm>
#include <vector>

#include "qat/kernels.h"
#include "quant/tiled_weight.h"
#include "quant/user_grid.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

// Columns whose integer dot product cannot leave int32: 255 · 255 · 16384 < 2^31.
constexpr int64_t kExactCols = 16384;

bool is_shifted(const ActivationQuantizer& activation) {
  return !activation.is_float() && activation.state().shift != 0;
}

// Null where something has to be added to their product.
const TiledWeight* usable_tiles(const QuantizedWeight& weight, const ActivationQuantizer& activation) {
  return is_shifted(activation) ? nullptr : weight.tiles.get();
}

}  // namespace

// What every tile needs to know about the weight.
struct PackedMatmul::Plan {
  const QuantizedWeight& weight;  // all but its codes
  const uint8_t* codes;
  ScaleLayout layout;
  CodeRange range;
  bool binary;
  double offset;       // of the grid's levels, in steps
  int64_t row_bytes;
  int64_t groups;      // scales per row, at least 1
  int64_t piece_cols;  // columns per integer dot product: divides group_cols, or is all of them
  int64_t pieces;      // per row

  Plan(const QuantizedWeight& w, const uint8_t* packed)
      : weight(w),
        codes(packed),
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
    const auto at = static_cast<size_t>(scale_index(row, group));
    const float up = weight.scales.scales[at];
    const auto& down = weight.scales.negative_scales;
    return down.empty() ? up : (up + down[at]) / 2;
  }
  int32_t zero_point(int64_t row, int64_t group) const {
    const auto& zero_points = weight.scales.zero_points;
    return zero_points.empty() ? 0 : zero_points[static_cast<size_t>(scale_index(row, group))];
  }
  const uint8_t* row_codes(int64_t row) const { return codes + row * row_bytes; }
  int64_t group_begin(int64_t group) const { return group * layout.group_cols; }
  int64_t group_end(int64_t group) const {
    return std::min(weight.cols, (group + 1) * layout.group_cols);
  }
  // Σ over scales of scale·Σ a·(w − zero point), from dots = Σ a·(stored code) per piece.
  double combine(int64_t row, const int32_t* dots, const int64_t* code_sum) const {
    double total = 0;
    for (int64_t p = 0; p < pieces; ++p) {
      const int64_t group = group_of_piece(p);
      const int64_t dot = binary ? INT64_C(2) * dots[p] - code_sum[p]
                                 : dots[p] + (range.qmin - zero_point(row, group)) * code_sum[p];
      const double sum = static_cast<double>(dot) + offset * static_cast<double>(code_sum[p]);
      total += static_cast<double>(scale(row, group)) * sum;
    }
    return total;
  }
  // Σ a·(w − zero point) of one scale, by a kernel call of its own: w_offset takes the zero point.
  double float_group(const float* a, int64_t row, int64_t group, double a_sum) const {
    const int bits = weight.config.bits;
    const int64_t begin = group_begin(group);
    const int64_t count = group_end(group) - begin;
    const int32_t code_offset = binary ? 0 : range.qmin - zero_point(row, group);
    float dot = 0;
    kernels().dot_packed_row_f32(a + begin, row_codes(row) + begin * bits / 8, count, bits,
                                 code_offset, count, &dot);
    return binary ? 2.0 * dot - a_sum : dot + offset * a_sum;
  }
  bool groups_on_bytes() const {
    return groups == 1 || layout.group_cols * weight.config.bits % 8 == 0;
  }
};

PackedMatmul::PackedMatmul(const QuantizedWeight& weight, const ActivationQuantizer& activation,
                           const float* bias)
    : PackedMatmul(weight, weight.packed.data(), activation, bias) {}

PackedMatmul::PackedMatmul(const QuantizedWeight& weight, const uint8_t* codes,
                           const ActivationQuantizer& activation, const float* bias)
    : plan_(std::make_unique<Plan>(weight, codes)),
      activation_(activation),
      bias_(bias),
      tiles_(usable_tiles(weight, activation)) {
  if (!weight.scales.negative_scales.empty()) add_sides();
  if (is_shifted(activation)) sum_rows();
}

// What integer_tile gives for inputs whose codes are all 1, once for all samples.
void PackedMatmul::sum_rows() {
  const Plan& plan = *plan_;
  const int64_t cols = plan.weight.cols;
  const std::vector<int16_t> codes(static_cast<size_t>(cols), 1);
  std::vector<int64_t> code_sum;
  for (int64_t p = 0; p < plan.pieces; ++p) {
    code_sum.push_back(std::min(cols, (p + 1) * plan.piece_cols) - p * plan.piece_cols);
  }
  row_sums_.resize(static_cast<size_t>(plan.weight.rows));
  parallel_for(plan.weight.rows, kTile, [&](int64_t begin, int64_t end) {
    std::vector<int32_t> dots(static_cast<size_t>(plan.pieces));
    for (int64_t row = begin; row < end; ++row) {
      kernels().dot_packed_row(codes.data(), plan.row_codes(row), cols, plan.weight.config.bits, 0,
                               plan.piece_cols, dots.data());
      row_sums_[static_cast<size_t>(row)] = plan.combine(row, dots.data(), code_sum.data());
    }
  });
}

void PackedMatmul::add_row_sums(int64_t count, double factor, const Target& target,
                                double* sums) const {
  for (int64_t row = target.first_row; row < target.last_row; ++row) {
    const double part = factor * row_sums_[static_cast<size_t>(row)];
    for (int64_t i = 0; i < count; ++i) *sums++ += part;
  }
}

void PackedMatmul::add_sides() {
  const QuantizedWeight& w = plan_->weight;
  squares_.config = w.config;
  squares_.rows = w.rows;
  squares_.cols = w.cols;
  squares_.config.grid = Grid::kUnsigned;
  squares_.config.range = RangeEstimator::kMse;  // ttq is for the ternary grid
  for (size_t i = 0; i < w.scales.scales.size(); ++i) {
    squares_.scales.scales.push_back((w.scales.scales[i] - w.scales.negative_scales[i]) / 2);
  }
  if (w.squares.empty()) squares_.packed = ternary_squares(w.packed);
  const uint8_t* codes = w.squares.empty() ? squares_.packed.data() : w.squares.data();
  sides_.reset(new PackedMatmul(squares_, codes, activation_, nullptr));
}

PackedMatmul::~PackedMatmul() = default;

void PackedMatmul::store(const Target& target, int64_t sample, int64_t row, double value) const {
  target.y[sample * target.sample_stride + row * target.row_stride] =
      static_cast<float>(bias_ ? value + bias_[row] : value);
}

void PackedMatmul::store_all(const double* sums, int64_t count, const Target& target) const {
  for (int64_t row = target.first_row; row < target.last_row; ++row) {
    for (int64_t i = 0; i < count; ++i) store(target, i, row, *sums++);
  }
}

namespace {

double* zeroed_sums(int64_t count) {
  thread_local std::vector<double> sums;
  sums.assign(static_cast<size_t>(count), 0.0);
  return sums.data();
}

}  // namespace

template <typename Product>
void PackedMatmul::by_tiles(int64_t count, const Target& target, Product&& product) const {
  thread_local AlignedVector<float> products;
  const int64_t first = target.first_row / kTileRows;
  const int64_t last = (target.last_row + kTileRows - 1) / kTileRows;
  const int64_t stride = (last - first) * kTileRows;
  grow(products, count * stride);
  // The kernel writes rows by their number in the weight.
  float* const from_first = products.data() - first * kTileRows;
  product(first, last, from_first, stride);
  for (int64_t row = target.first_row; row < target.last_row; ++row) {
    for (int64_t i = 0; i < count; ++i) store(target, i, row, from_first[i * stride + row]);
  }
}

void PackedMatmul::multiply_codes(const int16_t* codes, const int16_t* inside, int64_t count,
                                  const Target& target) const {
  if (tiles_) {
    thread_local AlignedVector<int8_t> bytes, padded;
    thread_local AlignedVector<int32_t> sums;
    const TiledWeight& weight = *tiles_;
    const int64_t cols = weight.cols(), padded_cols = weight.padded_cols(), groups = weight.view().groups;
    const int32_t offset = activation_.byte_offset();
    const float scale = activation_.scale();
    grow(bytes, cols);
    grow(padded, count * padded_cols);
    grow(sums, count * groups);
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t c = 0; c < cols; ++c) {
        bytes[static_cast<size_t>(c)] = static_cast<int8_t>(codes[i * cols + c] - offset);
      }
      pad_codes(weight, bytes.data(), padded.data() + i * padded_cols, sums.data() + i * groups);
    }
    TileInputs inputs;
    inputs.codes = padded.data();
    inputs.sums = sums.data();
    inputs.scales = &scale;
    inputs.offset = offset;
    by_tiles(count, target, [&](int64_t first, int64_t last, float* y, int64_t stride) {
      kernels().tile_product(weight.view(), first, last, inputs, count, nullptr, y, stride);
    });
    return;
  }
  if (plan_->weight.config.grid == Grid::kUser) {
    thread_local std::vector<float> x;
    const int64_t size = count * plan_->weight.cols;
    x.resize(static_cast<size_t>(size));
    const float scale = activation_.scale(), shift = activation_.state().shift;
    for (int64_t i = 0; i < size; ++i) {
      x[static_cast<size_t>(i)] = scale * static_cast<float>(codes[i]) +
                                  (inside && !inside[i] ? 0.0f : shift);
    }
    level_tile(x.data(), count, target);
    return;
  }
  double* sums = zeroed_sums(count * (target.last_row - target.first_row));
  const auto add = [&](const int16_t* tile, double factor) {
    integer_tile(tile, count, factor, target, sums);
    if (sides_) sides_->integer_tile(tile, count, factor, target, sums);
  };
  add(codes, activation_.scale());
  const float shift = activation_.state().shift;
  if (shift != 0) {
    // x̂ = scale·code + shift wherever there is an input: shift·Σw over those.
    if (inside) {
      add(inside, shift);
    } else {
      add_row_sums(count, shift, target, sums);
      if (sides_) sides_->add_row_sums(count, shift, target, sums);
    }
  }
  store_all(sums, count, target);
}

void PackedMatmul::multiply_floats(const float* x, int64_t count, const Target& target) const {
  if (plan_->weight.config.grid == Grid::kUser) {
    level_tile(x, count, target);
    return;
  }
  if (tiles_) {
    thread_local AlignedVector<float> padded;
    const int64_t cols = tiles_->padded_cols();
    grow(padded, count * cols);
    for (int64_t i = 0; i < count; ++i) pad_row(*tiles_, x + i * tiles_->cols(), padded.data() + i * cols);
    by_tiles(count, target, [&](int64_t first, int64_t last, float* y, int64_t stride) {
      kernels().tile_product_f32(tiles_->view(), first, last, padded.data(), count, nullptr, y, stride);
    });
    return;
  }
  double* sums = zeroed_sums(count * (target.last_row - target.first_row));
  float_tile(x, count, target, sums);
  if (sides_) sides_->float_tile(x, count, target, sums);
  store_all(sums, count, target);
}

void PackedMatmul::level_tile(const float* x, int64_t count, const Target& target) const {
  constexpr int64_t kRows = 16;  // dequantized at a time
  thread_local std::vector<uint8_t> codes;
  thread_local std::vector<float> levels, dots;
  const Plan& plan = *plan_;
  const int64_t cols = plan.weight.cols;
  const int bits = plan.weight.config.bits;
  codes.resize(static_cast<size_t>(cols));
  levels.resize(static_cast<size_t>(kRows * cols));
  dots.resize(static_cast<size_t>(kRows * count));
  for (int64_t first = target.first_row; first < target.last_row; first += kRows) {
    const int64_t rows = std::min(kRows, target.last_row - first);
    for (int64_t r = 0; r < rows; ++r) {
      kernels().unpack_row(plan.row_codes(first + r), codes.data(), cols, bits);
      user_levels_of_row(plan.layout, plan.weight.scales, bits, first + r, codes.data(),
                         levels.data() + r * cols);
    }
    kernels().gemm(false, true, count, rows, cols, x, cols, levels.data(), cols, dots.data(), rows,
                   false);
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t r = 0; r < rows; ++r) {
        store(target, i, first + r, static_cast<double>(dots[static_cast<size_t>(i * rows + r)]));
      }
    }
  }
}

void PackedMatmul::integer_tile(const int16_t* codes, int64_t count, double factor,
                                const Target& target, double* sums) const {
  thread_local std::vector<int64_t> code_sum;  // [tile, pieces]
  thread_local std::vector<int32_t> dots;      // [pieces]
  const Plan& plan = *plan_;
  const int64_t cols = plan.weight.cols;
  code_sum.assign(static_cast<size_t>(count * plan.pieces), 0);
  dots.resize(static_cast<size_t>(plan.pieces));
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t p = 0; p < plan.pieces; ++p) {
      const int64_t end = std::min(cols, (p + 1) * plan.piece_cols);
      int64_t sum = 0;
      for (int64_t c = p * plan.piece_cols; c < end; ++c) sum += codes[i * cols + c];
      code_sum[static_cast<size_t>(i * plan.pieces + p)] = sum;
    }
  }
  for (int64_t row = target.first_row; row < target.last_row; ++row) {
    for (int64_t i = 0; i < count; ++i) {
      kernels().dot_packed_row(codes + i * cols, plan.row_codes(row), cols, plan.weight.config.bits,
                               0, plan.piece_cols, dots.data());
      *sums++ += factor * plan.combine(row, dots.data(), code_sum.data() + i * plan.pieces);
    }
  }
}

void PackedMatmul::float_tile(const float* x, int64_t count, const Target& target,
                              double* sums) const {
  thread_local std::vector<double> a_sums;
  thread_local std::vector<float> dots;
  const Plan& plan = *plan_;
  const int64_t cols = plan.weight.cols;
  const bool one_call = plan.groups > 1 && plan.weight.scales.zero_points.empty();
  const bool by_kernel = one_call || !plan.groups_on_bytes();
  const int32_t offset = plan.binary ? 0 : plan.range.qmin;
  a_sums.assign(static_cast<size_t>(count * plan.groups), 0.0);
  dots.resize(static_cast<size_t>(plan.groups));
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t c = 0; c < cols; ++c) {
      const int64_t group = plan.groups > 1 ? c / plan.layout.group_cols : 0;
      a_sums[static_cast<size_t>(i * plan.groups + group)] += x[i * cols + c];
    }
  }
  for (int64_t row = target.first_row; row < target.last_row; ++row) {
    for (int64_t i = 0; i < count; ++i) {
      const float* a = x + i * cols;
      const double* a_sum = a_sums.data() + i * plan.groups;
      if (by_kernel) {
        kernels().dot_packed_row_f32(a, plan.row_codes(row), cols, plan.weight.config.bits, offset,
                                     plan.layout.group_cols, dots.data());
      }
      double sum = 0;
      for (int64_t g = 0; g < plan.groups; ++g) {
        double dot = 0;
        if (!by_kernel) {
          dot = plan.float_group(a, row, g, a_sum[g]);
        } else if (plan.binary) {
          dot = 2.0 * dots[static_cast<size_t>(g)] - a_sum[g];
        } else {
          dot = dots[static_cast<size_t>(g)] + (plan.offset - plan.zero_point(row, g)) * a_sum[g];
        }
        sum += static_cast<double>(plan.scale(row, g)) * dot;
      }
      *sums++ += sum;
    }
  }
}

void tiled_matmul(const float* x, int64_t batch, const TiledWeight& weight, const ActivationQuantizer& activation,
                  const float* bias, float* y) {
  const int64_t rows = weight.rows();
  if (activation.is_float()) {
    tiled_product_f32(weight, x, batch, bias, y, rows);
    return;
  }
  if (activation.is_sign() && weight.view().bits == 1) {
    tiled_product_signs(weight, x, activation.scale(), batch, bias, y, rows);
    return;
  }
  const int64_t cols = weight.cols(), groups = weight.view().groups;
  const auto code = [&](int64_t i, int8_t* codes, int32_t* sums, float* scales) {
    thread_local AlignedVector<int8_t> bytes;
    grow(bytes, cols);
    activation.byte_codes(x + i * cols, bytes.data(), cols);
    pad_codes(weight, bytes.data(), codes, sums);
    std::fill(scales, scales + groups, activation.scale());
  };
  tiled_product(weight, code, activation.byte_offset(), batch, bias, y, rows);
}

void packed_matmul(const float* x, int64_t batch, const QuantizedWeight& weight,
                   const ActivationQuantizer& activation, const float* bias, float* y) {
  if (const TiledWeight* tiles = usable_tiles(weight, activation)) {
    tiled_matmul(x, batch, *tiles, activation, bias, y);
    return;
  }
  const PackedMatmul matmul(weight, activation, bias);
  const int64_t rows = weight.rows, cols = weight.cols;
  parallel_chunks(batch, PackedMatmul::kTile, [&](int64_t, int64_t begin, int64_t end) {
    const PackedMatmul::Target target{0, rows, y + begin * rows, rows, 1};
    if (activation.is_float()) {
      matmul.multiply_floats(x + begin * cols, end - begin, target);
      return;
    }
    thread_local std::vector<int16_t> codes;
    codes.resize(static_cast<size_t>((end - begin) * cols));
    activation.centred_codes(x + begin * cols, codes.data(), (end - begin) * cols);
    matmul.multiply_codes(codes.data(), nullptr, end - begin, target);
  });
}

}  // namespace qat
