#include "nn/galore.h"

#include <algorithm>
#include <cmath>

#include "nn/top_subspace.h"
#include "qat/error.h"
#include "runtime/gemm_parallel.h"

namespace qat {

void validate(const GaloreOptions& o) {
  const bool good = o.rank >= 0 && o.update_gap >= 1 && o.scale > 0 && std::isfinite(o.scale);
  if (good) return;
  throw Error("E-NATIVE-ARGUMENT",
              "GaLore needs a rank of at least 0, a gap of at least 1 step and a positive scale.",
              "Correct the training settings.");
}

GaloreShape galore_shape(const GaloreOptions& options, int64_t rows, int64_t cols) {
  GaloreShape shape;
  shape.rows = rows;
  shape.cols = cols;
  shape.rank = std::min({options.rank, rows, cols});
  const bool short_right = rows >= cols;
  switch (options.type) {
    case GaloreType::kStd: shape.right = short_right; break;
    case GaloreType::kReverseStd: shape.right = !short_right; break;
    case GaloreType::kLeft: break;
    case GaloreType::kRight: shape.right = true; break;
    case GaloreType::kFull: shape.left = shape.right = true; break;
  }
  if (!shape.right) shape.left = true;
  return shape;
}

void galore_bases(const GaloreShape& shape, const float* gradient, uint64_t key, float* left,
                  float* right) {
  if (shape.left) top_subspace(gradient, shape.rows, shape.cols, false, shape.rank, key, left);
  if (shape.right) top_subspace(gradient, shape.rows, shape.cols, true, shape.rank, key, right);
}

void galore_project(const GaloreShape& s, const float* left, const float* right,
                    const float* gradient, float* low, float* scratch) {
  const float* given = gradient;
  if (s.left) {
    float* to = s.right ? scratch : low;
    gemm_parallel(true, false, s.rank, s.cols, s.rows, left, s.rank, gradient, s.cols, to, s.cols,
                  false);
    given = to;
  }
  if (s.right) {
    gemm_parallel(false, false, s.low_rows(), s.rank, s.cols, given, s.cols, right, s.rank, low,
                  s.rank, false);
  }
}

void galore_add_back(const GaloreShape& s, const float* left, const float* right, const float* low,
                     float* weight, float* scratch) {
  const float* given = low;
  if (s.left) {
    float* to = s.right ? scratch : weight;
    gemm_parallel(false, false, s.rows, s.low_cols(), s.rank, left, s.rank, low, s.low_cols(), to,
                  s.low_cols(), !s.right);
    given = to;
  }
  if (s.right) {
    gemm_parallel(false, true, s.rows, s.cols, s.rank, given, s.rank, right, s.rank, weight, s.cols,
                  true);
  }
}

}  // namespace qat
