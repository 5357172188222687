// Dense symmetric linear algebra in double, for methods that invert a Hessian. Row-major [n, n].
//
// Blocked and threaded; every sum runs in a fixed order, so the bits do not depend on the number of
// threads.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/cancel.h"

namespace qat {

using SquareMatrix = std::vector<double>;  // row-major [n, n]; n goes along with it

// a = L·Lᵀ, L lower triangular with a positive diagonal and zeros above; a is symmetric.
// Throws Error("E-NATIVE-ARGUMENT") when a is not positive definite.
SquareMatrix cholesky(SquareMatrix a, int64_t n, const CancelToken* cancel = nullptr);

// L⁻¹ of a lower triangular L (zeros above) with a nonzero diagonal.
SquareMatrix inverse_of_lower(const SquareMatrix& l, int64_t n,
                              const CancelToken* cancel = nullptr);

// The upper triangular U with a⁻¹ = Uᵀ·U, without forming a⁻¹: with J the matrix that reverses the
// order, J·a·J = L·Lᵀ gives U = J·L⁻¹·J. Takes 2n³/3 multiply-adds instead of 4n³/3.
// Throws as cholesky().
SquareMatrix cholesky_of_inverse(SquareMatrix a, int64_t n, const CancelToken* cancel = nullptr);

}  // namespace qat
