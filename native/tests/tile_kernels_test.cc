// Products with tiled weights, on every instruction set, against the dequantized weight in double.
#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "kernel_test_util.h"
#include "quant/fake_quant.h"
#include "quant/tiled_weight.h"
#include "runtime/thread_pool.h"

namespace {

using qat::Grid;

// The normal and uniform numbers of a test, as floats.
class Random {
 public:
  explicit Random(uint64_t seed) : rng_(seed) {}
  float normal() { return static_cast<float>(rng_.normal()); }
  float uniform() { return static_cast<float>(rng_.uniform()); }

 private:
  qat::Rng rng_;
};

std::vector<const qat::Kernels*> all_levels() {
  std::vector<const qat::Kernels*> levels = {&qat_test::reference()};
  for (const qat::Kernels* level : qat_test::fast_levels()) levels.push_back(level);
  return levels;
}

struct Case {
  int bits;
  Grid grid;
  qat::Granularity granularity;
  int64_t group_size;
  int64_t rows, cols;
};

qat::QuantizedWeight weight_of(const Case& c, Random& random) {
  qat::QuantizerConfig config;
  config.bits = c.bits;
  config.grid = c.grid;
  config.granularity = c.granularity;
  config.group_size = c.group_size;
  config.range = qat::RangeEstimator::kAbsMax;
  std::vector<float> values(static_cast<size_t>(c.rows * c.cols));
  for (float& v : values) v = random.normal();
  const qat::ScaleLayout layout = qat::scale_layout(config, c.rows, c.cols);
  qat::Scales scales = qat::make_scales(config, layout);
  const qat::CodeRange range = qat::code_range(config.grid, config.bits);
  for (float& s : scales.scales) s = 0.01f + 2.0f * random.uniform() / static_cast<float>(range.qmax + 1);
  for (int32_t& z : scales.zero_points) z = range.qmin + static_cast<int32_t>(random.uniform() * 0.999f * static_cast<float>(range.count()));
  for (float& t : scales.thresholds) t = 0.5f;
  return qat::quantize_weight(values.data(), c.rows, c.cols, config, scales);
}

// Activations a + offset as the kernel takes them, and as numbers.
struct Inputs {
  std::vector<int8_t> codes;
  std::vector<int32_t> sums;
  std::vector<float> scales;
  std::vector<double> values;  // [count, cols], without the scale
};

Inputs inputs_of(const qat::TiledWeight& w, int64_t count, int32_t offset, Random& random) {
  const qat::TileWeight& view = w.view();
  Inputs in;
  in.codes.assign(static_cast<size_t>(count * w.padded_cols()), 0);
  in.sums.assign(static_cast<size_t>(count * view.groups), 0);
  const int64_t group = view.group_steps * qat::tile_step(view.bits);
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t g = 0; g < view.groups; ++g) in.scales.push_back(0.1f + random.uniform());
    for (int64_t c = 0; c < w.cols(); ++c) {
      const int64_t g = c / view.group_cols;
      const auto code = static_cast<int8_t>(std::floor(random.uniform() * 255.999f) - 128);
      in.codes[static_cast<size_t>(i * w.padded_cols() + g * group + c % view.group_cols)] = code;
      in.sums[static_cast<size_t>(i * view.groups + g)] += code;
      in.values.push_back(code + offset);
    }
  }
  return in;
}

