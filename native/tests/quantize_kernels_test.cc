// fake_quant, quantize, backward, binarize and quant_error of every level against ref.
#include <cmath>

#include "kernel_test_util.h"

using namespace qat_test;  // NOLINT
using qat::ErrorSums;
using qat::Kernels;
using qat::QuantParams;

namespace {

struct Shape {
  int64_t rows, cols, row_stride, group_cols;
};

// Tensor, channel and groups that do not divide the columns, over odd column counts.
std::vector<Shape> shapes() {
  std::vector<Shape> all;
  for (const int64_t cols : odd_sizes()) {
    all.push_back({3, cols, 0, cols});
    all.push_back({3, cols, 1, cols});
    for (const int64_t group : {int64_t{5}, int64_t{16}, int64_t{32}}) {
      if (group < cols) all.push_back({2, cols, (cols + group - 1) / group, group});
    }
  }
  return all;
}

struct Grid {
  int32_t qmin, qmax;
  bool zero_points;
  float offset = 0;
  bool ternary = false, two_sided = false;  // thresholds; a scale for each side
};

std::vector<Grid> grids() {
  std::vector<Grid> all;
  for (int bits = 1; bits <= 8; ++bits) {
    all.push_back({0, (1 << bits) - 1, true});
    if (bits > 1) all.push_back({-(1 << (bits - 1)), (1 << (bits - 1)) - 1, false});
    if (bits > 1) all.push_back({-(1 << (bits - 1)) + 1, (1 << (bits - 1)) - 1, false});
    if (bits > 1) all.push_back({-(1 << (bits - 1)), (1 << (bits - 1)) - 1, false, 0.5f});
  }
  all.push_back({-1, 1, false, 0, true, false});
  all.push_back({-1, 1, false, 0, true, true});
  return all;
}

struct Case {
  Shape shape;
  Grid grid;
  std::vector<float> scales;
  std::vector<int32_t> zero_points;
  std::vector<float> thresholds, negative_scales;
  Guarded<float> x;

  Case(const Shape& s, const Grid& g, uint64_t seed) : shape(s), grid(g), x(s.rows * s.cols) {
    qat::Rng rng(seed);
    const int64_t count = s.row_stride ? s.rows * s.row_stride : 1;
    for (int64_t i = 0; i < count; ++i) {
      scales.push_back(0.01f + static_cast<float>(rng.uniform()));
      zero_points.push_back(static_cast<int32_t>(rng.below(static_cast<uint64_t>(g.qmax + 1))));
      thresholds.push_back(i % 3 ? static_cast<float>(rng.uniform()) : 0.5f);
      negative_scales.push_back(0.01f + static_cast<float>(rng.uniform()));
    }
    fill_normal(x, x.size(), seed + 1, 1.0 + 0.3 * g.qmax);
    const std::vector<float> edges = edge_values();
    for (int64_t i = 0; i < x.size(); i += 7) {
      x[i] = edges[static_cast<size_t>(i / 7) % edges.size()];
    }
    for (int64_t i = 3; i < x.size(); i += 11) {
      x[i] = scales[0] * (static_cast<float>(i % 9) - (g.offset == 0 ? 4.5f : 4.0f));  // ties
    }
    for (int64_t i = 5; i < x.size(); i += 13) x[i] = i % 2 ? thresholds[0] : -thresholds[0];
  }
  QuantParams params() const {
    QuantParams p;
    p.qmin = grid.qmin;
    p.qmax = grid.qmax;
    p.scale = scales.data();
    p.zero_point = grid.zero_points ? zero_points.data() : nullptr;
    p.offset = grid.offset;
    p.threshold = grid.ternary ? thresholds.data() : nullptr;
    p.negative_scale = grid.two_sided ? negative_scales.data() : nullptr;
    p.row_stride = shape.row_stride;
    p.group_cols = shape.group_cols;
    return p;
  }
};

template <typename Fn>
void for_each_case(Fn&& fn) {
  uint64_t seed = 1;
  for (const Shape& shape : shapes()) {
    for (const Grid& grid : grids()) {
      const Case c(shape, grid, ++seed);
      for (const Kernels* k : fast_levels()) fn(*k, c);
    }
  }
}

#define WHERE(k, c)                                                                      \
  (k).isa << " " << (c).shape.rows << "x" << (c).shape.cols << " group " << (c).shape.group_cols \
          << " codes " << (c).grid.qmin << "..." << (c).grid.qmax << " + " << (c).grid.offset    \
          << ((c).grid.ternary ? " ternary" : "")

bool close(double a, double b, double scale) {
  return std::fabs(a - b) <= 2e-6 * (std::fabs(scale) + 1e-30);
}

}  // namespace

