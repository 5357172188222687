// n-bit and binary embeddings: rows, sparse gradients, what a training may touch.
#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "nn/embedding.h"
#include "nn_test_util.h"
#include "runtime/thread_pool.h"
#include "test_harness.h"

using namespace qat;
using nn_test::random_values;

namespace {

EmbeddingOptions options(int64_t rows, int64_t dim, int bits, Method method = Method::kLsq) {
  EmbeddingOptions o;
  o.num_embeddings = rows;
  o.embedding_dim = dim;
  o.weight.quantizer.bits = bits;
  if (bits == 1) o.weight.quantizer.grid = Grid::kBinary;
  o.weight.quantizer.range = RangeEstimator::kAbsMax;
  o.weight.method = method;
  return o;
}

std::vector<float> lookup(Embedding& layer, const std::vector<int32_t>& ids) {
  std::vector<float> y(ids.size() * static_cast<size_t>(layer.embedding_dim()));
  layer.forward(ids.data(), static_cast<int64_t>(ids.size()), y.data());
  return y;
}

// x̂ of one weight, in double.
double quantized(double w, double scale, double zero, Grid grid, int bits) {
  if (grid == Grid::kBinary) return w >= 0 ? scale : -scale;
  const double half = 1 << (bits - 1);
  const bool is_unsigned = grid == Grid::kUnsigned;
  const double low = is_unsigned ? 0 : grid == Grid::kNarrow ? 1 - half : -half;
  const double high = is_unsigned ? 2 * half - 1 : half - 1;
  const double code = std::nearbyint(static_cast<float>(w) / static_cast<float>(scale)) + zero;
  return (std::fmin(std::fmax(code, low), high) - zero) * scale;
}

}  // namespace

TEST(embedding_rows_are_the_quantized_rows) {
  for (int bits = 1; bits <= 8; ++bits) {
    for (const Grid grid : {Grid::kSigned, Grid::kNarrow, Grid::kUnsigned, Grid::kBinary}) {
      if ((bits == 1) != (grid == Grid::kBinary)) continue;
      for (const int64_t dim : {1, 7, 16, 37}) {
        EmbeddingOptions o = options(9, dim, bits);
        o.weight.quantizer.grid = grid;
        o.padding_idx = 4;
        Embedding layer(o);
        const auto weight = random_values(9 * dim, 3);
        layer.set_weight_data(weight.data(), weight.size());
        layer.prepare_params();
        const std::vector<int32_t> ids = {8, 0, 4, 3, 3, 1};
        const auto trained = lookup(layer, ids);
        layer.eval();
        CHECK_IN(lookup(layer, ids) == trained, bits << ' ' << dim);
        const Scales scales = layer.scales();
        for (size_t i = 0; i < trained.size(); ++i) {
          const auto cols = static_cast<size_t>(dim);
          const auto row = static_cast<size_t>(ids[i / cols]);
          const double zero = scales.zero_points.empty() ? 0 : scales.zero_points[row];
          const double expected =
              row == 4 ? 0
                       : quantized(weight[row * cols + i % cols], scales.scales[row], zero, grid,
                                   bits);
          CHECK_NEAR(trained[i], expected, 1e-6);
        }
      }
    }
  }
}

// Padding bits counted as weights would make the scale of a row of 13 a mean over 16.
TEST(embedding_row_scale_ignores_the_padding_of_the_row) {
  Embedding layer(options(2, 13, 1));
  std::vector<float> weight(26, 0.5f);
  for (size_t c = 13; c < 26; ++c) weight[c] = c % 2 ? -0.25f : 0.25f;
  layer.set_weight_data(weight.data(), 26);
  layer.prepare_params();
  CHECK_EQ(layer.scales().scales[0], 0.5f);
  CHECK_EQ(layer.scales().scales[1], 0.25f);
}

// Bit 1 is +, least significant bit first: byte 35 is + + - - - + - -.
TEST(embedding_packs_signs_least_significant_bit_first) {
  Embedding layer(options(1, 8, 1));
  const float weight[] = {1, 1, -1, -1, -1, 1, -1, -1};
  layer.set_weight_data(weight, 8);
  layer.prepare_params();
  CHECK_EQ(layer.packed_weight().packed[0], 35);
}

