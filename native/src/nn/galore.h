// GaLore (Zhao et al. 2024): the optimizer works in the subspace that holds most of the gradient, so
// its moments take less memory. G [rows, cols] → Lᵀ·G, G·R or Lᵀ·G·R; the step taken there goes back
// as w += scale·L·Δ·Rᵀ.
#pragma once

#include <cstdint>

namespace qat {

// Which sides are projected. kStd: the shorter one (right when rows >= cols); kReverseStd: the longer.
// The numbers are in checkpoints: append only.
enum class GaloreType { kStd, kReverseStd, kLeft, kRight, kFull };

struct GaloreOptions {
  int64_t rank = 0;  // 0: gradients are not projected; more than a matrix has: all of it
  GaloreType type = GaloreType::kStd;
  int64_t update_gap = 200;  // steps between two choices of the subspace
  double scale = 1;          // of what goes back to the weight
};

// Throws E-NATIVE-ARGUMENT for values outside their ranges.
void validate(const GaloreOptions& options);

struct GaloreShape {
  int64_t rows = 0, cols = 0, rank = 0;
  bool left = false, right = false;

  int64_t low_rows() const { return left ? rank : rows; }
  int64_t low_cols() const { return right ? rank : cols; }
  int64_t low_size() const { return low_rows() * low_cols(); }
  int64_t left_size() const { return left ? rows * rank : 0; }
  int64_t right_size() const { return right ? cols * rank : 0; }
  // Floats that project and add_back need beside their results.
  int64_t scratch_size() const { return left && right ? rank * (rows > cols ? rows : cols) : 0; }
};

// What a rows x cols matrix becomes; rank at most min(rows, cols).
GaloreShape galore_shape(const GaloreOptions& options, int64_t rows, int64_t cols);

// left [rows, rank] and right [cols, rank]: orthonormal columns that span the largest singular vectors
// of the gradient; a side that is not projected may be null.
void galore_bases(const GaloreShape& shape, const float* gradient, uint64_t key, float* left,
                  float* right);
// low [low_rows, low_cols].
void galore_project(const GaloreShape& shape, const float* left, const float* right,
                    const float* gradient, float* low, float* scratch);
// weight [rows, cols] += L·low·Rᵀ.
void galore_add_back(const GaloreShape& shape, const float* left, const float* right,
                     const float* low, float* weight, float* scratch);

}  // namespace qat