TEST(fake_quant_equals_ref_bit_for_bit) {
  for_each_case([](const Kernels& k, const Case& c) {
    Guarded<float> expected(c.x.size()), y(c.x.size());
    reference().fake_quant(c.x.data(), expected.data(), c.shape.rows, c.shape.cols, c.params());
    k.fake_quant(c.x.data(), y.data(), c.shape.rows, c.shape.cols, c.params());
    CHECK_IN(y.same_bytes(expected) && y.intact(), WHERE(k, c));
  });
}

// Past the caches, from any alignment of y: the same bits, and every element written.
TEST(streamed_results_are_the_same) {
  qat::Rng rng(3);
  const float scale = 0.03f;
  for (const int64_t n : {int64_t{1}, int64_t{255}, int64_t{256}, int64_t{1000}, int64_t{4099}}) {
    Guarded<float> x(n), dy(n);
    fill_normal(x, n, 5, 0.3);
    fill_normal(dy, n, 6);
    QuantParams p;
    p.qmin = -8;
    p.qmax = 7;
    p.scale = &scale;
    p.group_cols = n;
    for (const Kernels* k : fast_levels()) {
      for (int64_t start = 0; start < 17; ++start) {
        p.streamed = false;
        Guarded<float> expected(n + 17), y(n + 17);
        double expected_sum = 0, sum = 0;
        k->fake_quant(x.data(), expected.data() + start, 1, n, p);
        p.streamed = true;
        k->fake_quant(x.data(), y.data() + start, 1, n, p);
        CHECK_IN(y.same_bytes(expected) && y.intact(), k->isa << " " << n << " from " << start);
        p.streamed = false;
        k->fake_quant_backward(x.data(), dy.data(), expected.data() + start, &expected_sum, 1, n, p);
        p.streamed = true;
        k->fake_quant_backward(x.data(), dy.data(), y.data() + start, &sum, 1, n, p);
        CHECK_IN(y.same_bytes(expected) && y.intact(), k->isa << " " << n << " from " << start);
        CHECK_IN(close(sum, expected_sum, 10.0 * static_cast<double>(n)), k->isa << " " << n);
      }
    }
  }
}

// Values at, and one float to each side of, every tie: a code by 1/s must be that of the division.
TEST(codes_next_to_ties_equal_ref) {
  std::vector<float> scales = {0.1f, 0.3f, 1.0f / 3, 0.7f, 1e-3f, 3e5f, 1e-37f, 1e-40f, 1e37f};
  for (const float scale : scales) {
    for (const float offset : {0.0f, 0.5f}) {
      std::vector<float> x;
      for (int code = -130; code <= 130; ++code) {
        const float tie = (static_cast<float>(code) + (offset == 0 ? 0.5f : 0.0f)) * scale;
        float below = tie, above = tie;
        x.push_back(tie);
        for (int step = 0; step < 4; ++step) {
          x.push_back(below = std::nextafterf(below, -INFINITY));
          x.push_back(above = std::nextafterf(above, INFINITY));
        }
      }
      const auto n = static_cast<int64_t>(x.size());
      QuantParams p;
      p.qmin = -128;
      p.qmax = 127;
      p.scale = &scale;
      p.offset = offset;
      p.group_cols = n;
      std::vector<uint8_t> expected(x.size()), codes(x.size());
      reference().quantize(x.data(), expected.data(), 1, n, p);
      for (const Kernels* k : fast_levels()) {
        k->quantize(x.data(), codes.data(), 1, n, p);
        CHECK_IN(codes == expected, k->isa << " scale " << scale << " offset " << offset);
      }
    }
  }
}

TEST(quantize_codes_equal_ref) {
  for_each_case([](const Kernels& k, const Case& c) {
    Guarded<uint8_t> expected(c.x.size()), codes(c.x.size());
    reference().quantize(c.x.data(), expected.data(), c.shape.rows, c.shape.cols, c.params());
    k.quantize(c.x.data(), codes.data(), c.shape.rows, c.shape.cols, c.params());
    CHECK_IN(codes.same_bytes(expected) && codes.intact(), WHERE(k, c));
  });
}

