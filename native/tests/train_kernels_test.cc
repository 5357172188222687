// GEMM and the training pieces of every level against ref.
#include <cmath>

#include "kernel_test_util.h"
#include "runtime/gemm_parallel.h"
#include "runtime/thread_pool.h"

using namespace qat_test;  // NOLINT
using qat::Kernels;

namespace {

struct Product {
  bool trans_a, trans_b;
  int64_t m, n, k;
  std::vector<float> a, b;
  int64_t lda, ldb;

  Product(bool ta, bool tb, int64_t mm, int64_t nn, int64_t kk, int64_t pad)
      : trans_a(ta), trans_b(tb), m(mm), n(nn), k(kk), lda((ta ? mm : kk) + pad),
        ldb((tb ? kk : nn) + pad) {
    a.resize(static_cast<size_t>(lda * (ta ? k : m)));
    b.resize(static_cast<size_t>(ldb * (tb ? n : k)));
    fill_normal(a, static_cast<int64_t>(a.size()), 1);
    fill_normal(b, static_cast<int64_t>(b.size()), 2);
  }
};

void check_product(const Product& p, int64_t ldc) {
  for (const bool accumulate : {false, true}) {
    Guarded<float> start(p.m * ldc);
    fill_normal(start, p.m * ldc, 3);
    Guarded<float> expected = start;
    reference().gemm(p.trans_a, p.trans_b, p.m, p.n, p.k, p.a.data(), p.lda, p.b.data(), p.ldb,
                     expected.data(), ldc, accumulate);
    for (const Kernels* k : fast_levels()) {
      Guarded<float> c = start;
      k->gemm(p.trans_a, p.trans_b, p.m, p.n, p.k, p.a.data(), p.lda, p.b.data(), p.ldb, c.data(),
              ldc, accumulate);
      CHECK_IN(c.intact(), k->isa);
      const double bound = 1e-6 * (4 + 3 * std::sqrt(static_cast<double>(p.k)));
      for (int64_t i = 0; i < p.m * ldc; ++i) {
        const bool outside = i % ldc >= p.n;
        const double difference = std::fabs(c[i] - expected[i]);
        CHECK_IN(outside ? c[i] == start[i] : difference <= bound,
                 k->isa << " " << p.trans_a << p.trans_b << " " << p.m << "x" << p.n << "x" << p.k
                        << " differs by " << difference);
      }
    }
  }
}

std::vector<float> values(int64_t n, uint64_t seed) {
  std::vector<float> v(static_cast<size_t>(n));
  fill_normal(v, n, seed);
  return v;
}

}  // namespace

TEST(gemm_matches_ref_in_all_forms) {
  for (const bool ta : {false, true}) {
    for (const bool tb : {false, true}) {
      for (const int64_t m : {int64_t{1}, int64_t{5}, int64_t{14}, int64_t{29}}) {
        for (const int64_t n : {int64_t{1}, int64_t{10}, int64_t{16}, int64_t{33}, int64_t{65}}) {
          for (const int64_t k : {int64_t{1}, int64_t{15}, int64_t{64}, int64_t{129}}) {
            check_product(Product(ta, tb, m, n, k, 0), n);
            check_product(Product(ta, tb, m, n, k, 3), n + 5);
          }
        }
      }
      check_product(Product(ta, tb, 180, 1100, 530, 1), 1101);  // several blocks each way
    }
  }
}

TEST(gemm_of_no_depth_clears_or_keeps) {
  for (const char* isa : {"ref", "avx2", "avx512"}) {
    const Kernels* k = qat::kernels_for(isa);
    if (!k) continue;
    float c[6] = {1, 2, 3, 4, 5, 6};
    k->gemm(false, false, 2, 3, 0, nullptr, 0, nullptr, 3, c, 3, true);
    CHECK_EQ(c[4], 5.0f);
    k->gemm(false, false, 2, 3, 0, nullptr, 0, nullptr, 3, c, 3, false);
    CHECK_EQ(c[4], 0.0f);
  }
}