TEST(embedding_checks_ids) {
  EmbeddingOptions wrong = options(3, 4, 4);
  wrong.padding_idx = 3;
  CHECK_THROWS(Embedding{wrong}, "E-NATIVE-ARGUMENT");
  wrong = options(INT64_C(1) << 30, INT64_C(1) << 30, 4);
  CHECK_THROWS(Embedding{wrong}, "E-NATIVE-ARGUMENT");
  wrong = options(3, 4, 9);
  CHECK_THROWS(Embedding{wrong}, "E-QUANTIZER-INVALID");
  Embedding layer(options(3, 4, 4));
  layer.reset_parameters(1);
  layer.prepare_params();
  for (const bool training : {true, false}) {
    if (!training) layer.eval();
    CHECK_THROWS(lookup(layer, {0, 3}), "E-NATIVE-ARGUMENT");
    CHECK_THROWS(lookup(layer, {-1}), "E-NATIVE-ARGUMENT");
    CHECK_EQ(lookup(layer, {}).size(), size_t{0});
  }
}

TEST(embedding_reset_is_normal_with_a_padding_row_of_zeros) {
  EmbeddingOptions o = options(400, 50, 4);
  o.padding_idx = 7;
  Embedding layer(o);
  layer.reset_parameters(11);
  double sum = 0, squares = 0;
  for (int i = 0; i < 20000; ++i) {
    sum += layer.weight()[i];
    squares += std::pow(layer.weight()[i], 2.0);
  }
  CHECK_NEAR(sum / 19950, 0, 0.03);
  CHECK_NEAR(squares / 19950, 1, 0.04);
  for (int c = 0; c < 50; ++c) CHECK_EQ(layer.weight()[7 * 50 + c], 0.0f);
}

// Against the dense gradient summed in double, ids repeated, some weights clipped.
TEST(embedding_gradient_is_the_dense_one_on_touched_rows) {
  for (const int bits : {1, 3}) {
    EmbeddingOptions o = options(12, 5, bits);
    o.padding_idx = 2;
    Embedding layer(o);
    const auto weight = random_values(60, 5, 1.2);
    layer.set_weight_data(weight.data(), 60);
    layer.prepare_params();
    Scales scales = layer.scales();
    for (float& s : scales.scales) s *= 0.7f;
    layer.set_scales(scales);
    std::copy(weight.begin(), weight.end(), layer.mutable_weight());  // not clipped to 1 yet
    const std::vector<int32_t> ids = {9, 1, 9, 2, 0, 9, 1};
    const auto dy = random_values(35, 6);
    lookup(layer, ids);
    const SparseGradient g = layer.backward(dy.data());
    CHECK((g.rows == std::vector<int32_t>{0, 1, 9}));
    bool clipped = false;
    for (size_t r = 0; r < g.rows.size(); ++r) {
      double dscale = 0;
      for (size_t c = 0; c < 5; ++c) {
        double dvalue = 0;
        for (size_t i = 0; i < ids.size(); ++i) {
          if (ids[i] == g.rows[r]) dvalue += dy[i * 5 + c];
        }
        const double w = weight[static_cast<size_t>(g.rows[r]) * 5 + c];
        const double position = w / scales.scales[static_cast<size_t>(g.rows[r])];
        bool inside = std::fabs(w) <= 1;
        if (bits == 1) {
          dscale += w >= 0 ? dvalue : -dvalue;
        } else {
          const double code = std::nearbyint(position);
          inside = code >= -4 && code <= 3;
          dscale += dvalue * (inside ? code - position : std::fmin(std::fmax(code, -4), 3));
        }
        clipped |= !inside;
        CHECK_NEAR(g.dweight[r * 5 + c], inside ? dvalue : 0.0, 1e-6);
      }
      CHECK_NEAR(g.dscales[r], dscale / std::sqrt(5.0 * (bits == 1 ? 1 : 3)), 1e-5);
    }
    CHECK(clipped);
  }
}

// A binary row is linear in its scale: finite differences of the layer's own forward.
TEST(embedding_scale_gradient_by_finite_differences) {
  Embedding layer(options(4, 6, 1));
  layer.reset_parameters(3);
  layer.prepare_params();
  const std::vector<int32_t> ids = {1, 3, 1};
  const auto dy = random_values(18, 4);
  Scales scales = layer.scales();
  const auto loss = [&] {
    layer.set_scales(scales);
    double sum = 0;
    const auto y = lookup(layer, ids);
    for (size_t i = 0; i < y.size(); ++i) sum += double{y[i]} * dy[i];
    return sum;
  };
  loss();
  const SparseGradient g = layer.backward(dy.data());
  CHECK_EQ(g.rows.size(), size_t{2});
  for (size_t r = 0; r < 2; ++r) {
    float& scale = scales.scales[static_cast<size_t>(g.rows[r])];
    const float before = scale, h = 0.125f;
    scale = before + h;
    const double up = loss();
    scale = before - h;
    const double down = loss();
    scale = before;
    CHECK_NEAR(g.dscales[r], (up - down) / (2 * h) / std::sqrt(6.0), 1e-5);
  }
}

