#include "nn/top_subspace.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "runtime/aligned.h"
#include "runtime/gemm_parallel.h"
#include "runtime/rng.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

// Directions more than asked for: the last of those wanted converge by the ratio to the first left out.
constexpr int64_t kOversample = 8;
constexpr int kMostIterations = 8;
// An iteration that adds less than this share of the energy is the last.
constexpr double kEnoughGain = 1e-6;
// Below this share of its length a vector depends on the ones before it: what is left is the noise of
// float32 products.
constexpr double kDependent = 1e-6;

// A matrix [count, length] of row vectors, in double for orthogonality and float for products.
struct Vectors {
  int64_t count, length;
  std::vector<double> values;
  AlignedVector<float> floats;

  Vectors(int64_t n, int64_t size) : count(n), length(size) {
    values.resize(static_cast<size_t>(n * size));
    floats.resize(static_cast<size_t>(n * size));
  }
  double* row(int64_t i) { return values.data() + i * length; }
  const double* row(int64_t i) const { return values.data() + i * length; }
  void to_floats() { std::copy(values.begin(), values.end(), floats.begin()); }
  void from_floats() { std::copy(floats.begin(), floats.end(), values.begin()); }
};

// Eight sums side by side, so that the compiler may use vectors; the order is fixed.
double dot(const double* a, const double* b, int64_t n) {
  double sums[8] = {};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int k = 0; k < 8; ++k) sums[k] += a[i + k] * b[i + k];
  }
  for (; i < n; ++i) sums[0] += a[i] * b[i];
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

void remove_direction(const double* unit, double* v, int64_t n) {
  const double along = dot(unit, v, n);
  for (int64_t i = 0; i < n; ++i) v[i] -= along * unit[i];
}

void random_vector(uint64_t key, double* v, int64_t n) {
  for (int64_t i = 0; i < n; ++i) v[i] = uniform_at(key, static_cast<uint64_t>(i)) - 0.5;
}

// Modified Gram-Schmidt in double, which loses as many of its 16 digits as the vectors are alike; one
// that depends on those before it to more than 6 digits gives way to a random direction.
void orthonormalize(Vectors& v, uint64_t key) {
  const int64_t n = v.length;
  std::vector<double> lengths(static_cast<size_t>(v.count));
  for (int64_t i = 0; i < v.count; ++i) {
    lengths[static_cast<size_t>(i)] = std::sqrt(dot(v.row(i), v.row(i), n));
  }
  for (int64_t i = 0; i < v.count; ++i) {
    double* at = v.row(i);
    double length = std::sqrt(dot(at, at, n));
    if (!(length > kDependent * lengths[static_cast<size_t>(i)])) {
      random_vector(random_key(key, {static_cast<uint64_t>(i)}), at, n);
      for (int pass = 0; pass < 2; ++pass) {
        for (int64_t j = 0; j < i; ++j) remove_direction(v.row(j), at, n);
      }
      length = std::sqrt(dot(at, at, n));
    }
    for (int64_t c = 0; c < n; ++c) at[c] /= length;
    parallel_for(v.count - i - 1, std::max<int64_t>(1, 16384 / n), [&](int64_t begin, int64_t end) {
      for (int64_t j = begin; j < end; ++j) remove_direction(at, v.row(i + 1 + j), n);
    });
  }
}

// A two-sided rotation that makes element (p, q) zero.
void rotate(std::vector<double>& m, std::vector<double>& vectors, int64_t n, int64_t p, int64_t q) {
  const auto at = [&](int64_t r, int64_t c) -> double& { return m[static_cast<size_t>(r * n + c)]; };
  const double theta = (at(q, q) - at(p, p)) / (2 * at(p, q));
  const double t = (theta >= 0 ? 1 : -1) / (std::fabs(theta) + std::sqrt(theta * theta + 1));
  const double c = 1 / std::sqrt(t * t + 1), s = t * c;
  const auto turn = [&](double& x, double& y) {
    const double old = x;
    x = c * old - s * y;
    y = s * old + c * y;
  };
  for (int64_t k = 0; k < n; ++k) turn(at(k, p), at(k, q));
  for (int64_t k = 0; k < n; ++k) turn(at(p, k), at(q, k));
  double *vp = vectors.data() + p * n, *vq = vectors.data() + q * n;
  for (int64_t k = 0; k < n; ++k) turn(vp[k], vq[k]);
}

}  // namespace

