// Cross-layer equalisation: gives the channels between two layers equal ranges in both, so that one
// scale fits them all (Nagel et al. 2019, arXiv:1906.04721, §4.1).
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/cancel.h"

namespace qat {

// A layer of a chain, changed in place. weight [rows, cols]; bias [rows], null for none.
struct EqualizedLayer {
  float* weight = nullptr;
  int64_t rows = 0, cols = 0;
  float* bias = nullptr;
};

struct Equalization {
  // Of the channels between layers i and i + 1: rows of layer i were divided by them, columns of
  // layer i + 1 multiplied.
  std::vector<std::vector<double>> scales;
  int64_t sweeps = 0;  // over all neighbours until no range changed by more than one in a million
};

// Layers in the order of the data, with nothing between two of them but a function with
// f(s·x) = s·f(x) for s > 0 (ReLU, leaky ReLU, none, max pooling): the network computes the same,
// up to rounding. With r₁ the largest |w| of a channel's row in the first layer and r₂ that of its
// columns in the second, s = √(r₁/r₂), repeated over the chain. A channel feeds cols/rows
// neighbouring columns (the positions of a convolution, or of a flattened image). A channel that is
// zero on one side stays.
// Throws Error("E-WEIGHT-SHAPE") for fewer than two layers or channels that do not fit, and
// Error("E-NATIVE-ARGUMENT") when a bias would overflow; nothing is changed then.
Equalization equalize(const std::vector<EqualizedLayer>& layers,
                      const CancelToken* cancel = nullptr);

}  // namespace qat