// Training towards given vectors: the error falls, untouched rows keep their bits, 1-bit scales
// follow mean|row| without being learned.
TEST(embedding_trains_the_rows_it_touches) {
  for (const int bits : {1, 2, 4}) {
    for (const Method method : {Method::kLsq, Method::kSte}) {
      Embedding layer(options(10, 8, bits, method));
      layer.reset_parameters(21);
      layer.prepare_params();
      const std::vector<float> before(layer.weight(), layer.weight() + 80);
      const std::vector<float> scales_before = layer.scales().scales;
      const std::vector<int32_t> ids = {1, 4, 7, 4};
      auto target = random_values(32, 22, 0.7);
      std::copy(target.begin() + 8, target.begin() + 16, target.begin() + 24);  // id 4 twice
      double first = 0, last = 0;
      for (int step = 0; step < 300; ++step) {
        const auto y = lookup(layer, ids);
        std::vector<float> dy(32);
        last = 0;
        for (size_t i = 0; i < 32; ++i) {
          dy[i] = y[i] - target[i];
          last += dy[i] * dy[i];
        }
        if (step == 0) first = last;
        SparseGradient g = layer.backward(dy.data());
        for (float& v : g.dweight) v *= -0.02f;
        for (float& v : g.dscales) v *= -0.02f;
        layer.add_update(g.rows.data(), static_cast<int64_t>(g.rows.size()), g.dweight.data(),
                         g.dscales.empty() ? nullptr : g.dscales.data());
      }
      CHECK_IN(last < 0.5 * first, bits << " bits: " << first << " to " << last);
      const Scales scales = layer.scales();
      for (int32_t row = 0; row < 10; ++row) {
        const auto at = static_cast<size_t>(row);
        if (row == 1 || row == 4 || row == 7) {
          double mean = 0;
          for (int c = 0; c < 8; ++c) mean += std::fabs(layer.weight()[row * 8 + c]) / 8;
          if (bits == 1 && method == Method::kSte) CHECK_NEAR(scales.scales[at], mean, 1e-6);
          continue;
        }
        CHECK_EQ(scales.scales[at], scales_before[at]);
        CHECK(std::equal(before.begin() + row * 8, before.begin() + row * 8 + 8,
                         layer.weight() + row * 8));
      }
    }
  }
}

TEST(embedding_packed_tables_come_back_and_train) {
  Embedding source(options(6, 9, 3)), target(options(6, 9, 3));
  source.reset_parameters(5);
  source.prepare_params();
  source.eval();
  const QuantizedWeight packed = source.packed_weight();
  target.set_quantized_weight_data(packed);
  CHECK(target.state() == LayerState::kPackedOnly);
  const std::vector<int32_t> ids = {5, 0, 2};
  const auto expected = lookup(source, ids);
  CHECK(lookup(target, ids) == expected);
  target.train();
  target.prepare_params();
  CHECK(lookup(target, ids) == expected);
  const std::vector<float> nothing(9);
  target.add_update(ids.data(), 1, nothing.data(), nullptr);
  CHECK(target.state() == LayerState::kPrepared);
  CHECK(target.packed_weight().packed == packed.packed);
  Embedding other(options(6, 9, 4)), taller(options(7, 9, 3));
  CHECK_THROWS(other.set_quantized_weight_data(packed), "E-QUANTIZER-INVALID");
  CHECK_THROWS(taller.set_quantized_weight_data(packed), "E-WEIGHT-SHAPE");
}

TEST(embedding_updates_are_checked) {
  Embedding layer(options(4, 2, 4));
  layer.reset_parameters(5);
  const int32_t twice[] = {1, 1}, outside[] = {0, 4};
  const float values[] = {0, 0, 0, 0}, bad[] = {0, 0, INFINITY, 0};
  CHECK_THROWS(layer.add_update(twice, 1, values, nullptr), "E-LAYER-STATE");
  layer.prepare_params();
  CHECK_THROWS(layer.add_update(twice, 2, values, nullptr), "E-NATIVE-ARGUMENT");
  CHECK_THROWS(layer.add_update(outside, 2, values, nullptr), "E-NATIVE-ARGUMENT");
  const int32_t good[] = {0, 3};
  const float before = layer.weight()[0];
  CHECK_THROWS(layer.add_update(good, 2, bad, nullptr), "E-TRAINING-DIVERGED");
  CHECK_EQ(layer.weight()[0], before);
}