void symmetric_eigen(std::vector<double>& m, int64_t n, std::vector<double>* values,
                     std::vector<double>* vectors) {
  std::vector<double> turned(static_cast<size_t>(n * n), 0.0);
  double diagonal_energy = 0;
  for (int64_t i = 0; i < n; ++i) turned[static_cast<size_t>(i * n + i)] = 1;
  constexpr int kMostSweeps = 50;
  for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
    double off = 0;
    diagonal_energy = 0;
    for (int64_t r = 0; r < n; ++r) {
      const double* row = m.data() + r * n;
      diagonal_energy += row[r] * row[r];
      for (int64_t c = r + 1; c < n; ++c) off += row[c] * row[c];
    }
    if (!(off > 1e-30 * diagonal_energy)) break;
    // Elements too small to matter at this sweep are left out.
    const double least = std::sqrt(diagonal_energy) * 1e-17;
    for (int64_t p = 0; p < n; ++p) {
      for (int64_t q = p + 1; q < n; ++q) {
        if (std::fabs(m[static_cast<size_t>(p * n + q)]) > least) rotate(m, turned, n, p, q);
      }
    }
  }
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  const auto eigenvalue = [&](int64_t i) { return m[static_cast<size_t>(i * n + i)]; };
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return eigenvalue(a) > eigenvalue(b); });
  values->clear();
  vectors->clear();
  for (const int64_t i : order) {
    values->push_back(eigenvalue(i));
    vectors->insert(vectors->end(), turned.begin() + i * n, turned.begin() + (i + 1) * n);
  }
}

void top_subspace(const float* a, int64_t rows, int64_t cols, bool transposed, int64_t rank,
                  uint64_t key, float* basis) {
  // With M = A or Aᵀ [m, n]: vectors q span the wanted side, z the other one; all are rows.
  const int64_t m = transposed ? cols : rows, n = transposed ? rows : cols;
  const int64_t count = std::min({rank + kOversample, m, n});
  Vectors q(count, m), z(count, n);
  const auto to_z = [&] {  // z = q·M
    q.to_floats();
    gemm_parallel(false, transposed, count, n, m, q.floats.data(), m, a, cols, z.floats.data(), n,
                  false);
    z.from_floats();
  };
  const auto to_q = [&] {  // q = z·Mᵀ
    z.to_floats();
    gemm_parallel(false, !transposed, count, m, n, z.floats.data(), n, a, cols, q.floats.data(), m,
                  false);
    q.from_floats();
  };
  for (int64_t i = 0; i < count; ++i) {
    random_vector(random_key(key, {0, static_cast<uint64_t>(i)}), z.row(i), n);
  }
  double energy = 0;
  for (int iteration = 0;; ++iteration) {
    to_q();
    orthonormalize(q, random_key(key, {1, static_cast<uint64_t>(iteration)}));
    to_z();
    const double now = dot(z.values.data(), z.values.data(), count * n);
    if (!(now > energy * (1 + kEnoughGain)) || iteration == kMostIterations) break;
    energy = now;
    orthonormalize(z, random_key(key, {2, static_cast<uint64_t>(iteration)}));
  }
  // Rayleigh-Ritz: the singular vectors within the span, from z·zᵀ = q·M·Mᵀ·qᵀ.
  std::vector<double> ritz(static_cast<size_t>(count * count)), values, turn;
  parallel_for(count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t j = 0; j < count; ++j) {
        ritz[static_cast<size_t>(i * count + j)] =
            i <= j ? dot(z.row(i), z.row(j), n) : dot(z.row(j), z.row(i), n);
      }
    }
  });
  symmetric_eigen(ritz, count, &values, &turn);
  parallel_for(m, 64, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      for (int64_t k = 0; k < rank; ++k) {
        double sum = 0;
        for (int64_t i = 0; i < count; ++i) sum += turn[static_cast<size_t>(k * count + i)] * q.row(i)[r];
        basis[r * rank + k] = static_cast<float>(sum);
      }
    }
  });
}

}  // namespace qat