void check_product(const Case& c, int64_t count, int32_t offset) {
  Random random(static_cast<uint32_t>(c.bits * 1000 + c.rows + count));
  const qat::QuantizedWeight weight = weight_of(c, random);
  const qat::TiledWeight tiled(weight);
  const qat::TileWeight& view = tiled.view();
  const Inputs in = inputs_of(tiled, count, offset, random);
  std::vector<float> dequantized(static_cast<size_t>(c.rows * c.cols)), bias(static_cast<size_t>(c.rows));
  qat::dequantize_weight(weight, dequantized.data());
  for (float& b : bias) b = random.normal();
  qat::TileInputs x;
  x.codes = in.codes.data();
  x.sums = in.sums.data();
  x.scales = in.scales.data();
  x.row_stride = view.groups;
  x.group_stride = 1;
  x.offset = offset;
  std::vector<float> expected;
  for (const qat::Kernels* k : all_levels()) {
    const int64_t stride = c.rows + 3;
    std::vector<float> y(static_cast<size_t>(count * stride), -777.0f);
    k->tile_product(view, 0, tiled.tiles(), x, count, bias.data(), y.data(), stride);
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t row = 0; row < c.rows; ++row) {
        double sum = bias[static_cast<size_t>(row)], size = std::fabs(sum);
        for (int64_t col = 0; col < c.cols; ++col) {
          const double part = in.values[static_cast<size_t>(i * c.cols + col)] *
                              in.scales[static_cast<size_t>(i * view.groups + col / view.group_cols)] *
                              dequantized[static_cast<size_t>(row * c.cols + col)];
          sum += part;
          size += std::fabs(part);
        }
        const double got = y[static_cast<size_t>(i * stride + row)];
        CHECK_IN(std::fabs(got - sum) <= 2e-6 * size + 1e-6, k->isa << " W" << c.bits << " grid " << int(c.grid) << " " << c.rows << "x" << c.cols << " group " << c.group_size << " count " << count << " at " << i << "," << row << ": " << got << " not " << sum);
      }
      for (int64_t row = c.rows; row < stride; ++row) CHECK(y[static_cast<size_t>(i * stride + row)] == -777.0f);
    }
    if (expected.empty()) expected = y;
    CHECK_IN(y == expected, k->isa << " differs from ref, W" << c.bits);
  }
}

TEST(tile_product_of_every_grid_and_shape) {
  for (int bits = 1; bits <= 8; ++bits) {
    std::vector<Grid> grids = {Grid::kSigned, Grid::kNarrow, Grid::kUnsigned, Grid::kMidrise};
    if (bits == 1) grids = {Grid::kBinary};
    if (bits == 2) grids.push_back(Grid::kTernary);
    for (const Grid grid : grids) {
      check_product({bits, grid, qat::Granularity::kChannel, 0, 70, 133}, 7, 0);
      check_product({bits, grid, qat::Granularity::kTensor, 0, 1, 1}, 1, 0);
      check_product({bits, grid, qat::Granularity::kGroup, 32, 130, 200}, 13, 0);
      check_product({bits, grid, qat::Granularity::kGroup, 19, 65, 97}, 3, 128);
      check_product({bits, grid, qat::Granularity::kChannel, 0, 129, 64}, 6, 128);
    }
  }
}

TEST(tile_product_of_every_count) {
  for (int64_t count = 1; count <= 13; ++count) {
    check_product({4, Grid::kSigned, qat::Granularity::kGroup, 64, 192, 256}, count, 0);
    check_product({8, Grid::kSigned, qat::Granularity::kChannel, 0, 192, 256}, count, 0);
  }
}

