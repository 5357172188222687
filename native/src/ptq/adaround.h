// AdaRound: rounds each weight up or down so that the layer's output changes least
// (Nagel et al. 2020, arXiv:2004.10568), on the Hessian of the inputs instead of the inputs.
#pragma once

#include <cstdint>
#include <vector>

#include "ptq/linear_algebra.h"
#include "quant/packing.h"
#include "runtime/cancel.h"

namespace qat {

// Defaults measured on layers of 32 x 64 and 32 x 200 at 2 to 4 bits, inputs independent and
// strongly dependent: more steps or another lambda from 0.1 to 10 change the loss by under 10 %.
struct AdaRoundOptions {
  int64_t iterations = 500;              // > 0
  double learning_rate = 0.1;            // of Adam on v, > 0
  double lambda = 0.3;                   // weight of the pull to up or down, see soft_rounding.h
  double warm_start = 0.2;               // share of the iterations without that pull
  double beta_start = 20, beta_end = 2;  // its exponent, a half cosine over the rest
};

struct AdaRoundResult {
  QuantizedWeight weight;
  std::vector<float> dequantized;  // [rows, cols]
  // ½ Σ_rows d·H·dᵀ, the mean squared output error on the calibration samples: rounded to nearest,
  // and as returned. A row that did not get better keeps its nearest codes.
  double nearest_loss = 0, loss = 0;
};

// weight [rows, cols] finite; h [cols, cols] symmetric, the Hessian of the layer's inputs. Scales
// stay as given. Uniform grids. Rows are independent: threaded, the same bits on any number of
// threads. Reports progress.
// Throws Error("E-NATIVE-ARGUMENT") for options or sizes that make no sense.
AdaRoundResult adaround(const float* weight, int64_t rows, int64_t cols, const SquareMatrix& h,
                        const QuantizerConfig& config, const Scales& scales,
                        const AdaRoundOptions& options, const CancelToken* cancel = nullptr);

}  // namespace qat
