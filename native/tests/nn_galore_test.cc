// GaLore: its subspaces against a plain eigen decomposition, its steps against closed forms.
#include <algorithm>
#include <cmath>

#include "nn/galore.h"
#include "nn/optimizer.h"
#include "nn/top_subspace.h"
#include "nn_test_util.h"
#include "runtime/thread_pool.h"

namespace {

using namespace nn_test;
using Doubles = std::vector<double>;

// --- the oracle: classical Jacobi on A·Aᵀ, the largest element first -------------------------------

struct Eigen {
  Doubles values;                // falling
  std::vector<Doubles> vectors;  // unit, one per value
};

Eigen plain_jacobi(Doubles m, size_t n) {
  Doubles v(n * n, 0.0);
  for (size_t i = 0; i < n; ++i) v[i * n + i] = 1;
  for (int turn = 0; turn < 100000; ++turn) {
    size_t p = 0, q = 1;
    for (size_t r = 0; r < n; ++r) {
      for (size_t c = r + 1; c < n; ++c) {
        if (std::fabs(m[r * n + c]) > std::fabs(m[p * n + q])) p = r, q = c;
      }
    }
    if (n < 2 || std::fabs(m[p * n + q]) < 1e-13 * std::fabs(m[0] + m[n * n - 1])) break;
    const double angle = 0.5 * std::atan2(2 * m[p * n + q], m[q * n + q] - m[p * n + p]);
    const double c = std::cos(angle), s = std::sin(angle);
    for (size_t k = 0; k < n; ++k) {
      const double a = m[k * n + p], b = m[k * n + q];
      m[k * n + p] = c * a - s * b, m[k * n + q] = s * a + c * b;
      const double e = v[k * n + p], f = v[k * n + q];
      v[k * n + p] = c * e - s * f, v[k * n + q] = s * e + c * f;
    }
    for (size_t k = 0; k < n; ++k) {
      const double a = m[p * n + k], b = m[q * n + k];
      m[p * n + k] = c * a - s * b, m[q * n + k] = s * a + c * b;
    }
  }
  std::vector<size_t> order(n);
  for (size_t i = 0; i < n; ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return m[a * n + a] > m[b * n + b]; });
  Eigen result;
  for (const size_t i : order) {
    result.values.push_back(m[i * n + i]);
    result.vectors.emplace_back();
    for (size_t k = 0; k < n; ++k) result.vectors.back().push_back(v[k * n + i]);
  }
  return result;
}

// Of A·Aᵀ, or Aᵀ·A.
Eigen singular(const std::vector<float>& a, size_t rows, size_t cols, bool transposed) {
  const size_t n = transposed ? cols : rows, inner = transposed ? rows : cols;
  const auto at = [&](size_t i, size_t k) {
    return double(transposed ? a[k * cols + i] : a[i * cols + k]);
  };
  Doubles gram(n * n, 0.0);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) {
      for (size_t k = 0; k < inner; ++k) gram[i * n + j] += at(i, k) * at(j, k);
    }
  }
  return plain_jacobi(gram, n);
}

double largest_defect_of_orthonormality(const std::vector<float>& basis, size_t n, size_t rank) {
  double worst = 0;
  for (size_t i = 0; i < rank; ++i) {
    for (size_t j = 0; j < rank; ++j) {
      double sum = i == j ? -1 : 0;
      for (size_t k = 0; k < n; ++k) sum += double(basis[k * rank + i]) * basis[k * rank + j];
      worst = std::max(worst, std::fabs(sum));
    }
  }
  return worst;
}

// What of the gradient's energy the span of the basis holds.
double captured_energy(const std::vector<float>& basis, const Eigen& oracle, size_t n, size_t rank) {
  double energy = 0;
  for (size_t e = 0; e < oracle.values.size(); ++e) {
    for (size_t i = 0; i < rank; ++i) {
      double along = 0;
      for (size_t k = 0; k < n; ++k) along += basis[k * rank + i] * oracle.vectors[e][k];
      energy += oracle.values[e] * along * along;
    }
  }
  return energy;
}

// rows x cols with falling singular values: a sum of outer products of random directions.
std::vector<float> with_gaps(size_t rows, size_t cols, const Doubles& weights) {
  std::vector<float> a(rows * cols, 0.0f);
  for (size_t w = 0; w < weights.size(); ++w) {
    const auto u = random_values(static_cast<int64_t>(rows), 10 * w + 1);
    const auto v = random_values(static_cast<int64_t>(cols), 10 * w + 2);
    for (size_t r = 0; r < rows; ++r) {
      for (size_t c = 0; c < cols; ++c) a[r * cols + c] += static_cast<float>(weights[w]) * u[r] * v[c];
    }
  }
  return a;
}

