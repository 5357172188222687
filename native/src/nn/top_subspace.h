// The largest singular vectors of a matrix, by subspace iteration from a random start with a
// Rayleigh-Ritz step (Halko, Martinsson & Tropp 2011, algorithm 4.4).
#pragma once

#include <cstdint>
#include <vector>

namespace qat {

// basis [rows, rank] (transposed: [cols, rank]): orthonormal columns, in falling order of their
// singular values, that span the `rank` largest left (transposed: right) singular vectors of
// a [rows, cols]; 1 <= rank <= min(rows, cols). Where a singular value is 0 or singular values are
// equal, any such basis is right; the same key gives the same one on any number of threads.
// Singular values closer than the iteration can tell apart (a few percent at the last of them) may be
// taken for each other. Meant for ranks up to a few hundred: the last step costs (rank + 8)³.
void top_subspace(const float* a, int64_t rows, int64_t cols, bool transposed, int64_t rank,
                  uint64_t key, float* basis);

// Eigenvalues, falling, and orthonormal eigenvectors (the rows of `vectors`, as many) of the symmetric
// matrix [n, n], by cyclic Jacobi rotations. `matrix` is overwritten.
void symmetric_eigen(std::vector<double>& matrix, int64_t n, std::vector<double>* values,
                     std::vector<double>* vectors);

}  // namespace qat
