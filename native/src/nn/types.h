// Plain data the layers and networks are described with. The fields mirror the addon's declaration
// (native/index.ts); quant/ has the grids, granularities and range estimators.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "quant/grid.h"

namespace qat {

constexpr int kFloatBits = 32;

// kLsq: scales are learned in training. kSte: they stay as prepared, but those of a binary weight,
// which are recomputed as mean|w| in every forward.
enum class Method { kLsq, kSte };

struct WeightOptions {
  QuantizerConfig quantizer;  // bits 1–8, or kFloatBits (the other fields are then ignored)
  Method method = Method::kLsq;
};

struct ActivationOptions {
  int bits = 4;  // 1–8, or kFloatBits
  bool is_signed = true;  // unsigned: zero point 0; 1 bit: signed ±scale, unsigned {0, scale}
  RangeEstimator range = RangeEstimator::kMse;
  double percentile = 99.9, norm = 2.4;  // parameters of the range estimator, as QuantizerConfig
  Method method = Method::kLsq;
};

struct LinearOptions {
  int64_t in_channels = 0;
  int64_t out_channels = 0;
  std::string device = "cpu";
  std::string dtype = "float32";
  bool bias = false;
  WeightOptions weight;          // weight.quantizer.bits is wBit, 4 by default
  ActivationOptions activation;  // activation.bits is aBit, 4 by default
};

struct Matrix {
  int64_t rows = 0;
  int64_t cols = 0;
  std::vector<float> values;  // row-major
};

}  // namespace qat