std::vector<float> basis_of(const std::vector<float>& a, int64_t rows, int64_t cols, bool transposed,
                            int64_t rank, uint64_t key = 1) {
  std::vector<float> basis(static_cast<size_t>((transposed ? cols : rows) * rank));
  qat::top_subspace(a.data(), rows, cols, transposed, rank, key, basis.data());
  return basis;
}

qat::OptimizerOptions galore(qat::OptimizerKind kind, int64_t rank, qat::GaloreType type) {
  qat::OptimizerOptions options = qat::default_options(kind);
  options.galore.rank = rank;
  options.galore.type = type;
  return options;
}

constexpr qat::GaloreType kTypes[] = {qat::GaloreType::kStd, qat::GaloreType::kReverseStd,
                                      qat::GaloreType::kLeft, qat::GaloreType::kRight,
                                      qat::GaloreType::kFull};

}  // namespace

TEST(top_subspace_is_that_of_a_plain_eigen_decomposition) {
  const size_t rank = 4;
  for (const auto& [rows, cols] : {std::pair<size_t, size_t>{40, 25}, {25, 40}, {30, 30}}) {
    const auto a = with_gaps(rows, cols, {9, 6, 4, 2.5, 0.3, 0.2, 0.1});
    for (const bool transposed : {false, true}) {
      const size_t n = transposed ? cols : rows;
      const Eigen oracle = singular(a, rows, cols, transposed);
      const auto basis = basis_of(a, static_cast<int64_t>(rows), static_cast<int64_t>(cols),
                                  transposed, rank);
      CHECK(largest_defect_of_orthonormality(basis, n, rank) < 1e-6);
      for (size_t i = 0; i < rank; ++i) {
        double along = 0;
        for (size_t k = 0; k < n; ++k) along += basis[k * rank + i] * oracle.vectors[i][k];
        CHECK_NEAR(std::fabs(along), 1, 1e-6);  // the same vectors in the same order
      }
    }
  }
}

TEST(top_subspace_of_noise_holds_the_energy_that_it_can) {
  for (const int64_t rank : {1, 5, 12, 40}) {
    const auto a = random_values(60 * 40, 5);
    const Eigen oracle = singular(a, 60, 40, false);
    const auto basis = basis_of(a, 60, 40, false, rank);
    double best = 0;
    for (int64_t i = 0; i < rank; ++i) best += oracle.values[static_cast<size_t>(i)];
    const double captured = captured_energy(basis, oracle, 60, static_cast<size_t>(rank));
    CHECK_IN(captured >= best * (1 - 5e-3) && captured <= best * (1 + 1e-6), captured / best);
    CHECK(largest_defect_of_orthonormality(basis, 60, static_cast<size_t>(rank)) < 1e-6);
  }
}

TEST(top_subspace_of_matrices_without_full_rank_is_orthonormal) {
  std::vector<float> zero(20 * 12, 0.0f), same(20 * 12, 3e-20f);
  for (const auto* a : {&zero, &same}) {
    for (const int64_t rank : {1, 3, 12}) {
      for (const bool transposed : {false, true}) {
        const auto basis = basis_of(*a, 20, 12, transposed, rank);
        CHECK(largest_defect_of_orthonormality(basis, transposed ? 12 : 20,
                                               static_cast<size_t>(rank)) < 1e-6);
      }
    }
  }
  // All rows alike: the one direction there is, however small its values.
  const auto basis = basis_of(same, 20, 12, false, 2);
  double along = 0;
  for (size_t k = 0; k < 20; ++k) along += basis[k * 2] / std::sqrt(20.0);
  CHECK_NEAR(std::fabs(along), 1, 1e-6);
}

TEST(top_subspace_of_singular_values_many_orders_apart_is_orthonormal) {
  const auto a = with_gaps(50, 30, {1e3, 1, 1e-2, 1e-4, 1e-6});
  for (const bool transposed : {false, true}) {
    const auto basis = basis_of(a, 50, 30, transposed, 10);
    CHECK(largest_defect_of_orthonormality(basis, transposed ? 30 : 50, 10) < 1e-6);
  }
}

TEST(top_subspace_does_not_depend_on_threads) {
  const auto a = random_values(300 * 200, 6);
  qat::set_threads(1);
  const auto one = basis_of(a, 300, 200, true, 32);
  qat::set_threads(4);
  const auto four = basis_of(a, 300, 200, true, 32);
  qat::set_threads(1);
  CHECK(one == four);
}