TEST(gemm_does_not_depend_on_the_thread_count) {
  const int threads = qat::thread_count();
  for (const bool tall : {false, true}) {
    const Product p(false, true, tall ? 700 : 128, tall ? 65 : 300, 784, 0);
    std::vector<float> one(static_cast<size_t>(p.m * p.n)), many(one.size());
    qat::set_threads(1);
    qat::gemm_parallel(false, true, p.m, p.n, p.k, p.a.data(), p.lda, p.b.data(), p.ldb, one.data(),
                       p.n, false);
    for (const int count : {2, 3, 5}) {
      qat::set_threads(count);
      qat::gemm_parallel(false, true, p.m, p.n, p.k, p.a.data(), p.lda, p.b.data(), p.ldb,
                         many.data(), p.n, false);
      CHECK_IN(one == many, count << " threads");
    }
  }
  qat::set_threads(threads);
}

TEST(training_pieces_equal_ref_bit_for_bit) {
  for (const int64_t n : odd_sizes()) {
    Guarded<float> x(n), dy(n);
    fill_normal(x, n, 1);
    fill_normal(dy, n, 2);
    x[0] = -0.0f;
    for (const Kernels* k : fast_levels()) {
      Guarded<float> expected(n), got(n);
      reference().relu(x.data(), expected.data(), n);
      k->relu(x.data(), got.data(), n);
      CHECK_IN(got.same_bytes(expected) && got.intact(), k->isa << " relu " << n);
      reference().relu_backward(x.data(), dy.data(), expected.data(), n);
      k->relu_backward(x.data(), dy.data(), got.data(), n);
      CHECK_IN(got.same_bytes(expected) && got.intact(), k->isa << " relu_backward " << n);
      const int64_t rows = 5;
      Guarded<float> matrix(rows * n), expected_matrix(rows * n);
      fill_normal(matrix, rows * n, 4);
      expected_matrix = matrix;
      reference().add_bias_rows(expected_matrix.data(), x.data(), rows, n);
      k->add_bias_rows(matrix.data(), x.data(), rows, n);
      CHECK_IN(matrix.same_bytes(expected_matrix) && matrix.intact(), k->isa << " bias " << n);
      reference().sum_rows(matrix.data(), expected.data(), rows, n);
      k->sum_rows(matrix.data(), got.data(), rows, n);
      CHECK_IN(got.same_bytes(expected) && got.intact(), k->isa << " sum_rows " << n);
    }
  }
}

TEST(sgd_equals_ref_bit_for_bit) {
  for (const int64_t n : odd_sizes()) {
    for (const double momentum : {0.0, 0.9}) {
      for (const bool nesterov : {false, true}) {
        for (const Kernels* k : fast_levels()) {
          Guarded<float> p(n), g(n), m(n);
          fill_normal(p, n, 1);
          fill_normal(g, n, 2);
          Guarded<float> expected_p = p, expected_m = m;
          for (int step = 0; step < 3; ++step) {
            float* expected_buffer = momentum != 0 ? expected_m.data() : nullptr;
            float* buffer = momentum != 0 ? m.data() : nullptr;
            reference().sgd_step(expected_p.data(), g.data(), expected_buffer, n, 0.1, momentum,
                                 5e-4, nesterov, step == 0);
            k->sgd_step(p.data(), g.data(), buffer, n, 0.1, momentum, 5e-4, nesterov, step == 0);
          }
          CHECK_IN(p.same_bytes(expected_p) && m.same_bytes(expected_m) && p.intact() && m.intact(),
                   k->isa << " n " << n);
        }
      }
    }
  }
}

TEST(adam_equals_ref_bit_for_bit) {
  for (const int64_t n : odd_sizes()) {
    for (const bool decoupled : {false, true}) {
      for (const Kernels* k : fast_levels()) {
        Guarded<float> p(n), m(n), v(n);
        fill_normal(p, n, 1);
        for (int64_t i = 0; i < n; ++i) m[i] = v[i] = 0;
        Guarded<float> expected_p = p, expected_m = m, expected_v = v;
        for (int64_t t = 1; t <= 3; ++t) {
          const std::vector<float> g = values(n, static_cast<uint64_t>(t));
          reference().adam_step(expected_p.data(), g.data(), expected_m.data(),
                                expected_v.data(), n, 1e-3, 0.9, 0.999, 1e-8, 0.01, decoupled, t);
          k->adam_step(p.data(), g.data(), m.data(), v.data(), n, 1e-3, 0.9, 0.999, 1e-8, 0.01,
                       decoupled, t);
        }
        CHECK_IN(p.same_bytes(expected_p) && m.same_bytes(expected_m) && v.same_bytes(expected_v) &&
                     p.intact() && m.intact() && v.intact(),
                 k->isa << " n " << n);
      }
    }
  }
}