TEST(tile_product_of_long_rows_and_extreme_codes) {
  // The largest sums there are: every product is 255·255, or of the other sign.
  for (const int64_t cols : {qat::kTileGroupCols, qat::kTileGroupCols + 5}) {
    qat::QuantizerConfig config;
    config.bits = 8;
    config.grid = Grid::kUnsigned;
    config.granularity = qat::Granularity::kChannel;
    config.range = qat::RangeEstimator::kAbsMax;
    qat::Scales scales;
    scales.scales.assign(2, 1.0f);
    scales.zero_points = {0, 255};
    qat::QuantizedWeight weight;
    weight.config = config;
    weight.rows = 2;
    weight.cols = cols;
    weight.scales = scales;
    weight.packed.assign(static_cast<size_t>(2 * cols), 255);
    std::fill(weight.packed.begin() + cols, weight.packed.end(), uint8_t{0});
    const qat::TiledWeight tiled(weight);
    const qat::TileWeight& view = tiled.view();
    const std::vector<int8_t> codes(static_cast<size_t>(tiled.padded_cols()), 127);
    std::vector<int32_t> sums;
    for (int64_t g = 0; g < tiled.view().groups; ++g) sums.push_back(static_cast<int32_t>(127 * std::min(view.group_cols, cols - g * view.group_cols)));
    const float one = 1;
    qat::TileInputs x;
    x.codes = codes.data();
    x.sums = sums.data();
    x.scales = &one;
    x.offset = 128;
    for (const qat::Kernels* k : all_levels()) {
      float y[2] = {};
      k->tile_product(tiled.view(), 0, 1, x, 1, nullptr, y, 2);
      const double expected = 255.0 * 255.0 * static_cast<double>(cols);
      CHECK_IN(std::fabs(y[0] - expected) <= 1e-6 * expected, k->isa << ": " << y[0]);
      CHECK_IN(std::fabs(y[1] + expected) <= 1e-6 * expected, k->isa << ": " << y[1]);
    }
  }
}

// y of float activations by every level: within float rounding of the sum in double, and the same bits.
void check_floats(const Case& c, int64_t count) {
  Random random(static_cast<uint32_t>(c.bits * 77 + c.cols));
  const qat::QuantizedWeight weight = weight_of(c, random);
  const qat::TiledWeight tiled(weight);
  std::vector<float> x(static_cast<size_t>(count * c.cols)), dequantized(static_cast<size_t>(c.rows * c.cols));
  std::vector<float> padded(static_cast<size_t>(count * tiled.padded_cols()), 7.0f), bias(static_cast<size_t>(c.rows));
  for (float& v : x) v = random.normal();
  for (float& v : bias) v = random.normal();
  qat::dequantize_weight(weight, dequantized.data());
  for (int64_t i = 0; i < count; ++i) qat::pad_row(tiled, x.data() + i * c.cols, padded.data() + i * tiled.padded_cols());
  std::vector<float> expected;
  for (const qat::Kernels* k : all_levels()) {
    std::vector<float> y(static_cast<size_t>(count * c.rows), -777.0f);
    k->tile_product_f32(tiled.view(), 0, tiled.tiles(), padded.data(), count, bias.data(), y.data(), c.rows);
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t row = 0; row < c.rows; ++row) {
        double sum = bias[static_cast<size_t>(row)], size = std::fabs(sum);
        for (int64_t col = 0; col < c.cols; ++col) {
          const double part = static_cast<double>(x[static_cast<size_t>(i * c.cols + col)]) * dequantized[static_cast<size_t>(row * c.cols + col)];
          sum += part;
          size += std::fabs(part);
        }
        const double got = y[static_cast<size_t>(i * c.rows + row)];
        CHECK_IN(std::fabs(got - sum) <= 3e-6 * size, k->isa << " W" << c.bits << " grid " << int(c.grid) << " " << c.rows << "x" << c.cols << " at " << i << "," << row << ": " << got << " not " << sum);
      }
    }
    if (expected.empty()) expected = y;
    CHECK_IN(y == expected, k->isa << " differs from ref, W" << c.bits << " grid " << int(c.grid));
  }
}

TEST(tile_product_of_floats) {
  for (int bits = 1; bits <= 8; ++bits) {
    std::vector<Grid> grids = {Grid::kSigned, Grid::kUnsigned, Grid::kMidrise};
    if (bits == 1) grids = {Grid::kBinary};
    if (bits == 2) grids.push_back(Grid::kTernary);
    for (const Grid grid : grids) {
      check_floats({bits, grid, qat::Granularity::kChannel, 0, 70, 133}, 7);
      check_floats({bits, grid, qat::Granularity::kTensor, 0, 3, 2500}, 1);
      check_floats({bits, grid, qat::Granularity::kGroup, 19, 65, 97}, 13);
    }
  }
}