TEST(embedding_results_do_not_depend_on_threads) {
  const int before = thread_count();
  std::vector<float> results[2];
  for (const int threads : {1, 4}) {
    set_threads(threads);
    Embedding layer(options(300, 33, 4));
    layer.reset_parameters(8);
    layer.prepare_params();
    std::vector<int32_t> ids;
    Rng rng(4);
    for (int i = 0; i < 2000; ++i) ids.push_back(static_cast<int32_t>(rng.below(300)));
    auto& all = results[threads == 4];
    all = lookup(layer, ids);
    const SparseGradient g = layer.backward(all.data());
    all.insert(all.end(), g.dweight.begin(), g.dweight.end());
    all.insert(all.end(), g.dscales.begin(), g.dscales.end());
  }
  set_threads(before);
  CHECK(results[0] == results[1]);
}

// --- levels and scales per row, as those of n-bit layers ------------------------------------------

namespace {

EmbeddingOptions on_grid(int64_t rows, int64_t dim, int bits, Grid grid, Method method) {
  EmbeddingOptions o = options(rows, dim, bits, method);
  o.weight.quantizer.grid = grid;
  return o;
}

// Rows of different magnitude: what one row says is wrong for every other.
std::vector<float> graded_rows(int64_t rows, int64_t dim, uint64_t seed) {
  auto weight = random_values(rows * dim, seed);
  for (size_t i = 0; i < weight.size(); ++i) {
    weight[i] *= static_cast<float>(1 + i / static_cast<size_t>(dim)) / static_cast<float>(rows);
  }
  return weight;
}

std::vector<int32_t> all_rows(int64_t rows) {
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < rows; ++i) ids.push_back(i);
  return ids;
}

}  // namespace

// The packed table left out the half step of the mid-rise grid.
TEST(embedding_packed_rows_of_every_grid_are_the_trained_ones) {
  struct Case {
    Grid grid;
    int bits;
  };
  for (const Case c : {Case{Grid::kMidrise, 2}, Case{Grid::kMidrise, 4}, Case{Grid::kTernary, 2}}) {
    for (const Method method : {Method::kLsq, Method::kSte}) {
      Embedding layer(on_grid(5, 11, c.bits, c.grid, method));
      const auto weight = graded_rows(5, 11, 3);
      layer.set_weight_data(weight.data(), weight.size());
      layer.prepare_params();
      const auto trained = lookup(layer, all_rows(5));
      layer.eval();
      CHECK_IN(lookup(layer, all_rows(5)) == trained, c.bits << " bits");
    }
  }
}

// Every row was read with the threshold of row 0.
TEST(embedding_ternary_rows_have_thresholds_of_their_own) {
  for (const Method method : {Method::kLsq, Method::kSte}) {
    Embedding layer(on_grid(6, 40, 2, Grid::kTernary, method));
    const auto weight = graded_rows(6, 40, 8);
    layer.set_weight_data(weight.data(), weight.size());
    layer.prepare_params();
    for (const bool updated : {false, true}) {
      if (updated) {
        const std::vector<float> dweight = random_values(240, 9, 0.3);
        const std::vector<float> dscales(6, 0.07f);
        layer.add_update(all_rows(6).data(), 6, dweight.data(),
                         method == Method::kLsq ? dscales.data() : nullptr);
      }
      const Scales scales = layer.scales();
      const auto y = lookup(layer, all_rows(6));
      for (size_t i = 0; i < y.size(); ++i) {
        const float w = layer.weight()[i], s = scales.scales[i / 40];
        const float threshold = method == Method::kLsq ? s / 2 : scales.thresholds[i / 40];
        CHECK_EQ(y[i], w > threshold ? s : w < -threshold ? -s : 0.0f);
      }
    }
  }
}

// A learned step of three levels: the gradient is masked beyond them and the step's is LSQ's.
TEST(embedding_ternary_gradient_is_that_of_a_step_of_three_levels) {
  Embedding layer(on_grid(3, 20, 2, Grid::kTernary, Method::kLsq));
  const auto weight = graded_rows(3, 20, 12);
  layer.set_weight_data(weight.data(), weight.size());
  Scales scales;
  scales.scales = {0.2f, 0.3f, 0.5f};
  layer.set_scales(scales);
  lookup(layer, all_rows(3));
  const auto dy = random_values(60, 13);
  const SparseGradient g = layer.backward(dy.data());
  bool clipped = false;
  for (size_t row = 0; row < 3; ++row) {
    double dscale = 0;
    for (size_t i = row * 20; i < row * 20 + 20; ++i) {
      const double position = weight[i] / scales.scales[row], code = std::nearbyint(position);
      const bool inside = std::fabs(code) <= 1;
      clipped |= !inside;
      CHECK_NEAR(g.dweight[i], inside ? dy[i] : 0.0f, 1e-6);
      dscale += dy[i] * (inside ? code - position : std::copysign(1.0, code));
    }
    CHECK_NEAR(g.dscales[row], dscale / std::sqrt(20.0), 1e-5);
  }
  CHECK(clipped);
}

