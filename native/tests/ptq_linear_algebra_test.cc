// Cholesky, triangular inverse, Cholesky of the inverse and Hessians against plain definitions.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernel_test_util.h"
#include "ptq_test_util.h"
#include "ptq/hessian.h"
#include "ptq/linear_algebra.h"
#include "runtime/thread_pool.h"

using namespace qat_test;  // NOLINT
using qat::SquareMatrix;

namespace {

// Textbook Cholesky, element by element.
SquareMatrix plain_cholesky(const SquareMatrix& a, size_t n) {
  SquareMatrix l(n * n, 0.0);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j <= i; ++j) {
      double sum = a[i * n + j];
      for (size_t p = 0; p < j; ++p) sum -= l[i * n + p] * l[j * n + p];
      l[i * n + j] = i == j ? std::sqrt(sum) : sum / l[j * n + j];
    }
  }
  return l;
}

double largest_difference(const SquareMatrix& a, const SquareMatrix& b) {
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, std::fabs(a[i] - b[i]));
  return most;
}

// a·b, with either transposed on request.
SquareMatrix product(const SquareMatrix& a, bool trans_a, const SquareMatrix& b, bool trans_b,
                     size_t n) {
  SquareMatrix c(n * n, 0.0);
  for (size_t i = 0; i < n; ++i) {
    for (size_t p = 0; p < n; ++p) {
      const double factor = trans_a ? a[p * n + i] : a[i * n + p];
      for (size_t j = 0; j < n; ++j) {
        c[i * n + j] += factor * (trans_b ? b[j * n + p] : b[p * n + j]);
      }
    }
  }
  return c;
}

SquareMatrix identity(size_t n) {
  SquareMatrix a(n * n, 0.0);
  for (size_t i = 0; i < n; ++i) a[i * n + i] = 1;
  return a;
}

constexpr int64_t kSizes[] = {1, 2, 3, 5, 63, 64, 65, 130, 200};

}  // namespace

TEST(ptq_cholesky_is_the_textbook_one_at_every_block_edge) {
  for (const int64_t n : kSizes) {
    const SquareMatrix a = random_spd(n, 10 + static_cast<uint64_t>(n));
    const SquareMatrix l = qat::cholesky(a, n);
    const auto size = static_cast<size_t>(n);
    CHECK_IN(largest_difference(l, plain_cholesky(a, size)) < 1e-11, "n " << n);
    CHECK_IN(largest_difference(product(l, false, l, true, size), a) < 1e-12, "n " << n);
    for (size_t i = 0; i < size; ++i) {
      for (size_t j = i + 1; j < size; ++j) CHECK(l[i * size + j] == 0.0);
    }
  }
}

TEST(ptq_the_inverse_of_a_lower_matrix_is_its_inverse) {
  for (const int64_t n : kSizes) {
    const auto size = static_cast<size_t>(n);
    const SquareMatrix l = qat::cholesky(random_spd(n, 3), n);
    const SquareMatrix inverse = qat::inverse_of_lower(l, n);
    CHECK_IN(largest_difference(product(l, false, inverse, false, size), identity(size)) < 1e-11,
             "n " << n);
  }
}

TEST(ptq_cholesky_of_the_inverse_is_upper_and_inverts) {
  for (const int64_t n : kSizes) {
    const auto size = static_cast<size_t>(n);
    const SquareMatrix a = random_spd(n, 7);
    const SquareMatrix u = qat::cholesky_of_inverse(a, n);
    for (size_t i = 0; i < size; ++i) {
      CHECK(u[i * size + i] > 0);
      for (size_t j = 0; j < i; ++j) CHECK(u[i * size + j] == 0.0);
    }
    // uᵀ·u·a = 1
    const SquareMatrix inverse = product(u, true, u, false, size);
    CHECK_IN(largest_difference(product(inverse, false, a, false, size), identity(size)) < 1e-10,
             "n " << n);
  }
}

