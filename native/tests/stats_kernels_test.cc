// moments, histogram, bins, range search and finiteness of every level against ref.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernel_test_util.h"

using namespace qat_test;  // NOLINT
using qat::Kernels;
using qat::Moments;
using qat::ScaleCandidate;
using qat::ScaleFit;

namespace {

bool near(double a, double b, double magnitude) {
  return std::fabs(a - b) <= 1e-12 * magnitude + 1e-300;
}

}  // namespace

TEST(moments_match_ref) {
  for (const int64_t n : odd_sizes()) {
    Guarded<float> x(n);
    fill_normal(x, n, static_cast<uint64_t>(n));
    for (int64_t i = 0; i < n; i += 5) x[i] = i % 2 ? 0.0f : -0.0f;
    Moments expected;
    reference().moments(x.data(), n, 0.25, &expected);
    double magnitude = 0;
    for (int64_t i = 0; i < n; ++i) magnitude += std::pow(std::fabs(x[i] - 0.25), 4.0) + 10;
    for (const Kernels* k : fast_levels()) {
      Moments m;
      k->moments(x.data(), n, 0.25, &m);
      CHECK_IN(m.count == n && m.zeros == expected.zeros, k->isa << " n " << n);
      CHECK_IN(m.min == expected.min && m.max == expected.max, k->isa << " n " << n);
      CHECK_IN(near(m.abs_sum, expected.abs_sum, magnitude), k->isa << " n " << n);
      CHECK_IN(near(m.s1, expected.s1, magnitude) && near(m.s2, expected.s2, magnitude) &&
                   near(m.s3, expected.s3, magnitude) && near(m.s4, expected.s4, magnitude),
               k->isa << " n " << n);
    }
  }
}

TEST(row_ends_equal_those_of_every_group) {
  std::vector<const Kernels*> levels = fast_levels();
  levels.push_back(&reference());
  for (const int64_t n : odd_sizes()) {
    for (const int64_t group : {int64_t{1}, int64_t{7}, int64_t{32}, int64_t{33}, int64_t{128}, n}) {
      const int64_t groups = (n + group - 1) / group;
      Guarded<float> x(n);
      fill_normal(x, n, static_cast<uint64_t>(n + group));
      for (const Kernels* k : levels) {
        Guarded<float> low(groups), high(groups);
        CHECK_IN(k->row_ends(x.data(), n, group, low.data(), high.data()), k->isa << " n " << n);
        CHECK_IN(low.intact() && high.intact(), k->isa << " n " << n);
        for (int64_t g = 0; g < groups; ++g) {
          const float* first = x.data() + g * group;
          const float* last = x.data() + std::min(n, (g + 1) * group);
          CHECK_IN(low[g] == *std::min_element(first, last), k->isa << " n " << n << " group " << group);
          CHECK_IN(high[g] == *std::max_element(first, last), k->isa << " n " << n << " group " << group);
        }
        for (const int64_t at : {int64_t{0}, n / 2, n - 1}) {
          for (const float odd : {std::nanf(""), HUGE_VALF, -HUGE_VALF}) {
            const float kept = x[at];
            x[at] = odd;
            CHECK_IN(!k->row_ends(x.data(), n, group, low.data(), high.data()), k->isa << " at " << at);
            x[at] = kept;
          }
        }
      }
    }
  }
}