TEST(tile_product_of_signs) {
  for (const auto granularity : {qat::Granularity::kChannel, qat::Granularity::kGroup}) {
    for (const int64_t cols : {1, 31, 32, 33, 133, 512}) {
      for (const int64_t count : {1, 2, 7, 13}) {
        const Case c{1, Grid::kBinary, granularity, 24, 70, cols};
        Random random(static_cast<uint32_t>(cols));
        const qat::QuantizedWeight weight = weight_of(c, random);
        const qat::TiledWeight tiled(weight);
        const qat::TileWeight& view = tiled.view();
        std::vector<float> x(static_cast<size_t>(count * cols)), dequantized(static_cast<size_t>(c.rows * cols));
        for (float& v : x) v = random.normal();
        x[0] = 0.0f;
        qat::dequantize_weight(weight, dequantized.data());
        std::vector<float> expected;
        std::vector<uint32_t> expected_signs;
        for (const qat::Kernels* k : all_levels()) {
          std::vector<uint32_t> signs(static_cast<size_t>(count * view.steps), 1);
          for (int64_t i = 0; i < count; ++i) k->sign_row(x.data() + i * cols, cols, view.group_cols, signs.data() + i * view.steps);
          std::vector<float> y(static_cast<size_t>(count * c.rows));
          const qat::TileSigns inputs{signs.data(), 0.7f};
          k->tile_product_signs(view, 0, tiled.tiles(), inputs, count, nullptr, y.data(), c.rows);
          for (int64_t i = 0; i < count; ++i) {
            for (int64_t row = 0; row < c.rows; ++row) {
              double sum = 0, size = 0;
              for (int64_t col = 0; col < cols; ++col) {
                const double w = 0.7 * dequantized[static_cast<size_t>(row * cols + col)];
                sum += x[static_cast<size_t>(i * cols + col)] >= 0 ? w : -w;
                size += std::fabs(w);
              }
              CHECK_IN(std::fabs(y[static_cast<size_t>(i * c.rows + row)] - sum) <= 1e-6 * size, k->isa << " " << cols << " at " << i << "," << row);
            }
          }
          if (expected.empty()) {
            expected = y;
            expected_signs = signs;
          }
          CHECK_IN(y == expected && signs == expected_signs, k->isa << " differs from ref, " << cols << " columns");
        }
      }
    }
  }
}

// Codes that are set again and again, in fields wider than they are, give the products of the packed weight.
TEST(tiles_set_from_codes_equal_those_of_the_packed_weight) {
  Random random(8);
  for (const int bits : {1, 2, 3, 4, 6, 8}) {
    const Grid grid = bits == 1 ? Grid::kBinary : bits == 3 ? Grid::kUnsigned : Grid::kMidrise;
    const Case c{bits, grid, qat::Granularity::kGroup, 24, 131, 190};
    const int64_t count = 5;
    std::vector<float> x(static_cast<size_t>(count * c.cols));
    for (float& v : x) v = random.normal();
    for (const int field_bits : {bits, bits <= 4 ? 4 : 8}) {
      std::unique_ptr<qat::TiledWeight> tiles;
      for (int round = 0; round < 2; ++round) {
        const qat::QuantizedWeight weight = weight_of(c, random);
        if (!tiles) tiles = std::make_unique<qat::TiledWeight>(weight.config, c.rows, c.cols, field_bits);
        std::vector<uint8_t> codes(static_cast<size_t>(c.rows * c.cols));
        const int64_t row_bytes = qat::packed_row_bytes(c.cols, bits);
        for (int64_t r = 0; r < c.rows; ++r) qat_test::reference().unpack_row(weight.packed.data() + r * row_bytes, codes.data() + r * c.cols, c.cols, bits);
        tiles->set(codes.data(), weight.scales);
        std::vector<float> expected(static_cast<size_t>(count * c.rows)), y(expected.size());
        qat::tiled_product_by_bytes(qat::TiledWeight(weight), x.data(), count, nullptr, expected.data(), c.rows);
        qat::tiled_product_by_bytes(*tiles, x.data(), count, nullptr, y.data(), c.rows);
        CHECK_IN(y == expected, "W" << bits << " in fields of " << field_bits << ", round " << round);
      }
    }
  }
}