TEST(ptq_a_matrix_that_is_not_positive_definite_is_refused) {
  for (const int64_t n : {1, 3, 70, 150}) {
    SquareMatrix a = random_spd(n, 5);
    a[static_cast<size_t>((n - 1) * n + n - 1)] = -1;
    CHECK_THROWS(qat::cholesky(a, n), "E-NATIVE-ARGUMENT");
    CHECK_THROWS(qat::cholesky_of_inverse(a, n), "E-NATIVE-ARGUMENT");
    const SquareMatrix zeros(static_cast<size_t>(n * n), 0.0);
    CHECK_THROWS(qat::cholesky(zeros, n), "E-NATIVE-ARGUMENT");
    a[static_cast<size_t>((n - 1) * n + n - 1)] = std::numeric_limits<double>::quiet_NaN();
    CHECK_THROWS(qat::cholesky(a, n), "E-NATIVE-ARGUMENT");
  }
}

TEST(ptq_a_hessian_is_the_mean_outer_product_of_all_batches) {
  const int64_t in = 131, samples = 300;  // more than a block and than a run of samples
  const std::vector<float> x = random_values(in * samples, 1);
  qat::Hessian whole(in), parts(in);
  whole.add(x.data(), samples);
  parts.add(x.data(), 128);
  parts.add(x.data() + 128 * in, samples - 128);
  const SquareMatrix h = whole.value();
  for (int64_t i = 0; i < in; ++i) {
    for (int64_t j = 0; j < in; ++j) {
      double sum = 0;
      for (int64_t s = 0; s < samples; ++s) {
        sum += static_cast<double>(x[static_cast<size_t>(s * in + i)]) *
               x[static_cast<size_t>(s * in + j)];
      }
      CHECK_NEAR(h[static_cast<size_t>(i * in + j)], 2 * sum / samples, 1e-6);
      CHECK(h[static_cast<size_t>(i * in + j)] == h[static_cast<size_t>(j * in + i)]);
    }
  }
  CHECK(parts.value() == h);
  CHECK_EQ(parts.samples(), samples);
  CHECK_THROWS(qat::Hessian(0), "E-NATIVE-ARGUMENT");
  CHECK_THROWS(qat::Hessian(3).value(), "E-NATIVE-ARGUMENT");
}

TEST(ptq_the_output_error_is_that_of_the_layer_on_its_samples) {
  const int64_t rows = 40, in = 9, samples = 50;
  const std::vector<float> x = random_values(in * samples, 1), w = random_values(rows * in, 2);
  const std::vector<float> q = random_values(rows * in, 3);
  qat::Hessian hessian(in);
  hessian.add(x.data(), samples);
  double expected = 0;
  for (int64_t s = 0; s < samples; ++s) {
    for (int64_t r = 0; r < rows; ++r) {
      double y = 0;
      for (int64_t c = 0; c < in; ++c) {
        const auto i = static_cast<size_t>(r * in + c);
        y += (static_cast<double>(q[i]) - w[i]) * x[static_cast<size_t>(s * in + c)];
      }
      expected += y * y / samples;
    }
  }
  CHECK_NEAR(qat::output_error(w.data(), q.data(), rows, in, hessian.value()) / expected, 1, 1e-6);
}

TEST(ptq_linear_algebra_gives_the_same_bits_on_any_number_of_threads) {
  const int before = qat::thread_count();
  const int64_t n = 200;
  const SquareMatrix a = random_spd(n, 4);
  const std::vector<float> x = random_values(n * 300, 5);
  SquareMatrix u[2], h[2];
  for (const int run : {0, 1}) {
    qat::set_threads(run == 0 ? 1 : 3);
    u[run] = qat::cholesky_of_inverse(a, n);
    qat::Hessian hessian(n);
    hessian.add(x.data(), 300);
    h[run] = hessian.value();
  }
  qat::set_threads(before);
  CHECK(u[0] == u[1]);
  CHECK(h[0] == h[1]);
}

TEST(ptq_cancelled_linear_algebra_stops) {
  qat::CancelToken cancel;
  cancel.cancel();
  const SquareMatrix a = random_spd(70, 1);
  CHECK_THROWS(qat::cholesky_of_inverse(a, 70, &cancel), "E-CANCELLED");
  CHECK_THROWS(qat::inverse_of_lower(a, 70, &cancel), "E-CANCELLED");
}