TEST(embedding_refuses_two_levels_of_a_row) {
  EmbeddingOptions o = on_grid(3, 4, 2, Grid::kTernary, Method::kTtq);
  o.weight.quantizer.range = RangeEstimator::kTtq;
  CHECK_THROWS(Embedding{o}, "E-QUANTIZER-INVALID");
  o.weight.method = Method::kLsq;
  CHECK_THROWS(Embedding{o}, "E-QUANTIZER-INVALID");
  Embedding layer(on_grid(3, 4, 2, Grid::kTernary, Method::kLsq));
  layer.reset_parameters(1);
  Scales scales;
  scales.scales = scales.negative_scales = {1, 1, 1};
  CHECK_THROWS(layer.set_scales(scales), "E-QUANTIZER-INVALID");
}

// About 32 % of N(0, 1) lies beyond 1, where no gradient comes: dead for good unless clipped.
TEST(embedding_binary_rows_have_no_dead_weights) {
  for (const Method method : {Method::kLsq, Method::kSte}) {
    Embedding layer(options(50, 40, 1, method));
    layer.reset_parameters(17);
    layer.prepare_params();
    const std::vector<float> dy(2000, 1.0f);
    const auto check = [&](const char* when) {
      lookup(layer, all_rows(50));
      const SparseGradient g = layer.backward(dy.data());
      const auto dead = std::count(g.dweight.begin(), g.dweight.end(), 0.0f);
      CHECK_IN(dead == 0, when << ": " << dead << " of 2000 have no gradient");
    };
    check("at birth");
    const auto update = random_values(2000, 18, 2);
    layer.add_update(all_rows(50).data(), 50, update.data(), nullptr);
    check("after an update");
    float* weight = layer.mutable_weight();
    for (size_t i = 0; i < 2000; ++i) weight[i] += update[i];
    layer.after_update();
    check("after a step of an optimizer");
    layer.set_weight_data(random_values(2000, 19, 3).data(), 2000);
    layer.prepare_params();
    check("after set");
  }
}

// Frozen, the range of the first rows would stop every value that outgrows it.
TEST(embedding_abs_max_scales_follow_the_rows_straight_through) {
  for (const Grid grid : {Grid::kSigned, Grid::kNarrow, Grid::kUnsigned, Grid::kMidrise}) {
    for (const bool by_rows : {true, false}) {
      Embedding layer(on_grid(5, 9, 4, grid, Method::kSte));
      const auto weight = graded_rows(5, 9, 23);
      layer.set_weight_data(weight.data(), weight.size());
      layer.prepare_params();
      const Scales before = layer.scales();
      const auto update = random_values(45, 24, 2);
      if (by_rows) {
        const int32_t rows[] = {3, 1};
        layer.add_update(rows, 2, update.data(), nullptr);
      } else {
        float* values = layer.mutable_weight();
        for (size_t i = 0; i < 45; ++i) values[i] += update[i];
        layer.after_update();
      }
      Embedding fresh(on_grid(5, 9, 4, grid, Method::kSte));
      fresh.set_weight_data(layer.weight(), 45);
      fresh.prepare_params();
      CHECK(layer.scales().scales == fresh.scales().scales);
      CHECK(layer.scales().zero_points == fresh.scales().zero_points);
      CHECK(layer.scales().scales[1] != before.scales[1]);
    }
  }
}

// Other estimators clip on purpose: their scales stay.
TEST(embedding_scales_of_other_estimators_stay_straight_through) {
  EmbeddingOptions o = options(4, 9, 4, Method::kSte);
  o.weight.quantizer.range = RangeEstimator::kMse;
  Embedding layer(o);
  layer.reset_parameters(2);
  layer.prepare_params();
  const Scales before = layer.scales();
  const auto update = random_values(36, 24, 2);
  layer.add_update(all_rows(4).data(), 4, update.data(), nullptr);
  layer.after_update();
  CHECK(layer.scales().scales == before.scales);
}