TEST(tiled_products_do_not_depend_on_threads_or_neighbours) {
  Random random(3);
  for (const int bits : {1, 4, 8}) {
    const Case c{bits, bits == 1 ? Grid::kBinary : Grid::kSigned, qat::Granularity::kGroup, 64, 200, 300};
    const qat::QuantizedWeight weight = weight_of(c, random);
    const qat::TiledWeight tiled(weight);
    const int64_t count = 1100;  // more than are prepared at once
    std::vector<float> x(static_cast<size_t>(count * c.cols));
    for (float& v : x) v = random.normal();
    const auto products = [&](const float* from, int64_t n) {
      std::vector<std::vector<float>> all(bits == 1 ? 3 : 2, std::vector<float>(static_cast<size_t>(n * c.rows)));
      qat::tiled_product_by_bytes(tiled, from, n, nullptr, all[0].data(), c.rows);
      qat::tiled_product_f32(tiled, from, n, nullptr, all[1].data(), c.rows);
      if (bits == 1) qat::tiled_product_signs(tiled, from, 1.0f, n, nullptr, all[2].data(), c.rows);
      return all;
    };
    const int before = qat::thread_count();
    qat::set_threads(1);
    const auto alone = products(x.data(), count);
    qat::set_threads(3);
    const auto shared = products(x.data(), count);
    CHECK(alone == shared);
    for (const int64_t i : {int64_t{0}, int64_t{777}, count - 1}) {
      const auto one = products(x.data() + i * c.cols, 1);
      for (size_t p = 0; p < one.size(); ++p) {
        CHECK(std::equal(one[p].begin(), one[p].end(), alone[p].begin() + i * c.rows));
      }
    }
    qat::set_threads(before);
  }
}

TEST(code_row_is_the_same_on_every_level) {
  Random random(5);
  for (const int64_t cols : {1, 7, 16, 33, 100, 257}) {
    for (const int64_t group : {int64_t{1}, int64_t{19}, int64_t{32}, cols}) {
      for (const int step : {4, 8, 16, 32}) {
        std::vector<float> x(static_cast<size_t>(cols));
        for (float& v : x) v = random.normal();
        if (cols > 40) std::fill(x.begin(), x.begin() + 40, 0.0f);  // groups of zeros alone
        const int64_t groups = (cols + group - 1) / group;
        const int64_t in_last = cols - (groups - 1) * group;
        const auto round_up = [step](int64_t n) { return (n + step - 1) / step * step; };
        const int64_t padded = (groups - 1) * round_up(group) + round_up(in_last);
        std::vector<int8_t> expected;
        std::vector<int32_t> expected_sums;
        std::vector<float> expected_scales;
        for (const qat::Kernels* k : all_levels()) {
          std::vector<int8_t> codes(static_cast<size_t>(padded + 1), 99);
          std::vector<int32_t> sums(static_cast<size_t>(groups));
          std::vector<float> scales(static_cast<size_t>(groups));
          k->code_row(x.data(), cols, group, step, codes.data(), sums.data(), scales.data());
          CHECK(codes.back() == 99);
          if (expected.empty()) {
            expected = codes;
            expected_sums = sums;
            expected_scales = scales;
          }
          CHECK_IN(codes == expected && sums == expected_sums && scales == expected_scales,
                   k->isa << " " << cols << " by " << group << " step " << step);
        }
        for (int64_t g = 0; g < groups; ++g) {
          for (int64_t c = g * group; c < std::min(cols, (g + 1) * group); ++c) {
            const double value = expected_scales[static_cast<size_t>(g)] *
                                 expected[static_cast<size_t>(g * round_up(group) + c - g * group)];
            CHECK(std::fabs(value - x[static_cast<size_t>(c)]) <= 0.5001 * expected_scales[static_cast<size_t>(g)]);
          }
        }
      }
    }
  }
}

}  // namespace