TEST(histogram_puts_values_on_edges_where_the_edges_say) {
  // Edges are low + i * step in double; most are not exact, so a plain floor goes wrong somewhere.
  for (const int64_t bins : {int64_t{1}, int64_t{3}, int64_t{10}, int64_t{256}, int64_t{2048}}) {
    const double low = -0.1, high = 0.7, step = (high - low) / static_cast<double>(bins);
    std::vector<const Kernels*> levels = fast_levels();
    levels.push_back(&reference());
    std::vector<float> values;
    for (int64_t i = 0; i <= bins; ++i) {
      const float at = static_cast<float>(static_cast<double>(i) * step + low);
      for (const float v : {std::nextafterf(at, -1e9f), at, std::nextafterf(at, 1e9f)}) {
        values.push_back(v);
      }
    }
    const int64_t n = static_cast<int64_t>(values.size());
    std::vector<int32_t> expected;
    for (const float v : values) {
      const double d = v;
      int32_t bin = -1;
      if (d > high) {
        bin = static_cast<int32_t>(bins);
      } else if (d >= low) {  // the last bin whose lower edge is not above the value
        for (int64_t i = 0; i < bins; ++i) {
          if (d >= static_cast<double>(i) * step + low) bin = static_cast<int32_t>(i);
        }
      }
      expected.push_back(bin);
    }
    for (const Kernels* k : levels) {
      Guarded<int32_t> found(n);
      k->bin_indices(values.data(), n, low, high, bins, found.data());
      CHECK_IN(found.intact(), k->isa);
      for (int64_t i = 0; i < n; ++i) {
        CHECK_IN(found[i] == expected[static_cast<size_t>(i)],
                 k->isa << " bins " << bins << " value " << values[static_cast<size_t>(i)]);
      }
    }
  }
}

TEST(histogram_counts_equal_ref) {
  for (const int64_t n : {int64_t{1}, int64_t{17}, int64_t{1000}, int64_t{50001}}) {
    for (const int64_t bins : std::vector<int64_t>{1, 7, 256, 2048, 5000}) {
      Guarded<float> x(n);
      fill_normal(x, n, 5);
      if (n > 3) x[2] = std::nanf("");
      Guarded<int64_t> expected(bins), counts(bins);
      for (int64_t b = 0; b < bins; ++b) expected[b] = counts[b] = 2;
      int64_t expected_below = 1, expected_above = 1;
      reference().histogram(x.data(), n, -1.0, 2.0, bins, expected.data(), &expected_below,
                            &expected_above);
      for (const Kernels* k : fast_levels()) {
        Guarded<int64_t> found = counts;
        int64_t below = 1, above = 1;
        k->histogram(x.data(), n, -1.0, 2.0, bins, found.data(), &below, &above);
        CHECK_IN(found.same_bytes(expected) && found.intact() && below == expected_below &&
                     above == expected_above,
                 k->isa << " n " << n << " bins " << bins);
      }
    }
  }
}

TEST(histogram_of_a_narrow_range_far_from_zero_equals_ref) {
  // A float difference says nothing here: every vector must take the exact rule.
  const int64_t n = 4099, bins = 2048;
  Guarded<float> x(n);
  qat::Rng rng(3);
  for (int64_t i = 0; i < n; ++i) x[i] = 1000.0f + 0.1f * static_cast<float>(rng.uniform());
  Guarded<int32_t> expected(n);
  reference().bin_indices(x.data(), n, 1000.01, 1000.09, bins, expected.data());
  for (const Kernels* k : fast_levels()) {
    Guarded<int32_t> found(n);
    k->bin_indices(x.data(), n, 1000.01, 1000.09, bins, found.data());
    CHECK_IN(found.same_bytes(expected) && found.intact(), k->isa);
  }
}

