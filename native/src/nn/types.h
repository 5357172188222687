// Plain data that layers are described with. The fields mirror the addon's declaration
// (native/index.ts); quant/ has the grids, granularities and range estimators.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "quant/grid.h"

namespace qat {

constexpr int kFloatBits = 32;

// The gradient rule. kLsq: scales are learned in training. kSte: they stay as prepared, but those of a
// weight that are its mean (binary) or its abs-max follow it: they are computed anew in every forward.
enum class Method { kLsq, kSte };

struct WeightOptions {
  QuantizerConfig quantizer;  // bits 1–8, or kFloatBits (the other fields are then ignored)
  Method method = Method::kLsq;
};

struct ActivationOptions {
  int bits = 4;  // 1–8, or kFloatBits
  bool is_signed = true;  // unsigned: zero point 0; 1 bit: signed ±scale, unsigned {0, scale}
  RangeEstimator range = RangeEstimator::kMse;
  Method method = Method::kLsq;
};

// What every n-bit layer is told, whatever it does with its weight.
struct LayerOptions {
  std::string device = "cpu";
  std::string dtype = "float32";
  bool bias = false;
  WeightOptions weight;          // weight.quantizer.bits is wBit, 4 by default
  ActivationOptions activation;  // activation.bits is aBit, 4 by default
};

struct LinearOptions : LayerOptions {
  int64_t in_channels = 0;
  int64_t out_channels = 0;
  int64_t tokens = 1;  // places of a sample that meet the weight one by one: [tokens, in_channels]
};

struct Matrix {
  int64_t rows = 0;
  int64_t cols = 0;
  std::vector<float> values;  // row-major
};

}  // namespace qat