TEST(galore_projects_the_side_its_type_names) {
  struct Row {
    qat::GaloreType type;
    bool tall_left, tall_right, wide_left, wide_right;
  };
  const Row rows[] = {{qat::GaloreType::kStd, false, true, true, false},
                      {qat::GaloreType::kReverseStd, true, false, false, true},
                      {qat::GaloreType::kLeft, true, false, true, false},
                      {qat::GaloreType::kRight, false, true, false, true},
                      {qat::GaloreType::kFull, true, true, true, true}};
  for (const Row& row : rows) {
    qat::GaloreOptions options;
    options.rank = 2;
    options.type = row.type;
    const auto tall = qat::galore_shape(options, 6, 4), wide = qat::galore_shape(options, 4, 6);
    CHECK_EQ(tall.left, row.tall_left);
    CHECK_EQ(tall.right, row.tall_right);
    CHECK_EQ(wide.left, row.wide_left);
    CHECK_EQ(wide.right, row.wide_right);
    CHECK_EQ(tall.low_size(), (row.tall_left ? 2 : 6) * (row.tall_right ? 2 : 4));
  }
  qat::GaloreOptions large;
  large.rank = 1000;
  CHECK_EQ(qat::galore_shape(large, 6, 4).rank, 4);
}

TEST(galore_of_all_ranks_is_the_optimizer_itself) {
  // A square basis of every direction: what is projected comes back. SGD is linear, so nothing else
  // changes, weight decay included.
  const std::vector<float> init = random_values(9 * 6, 1), gradients = random_values(9 * 6 * 10, 2);
  qat::OptimizerOptions plain = qat::default_options(qat::OptimizerKind::kSgd);
  plain.momentum = 0.9;
  plain.weight_decay = 0.05;
  const auto expected = qat::optimize_trajectory(init.data(), gradients.data(), 10,
                                                 qat::ParameterSpec{6, 9, false}, plain, 0.1);
  qat::OptimizerOptions options = plain;
  options.galore.rank = 6;
  options.galore.update_gap = 100;
  for (const qat::GaloreType type : {qat::GaloreType::kStd, qat::GaloreType::kLeft}) {
    options.galore.type = type;
    const auto way = qat::optimize_trajectory(init.data(), gradients.data(), 10,
                                              qat::ParameterSpec{6, 9, false}, options, 0.1);
    for (size_t i = 0; i < way.size(); ++i) CHECK_NEAR(way[i], expected[i], 2e-6);
  }
  // The scale is that of the change: without decay, a quarter of the way.
  options.weight_decay = plain.weight_decay = 0;
  options.galore.scale = 0.25;
  const auto straight = qat::optimize_trajectory(init.data(), gradients.data(), 10,
                                                 qat::ParameterSpec{6, 9, false}, plain, 0.1);
  const auto quarter = qat::optimize_trajectory(init.data(), gradients.data(), 10,
                                                qat::ParameterSpec{6, 9, false}, options, 0.1);
  for (size_t i = 0; i < quarter.size(); ++i) {
    const double from = init[i % init.size()];
    CHECK_NEAR(quarter[i], from + 0.25 * (straight[i] - from), 2e-6);
  }
}

TEST(galore_adam_on_gradients_of_rank_one_is_adam_on_their_coefficients) {
  // G_t = c_t·u·v̂ᵀ: the right basis is ±v̂, and Adam does not care for the sign.
  const std::vector<float> u = random_values(7, 1), v = random_values(5, 2), c = random_values(20, 3);
  double length = 0;
  for (const float x : v) length += double(x) * x;
  length = std::sqrt(length);
  std::vector<float> init = random_values(35, 4), gradients;
  for (const float factor : c) {
    for (const float x : u) {
      for (const float y : v) gradients.push_back(factor * x * y);
    }
  }
  qat::OptimizerOptions options = galore(qat::OptimizerKind::kAdamW, 1, qat::GaloreType::kStd);
  options.weight_decay = 0.1;
  options.galore.scale = 0.5;
  const auto way = qat::optimize_trajectory(init.data(), gradients.data(), 20,
                                            qat::ParameterSpec{7, 5, false}, options, 0.05);
  Doubles m(7, 0.0), s(7, 0.0), w(init.begin(), init.end());
  for (int t = 1; t <= 20; ++t) {
    for (size_t r = 0; r < 7; ++r) {
      const double g = double(c[static_cast<size_t>(t - 1)]) * u[r] * length;
      m[r] = 0.9 * m[r] + 0.1 * g;
      s[r] = 0.999 * s[r] + 0.001 * g * g;
      const double change = -0.05 * m[r] / (1 - std::pow(0.9, t)) /
                            (std::sqrt(s[r] / (1 - std::pow(0.999, t))) + 1e-8);
      for (size_t k = 0; k < 5; ++k) {
        double& at = w[r * 5 + k];
        at = at * (1 - 0.05 * 0.1) + 0.5 * change * v[k] / length;
        CHECK_NEAR(way[static_cast<size_t>(t - 1) * 35 + r * 5 + k], at, 5e-6);
      }
    }
  }
}

