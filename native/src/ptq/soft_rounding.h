// The relaxation behind AdaRound: every weight between its two neighbouring levels, and the
// gradient that pulls it to one of them (Nagel et al. 2020, arXiv:2004.10568, §3).
#pragma once

#include <cstdint>
#include <vector>

#include "ptq/linear_algebra.h"
#include "quant/grid.h"

namespace qat {

// The two levels next to each weight [rows, cols]; uniform grids only.
struct RoundingChoices {
  std::vector<uint8_t> code;  // as stored, of the level at or below the weight
  std::vector<float> low;     // its value
  std::vector<float> high;    // that of the next code. Where the weight lies at or beyond the
                              // outermost levels high = low, and `code` is its code in any case
};
RoundingChoices rounding_choices(const float* weight, int64_t rows, int64_t cols,
                                 const QuantizerConfig& config, const Scales& scales);

// h(v) = clamp(σ(v)·(ζ − γ) + γ, 0, 1) with ζ = 1.1, γ = −0.1: 0 is down, 1 is up.
float soft_rounding(float v);
// The v with h(v) = share; 0 <= share <= 1.
float soft_rounding_inverse(float share);

// What the rounding of some rows costs:
//   Σ_rows ( d·H·dᵀ / (2·norm) ) + λ·Σ (1 − |2h − 1|^β)
// with d = low + step·h(v) − weight and step = high − low.
// norm is the mean over the row of step²·H_cc/2: an error of one step everywhere, if the inputs
// were independent, costs as much as there are columns. So λ has no unit.
class RoundingObjective {
 public:
  // `choices` are those of rows `first` ... first + rows - 1 of `weight`, both [*, cols]; all
  // pointers must outlive this. h [cols, cols], symmetric.
  RoundingObjective(const float* weight, const RoundingChoices& choices, const float* h,
                    int64_t first, int64_t rows, int64_t cols);

  // gradient [rows, cols] by v [rows, cols]. lambda 0 leaves the pull out.
  void gradient(const float* v, double lambda, double beta, float* gradient);
  double norm(int64_t row) const { return norms_[static_cast<size_t>(row)]; }

 private:
  const float* weight_;
  const float *low_, *high_, *h_;
  const int64_t rows_, cols_;
  std::vector<double> norms_;   // 0 for a row whose codes do not depend on v
  std::vector<float> d_, soft_; // [rows, cols]
};

}  // namespace qat