TEST(fake_quant_backward_matches_ref) {
  for_each_case([](const Kernels& k, const Case& c) {
    const int64_t n = c.x.size();
    Guarded<float> dy(n), expected(n), dx(n);
    fill_normal(dy, n, 77);
    // Ratios of the largest floats would drown the sums that are compared.
    Case tame = c;
    for (int64_t i = 0; i < n; ++i) tame.x[i] = std::fabs(c.x[i]) > 1e4f ? 3.0f : c.x[i];
    const size_t scales = c.scales.size();
    std::vector<double> expected_sums(scales, 1.0), sums(scales, 1.0), magnitudes(scales, 1.0);
    reference().fake_quant_backward(tame.x.data(), dy.data(), expected.data(), expected_sums.data(),
                                    c.shape.rows, c.shape.cols, c.params());
    k.fake_quant_backward(tame.x.data(), dy.data(), dx.data(), sums.data(), c.shape.rows,
                          c.shape.cols, c.params());
    CHECK_IN(dx.same_bytes(expected) && dx.intact(), WHERE(k, c));
    double magnitude = 1;
    for (int64_t i = 0; i < n; ++i) magnitude += std::fabs(dy[i]) * (std::abs(c.grid.qmax) + 1.0);
    for (size_t s = 0; s < scales; ++s) {
      CHECK_IN(close(sums[s], expected_sums[s], magnitude), WHERE(k, c) << " scale " << s);
    }
    k.fake_quant_backward(tame.x.data(), dx.data(), dx.data(), nullptr, c.shape.rows, c.shape.cols,
                          c.params());
    CHECK_IN(dx.same_bytes(expected), WHERE(k, c) << " in place, without sums");
  });
}

// The kernels of every level, the reference among them, on values worked out by hand.
TEST(midrise_and_ternary_follow_their_rules) {
  const float scale = 0.5f, threshold = 0.75f, minus = 2.0f;
  const std::vector<float> x = {-9.0f, -0.75f, -0.5f, -0.0f, 0.25f, 0.5f, 0.75f, 0.76f, 9.0f};
  QuantParams midrise;
  midrise.qmin = -2;
  midrise.qmax = 1;
  midrise.scale = &scale;
  midrise.offset = 0.5f;
  midrise.group_cols = 9;
  // x/s − ½ = −18.5, −2, −1.5, −0.5, 0, 0.5, 1, 1.02, 17.5, rounded half to even and clipped.
  const std::vector<int> midrise_codes = {-2, -2, -2, 0, 0, 0, 1, 1, 1};
  QuantParams ternary = midrise;
  ternary.qmin = -1;
  ternary.offset = 0;
  ternary.threshold = &threshold;
  ternary.negative_scale = &minus;
  const std::vector<float> ternary_values = {-2, 0, 0, 0, 0, 0, 0, 0.5f, 0.5f};
  std::vector<const Kernels*> levels = fast_levels();
  levels.push_back(&reference());
  for (const Kernels* k : levels) {
    std::vector<float> y(9), dx(9), dy(9, 1.0f);
    std::vector<uint8_t> codes(9);
    double sum = 0;
    k->fake_quant(x.data(), y.data(), 1, 9, midrise);
    k->quantize(x.data(), codes.data(), 1, 9, midrise);
    for (size_t i = 0; i < 9; ++i) {
      CHECK_IN(codes[i] == midrise_codes[i] + 2, k->isa << " " << i);
      CHECK_IN(y[i] == (static_cast<float>(midrise_codes[i]) + 0.5f) * scale, k->isa << " " << i);
    }
    // Inside (all but the ends): (q + ½) − x/s; clipped: q + ½.
    k->fake_quant_backward(x.data(), dy.data(), dx.data(), &sum, 1, 9, midrise);
    CHECK_NEAR(sum, -1.5 + 0 - 0.5 + 0.5 + 0 - 0.5 + 0 - 0.02 + 1.5, 1e-6);
    CHECK(dx[0] == 0 && dx[1] == 1 && dx[7] == 1 && dx[8] == 0);
    k->fake_quant(x.data(), y.data(), 1, 9, ternary);
    CHECK_IN(y == ternary_values, k->isa);
    ErrorSums errors;
    int64_t counts[3] = {};
    k->quant_error(x.data(), 1, 9, ternary, false, &errors, counts);
    CHECK_IN(counts[0] == 1 && counts[1] == 6 && counts[2] == 2 && errors.clipped == 0, k->isa);
  }
}

TEST(a_nan_takes_the_lowest_code_everywhere) {
  const float nan = std::nanf("");
  const float scale = 0.5f;
  QuantParams p;
  p.qmin = -8;
  p.qmax = 7;
  p.scale = &scale;
  p.group_cols = 1;
  std::vector<const Kernels*> levels = fast_levels();
  levels.push_back(&reference());
  for (const Kernels* k : levels) {
    float y = 0, dx = 1, dy = 1;
    uint8_t code = 9;
    k->fake_quant(&nan, &y, 1, 1, p);
    k->quantize(&nan, &code, 1, 1, p);
    k->fake_quant_backward(&nan, &dy, &dx, nullptr, 1, 1, p);
    CHECK_IN(y == -4.0f && code == 0 && dx == 0.0f, k->isa);
  }
}