TEST(galore_chooses_a_new_subspace_after_its_gap_and_not_before) {
  // Steps 1–3 see direction 0, later ones direction 1; with a gap of 5, step 6 is the next choice.
  std::vector<float> gradients(8 * 16, 0.0f);
  for (size_t t = 0; t < 8; ++t) {
    for (size_t r = 0; r < 4; ++r) gradients[t * 16 + r * 4 + (t < 3 ? 0 : 1)] = 1;
  }
  for (const qat::GaloreType type : {qat::GaloreType::kRight, qat::GaloreType::kFull}) {
    qat::OptimizerOptions options = galore(qat::OptimizerKind::kSgd, 1, type);
    options.galore.update_gap = 5;
    const std::vector<float> init(16, 0.0f);
    const auto way = qat::optimize_trajectory(init.data(), gradients.data(), 8,
                                              qat::ParameterSpec{4, 4, false}, options, 0.1);
    const double steps_0[] = {1, 2, 3, 3, 3, 3, 3, 3}, steps_1[] = {0, 0, 0, 0, 0, 1, 2, 3};
    for (size_t t = 0; t < 8; ++t) {
      CHECK_NEAR(way[t * 16], -0.1 * steps_0[t], 1e-6);
      CHECK_NEAR(way[t * 16 + 1], -0.1 * steps_1[t], 1e-6);
    }
  }
}

TEST(galore_leaves_vectors_and_votes_alone_and_its_moments_are_small) {
  const qat::OptimizerOptions options = galore(qat::OptimizerKind::kAdam, 3, qat::GaloreType::kStd);
  qat::Optimizer optimizer(
      options, std::vector<qat::ParameterSpec>{{50, 1, false}, {1, 50, false}, {50, 20, false}});
  CHECK_EQ(optimizer.moments()[0].first.size(), size_t{50});
  CHECK_EQ(optimizer.moments()[1].second.size(), size_t{50});
  CHECK_EQ(optimizer.moments()[2].first.size(), size_t{50 * 3});
  CHECK_EQ(optimizer.moments()[2].right.size(), size_t{20 * 3});
  CHECK(optimizer.moments()[2].left.empty());
  CHECK_EQ(optimizer.state_arrays().size(), size_t{8});

  const auto init = random_values(50, 1), gradients = random_values(500, 2);
  qat::OptimizerOptions plain = options;
  plain.galore.rank = 0;
  CHECK(qat::optimize_trajectory(init.data(), gradients.data(), 10, 50, options, 0.1) ==
        qat::optimize_trajectory(init.data(), gradients.data(), 10, 50, plain, 0.1));
  const qat::Optimizer votes(galore(qat::OptimizerKind::kDiode, 3, qat::GaloreType::kStd),
                             std::vector<qat::ParameterSpec>{{50, 20, true}});
  CHECK_EQ(votes.moments()[0].second.size(), size_t{1000});
}

TEST(galore_resumes_to_the_same_bits_with_every_type_and_optimizer) {
  const std::vector<qat::ParameterSpec> specs = {{24, 16, false}, {10, 30, false}};
  for (const qat::GaloreType type : kTypes) {
    for (const auto kind : {qat::OptimizerKind::kAdamW, qat::OptimizerKind::kLion,
                            qat::OptimizerKind::kDiode}) {
      qat::OptimizerOptions options = galore(kind, 4, type);
      options.galore.update_gap = 4;
      options.seed = 9;
      std::vector<float> at_end[2];
      for (const int run : {0, 1}) {
        qat::Optimizer first(options, specs), second(options, specs);
        std::vector<float> w = random_values(384 + 300, 1);
        for (int t = 0; t < 11; ++t) {
          if (t == 6) {
            auto from = first.state_arrays(), to = second.state_arrays();
            for (size_t i = 0; i < from.size(); ++i) *to[i].values = *from[i].values;
            second.set_step(first.step());
          }
          qat::Optimizer& optimizer = run == 1 && t >= 6 ? second : first;
          const auto g = random_values(684, 50 + static_cast<uint64_t>(t));
          optimizer.begin_step();
          optimizer.update(0, w.data(), g.data(), 0.01);
          optimizer.update(1, w.data() + 384, g.data() + 384, 0.01);
        }
        at_end[run] = w;
      }
      CHECK(at_end[0] == at_end[1]);
    }
  }
}

TEST(galore_refuses_options_that_make_no_sense) {
  qat::OptimizerOptions options = galore(qat::OptimizerKind::kAdam, -1, qat::GaloreType::kStd);
  CHECK_THROWS(qat::validate(options), "E-NATIVE-ARGUMENT");
  options.galore.rank = 2;
  options.galore.update_gap = 0;
  CHECK_THROWS(qat::validate(options), "E-NATIVE-ARGUMENT");
  options.galore.update_gap = 1;
  options.galore.scale = 0;
  CHECK_THROWS(qat::validate(options), "E-NATIVE-ARGUMENT");
}