TEST(collect_ranges_equals_ref) {
  const float ranges[] = {-1e30f, -1.5f, -0.25f, 0.0f, 0.5f, 0.5f, 2.0f,
                          std::numeric_limits<float>::infinity()};
  for (const int64_t n : odd_sizes()) {
    Guarded<float> x(n);
    fill_normal(x, n, static_cast<uint64_t>(n));
    for (int64_t i = 0; i < n; i += 3) x[i] = i % 2 ? -1.5f : 0.5f;
    if (n > 5) x[5] = std::nanf("");
    for (const int count : {0, 1, 3, 4}) {
      Guarded<float> expected(n);
      const int64_t wanted =
          reference().collect_ranges(x.data(), n, ranges, count, expected.data());
      int64_t inside = 0;
      for (int64_t i = 0; i < n; ++i) {
        for (int r = 0; r < count; ++r) {
          inside += x[i] >= ranges[2 * r] && x[i] <= ranges[2 * r + 1] ? 1 : 0;
        }
      }
      CHECK_EQ(wanted, inside);
      for (const Kernels* k : fast_levels()) {
        Guarded<float> found(n);
        const int64_t got = k->collect_ranges(x.data(), n, ranges, count, found.data());
        CHECK_IN(got == wanted && found.same_bytes(expected) && found.intact(),
                 k->isa << " n " << n << " ranges " << count);
      }
    }
  }
}

namespace {

// The grids of the candidates of one call have one offset.
void check_range_search(float offset) {
  for (const int64_t n : odd_sizes()) {
    Guarded<float> x(n);
    fill_normal(x, n, 9);
    for (const int count : {1, 3, 4, 8, 17, 48}) {
      std::vector<ScaleCandidate> candidates;
      for (int i = 0; i < count; ++i) {
        const float low = -3.0f - static_cast<float>(i % 5);
        candidates.push_back({0.7f + 0.31f * static_cast<float>(i), low,
                              4.0f + static_cast<float>(i % 3), offset});
      }
      std::vector<double> expected(static_cast<size_t>(count), 0.5);
      reference().scale_errors(x.data(), n, candidates.data(), count, expected.data());
      ScaleFit expected_fit;
      reference().scale_fit(x.data(), n, candidates[0], &expected_fit);
      for (const Kernels* k : fast_levels()) {
        Guarded<double> found(count);
        for (int i = 0; i < count; ++i) found[i] = 0.5;
        k->scale_errors(x.data(), n, candidates.data(), count, found.data());
        CHECK_IN(found.intact(), k->isa);
        for (int i = 0; i < count; ++i) {
          const double e = expected[static_cast<size_t>(i)];
          CHECK_IN(std::fabs(found[i] - e) <= 1e-5 * e, k->isa << " n " << n << " of " << count);
        }
        ScaleFit fit;
        k->scale_fit(x.data(), n, candidates[0], &fit);
        CHECK_IN(std::fabs(fit.tq - expected_fit.tq) <= 1e-5 * expected_fit.qq + 1e-6 &&
                     std::fabs(fit.qq - expected_fit.qq) <= 1e-5 * expected_fit.qq &&
                     std::fabs(fit.d2 - expected_fit.d2) <= 1e-5 * expected_fit.d2 + 1e-9,
                 k->isa << " n " << n);
      }
    }
  }
}

}  // namespace

TEST(range_search_sums_match_ref) {
  check_range_search(0.0f);
  check_range_search(0.5f);
}

TEST(first_not_finite_finds_the_first) {
  std::vector<const Kernels*> levels = fast_levels();
  levels.push_back(&reference());
  const float bad[] = {std::nanf(""), std::numeric_limits<float>::infinity(),
                       -std::numeric_limits<float>::infinity()};
  for (const Kernels* k : levels) {
    for (const int64_t n : odd_sizes()) {
      Guarded<float> x(n);
      fill_normal(x, n, 3);
      x[0] = std::numeric_limits<float>::max();
      x[n - 1] = std::numeric_limits<float>::lowest();
      CHECK_IN(k->first_not_finite(x.data(), n) == -1, k->isa << " n " << n);
      for (int64_t at = 0; at < n; at += 1 + n / 7) {
        Guarded<float> y = x;
        y[n - 1] = bad[0];
        y[at] = bad[at % 3];
        CHECK_IN(k->first_not_finite(y.data(), n) == at, k->isa << " n " << n << " at " << at);
      }
    }
    CHECK_EQ(k->first_not_finite(nullptr, 0), int64_t{-1});
  }
}