TEST(binarize_equals_ref_bit_for_bit) {
  for_each_case([](const Kernels& k, const Case& c) {
    if (c.grid.qmax != 1) return;
    Guarded<float> expected(c.x.size()), y(c.x.size());
    reference().binarize(c.x.data(), expected.data(), c.shape.rows, c.shape.cols, c.params());
    k.binarize(c.x.data(), y.data(), c.shape.rows, c.shape.cols, c.params());
    CHECK_IN(y.same_bytes(expected) && y.intact(), WHERE(k, c));
  });
}

namespace {

void check_errors(const Kernels& k, const Case& c) {
  const bool binary = c.grid.qmin == 0 && c.grid.qmax == 1;
  const int64_t slots = c.grid.qmax - c.grid.qmin + 1;
  Guarded<int64_t> expected_counts(slots), counts(slots);
  for (int64_t s = 0; s < slots; ++s) expected_counts[s] = counts[s] = 5;
  ErrorSums expected, sums, uncounted;
  reference().quant_error(c.x.data(), c.shape.rows, c.shape.cols, c.params(), binary, &expected,
                          expected_counts.data());
  k.quant_error(c.x.data(), c.shape.rows, c.shape.cols, c.params(), binary, &sums, counts.data());
  k.quant_error(c.x.data(), c.shape.rows, c.shape.cols, c.params(), binary, &uncounted, nullptr);
  CHECK_IN(counts.same_bytes(expected_counts) && counts.intact(), WHERE(k, c));
  CHECK_IN(sums.clipped == expected.clipped, WHERE(k, c));
  CHECK_IN(std::fabs(sums.max_error - expected.max_error) <= 1e-6 * expected.max_error, WHERE(k, c));
  CHECK_IN((sums.max_error == 0) == (expected.max_error == 0), WHERE(k, c));
  CHECK_IN(std::fabs(sums.x2 - expected.x2) <= 1e-6 * expected.x2, WHERE(k, c));
  CHECK_IN(std::fabs(sums.y2 - expected.y2) <= 1e-6 * expected.y2, WHERE(k, c));
  CHECK_IN(std::fabs(sums.e2 - expected.e2) <= 1e-6 * expected.e2, WHERE(k, c));
  const double norm = std::sqrt(expected.x2) * std::sqrt(expected.y2);
  CHECK_IN(std::fabs(sums.xy - expected.xy) <= 1e-6 * norm, WHERE(k, c));
  CHECK_IN(uncounted.e2 == sums.e2 && uncounted.clipped == sums.clipped, WHERE(k, c));
}

}  // namespace

// With the largest and smallest floats among the values, and without: sums in double, and in float.
TEST(quant_error_matches_ref) {
  for_each_case([](const Kernels& k, const Case& c) {
    check_errors(k, c);
    Case tame = c;
    for (int64_t i = 0; i < c.x.size(); ++i) {
      if (!(std::fabs(c.x[i]) < 1e4f && std::fabs(c.x[i]) > 1e-4f)) tame.x[i] = 0.37f;
    }
    check_errors(k, tame);
  });
}

// Errors of numbers whose squares no float holds.
TEST(quant_error_of_very_large_and_very_small_numbers) {
  for (const float size : {1e-30f, 1e-22f, 1e22f, 1e36f}) {
    for (const Kernels* k : fast_levels()) {
      Case c({2, 1100, 1, 1100}, {-8, 7, false}, 4);
      fill_normal(c.x, c.x.size(), 9, size);
      for (float& s : c.scales) s = 0.4f * size;
      check_errors(*k, c);
    }
  }
}

TEST(quant_error_of_values_on_the_grid_is_zero) {
  for (const Kernels* k : fast_levels()) {
    Case c({2, 1100, 1, 1100}, {-8, 7, false}, 4);
    for (int64_t i = 0; i < c.x.size(); ++i) {
      c.x[i] = static_cast<float>(i % 16 - 8) * c.scales[static_cast<size_t>(i / 1100)];
    }
    ErrorSums sums;
    k->quant_error(c.x.data(), 2, 1100, c.params(), false, &sums, nullptr);
    CHECK_IN(sums.e2 == 0 && sums.max_error == 0 && sums.x2 > 0, k->isa);
  }
}
